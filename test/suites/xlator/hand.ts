/** What the parts of the xlators' suite have in common. */
import type { Test } from 'tap';
import { type Errno, errnoOf } from '#src/errno.ts';
import { Fd, type Inode } from '#src/graph/inode.ts';
import { type CreateHow, type DirList, FopError, type Made, Stable } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import type { Iatt, Wcc } from '#src/graph/iatt.ts';
import { releaseOf } from '#src/graph/subtree.ts';
import type { Xlator } from '#src/graph/xlator.ts';
import type { InodeTable } from '#src/inode/table.ts';
import { frame as rootFrame } from '../../support/graph.ts';

/** An empty volume, and an inode table over it. */
export interface Subject {
  readonly top: Xlator;
  readonly table: InodeTable;
  readonly root: Inode;
}

export const guarded: CreateHow = { mode: 'guarded', attr: { mode: 0o640 } };

/** Acts as a caller does with the answers: it links inodes, so that they are found again by their handles. */
export class Hand {
  readonly top: Xlator;
  readonly table: InodeTable;
  readonly root: Inode;
  readonly frame: Frame = rootFrame;
  readonly release: (fd: Fd) => void;

  constructor({ top, table, root }: Subject) {
    this.top = top;
    this.release = releaseOf(top);
    this.table = table;
    this.root = root;
  }

  async lookup(parent: Inode, name: string): Promise<Inode> {
    return this.table.link((await this.top.lookup(this.frame, parent, name)).iatt, parent, name);
  }

  async made(parent: Inode, name: string, reply: Promise<Made>): Promise<Inode> {
    return this.table.link((await reply).iatt, parent, name);
  }

  async file(name: string, content = '', parent = this.root): Promise<Inode> {
    const inode = await this.made(parent, name, this.top.create(this.frame, parent, name, guarded));
    if (content !== '') await this.top.writev(this.frame, inode.fd, Buffer.from(content), 0, Stable.UNSTABLE);
    return inode;
  }

  dir(name: string, parent = this.root): Promise<Inode> {
    return this.made(parent, name, this.top.mkdir(this.frame, parent, name, { mode: 0o755 }));
  }

  async content(inode: Inode, size = 1000, offset = 0): Promise<string> {
    const { data, release } = await this.top.readv(this.frame, inode.fd, size, offset);
    const text = data.toString();
    release?.();
    return text;
  }

  async open(inode: Inode, flags: number): Promise<Fd> {
    return new Fd(inode, flags, (await this.top.open(this.frame, inode, flags)).notes);
  }

  async opendir(inode: Inode): Promise<Fd> {
    return new Fd(inode, 0, (await this.top.opendir(this.frame, inode)).notes);
  }

  stat(inode: Inode): Promise<Iatt> {
    return this.top.stat(this.frame, inode);
  }

  /** All names of a directory, read in pages of about `size` bytes. */
  async names(kind: 'readdir' | 'readdirp', inode: Inode, size: number): Promise<DirList['entries']> {
    const fd = await this.opendir(inode);
    const entries: DirList['entries'][number][] = [];
    let cookie = 0n;
    for (let pages = 0; pages < 10_000; pages++) {
      const list = await this.top[kind](this.frame, fd, size, cookie);
      entries.push(...list.entries);
      cookie = entries.at(-1)!.cookie;
      if (list.eof) {
        this.release(fd);
        return entries;
      }
      if (list.entries.length === 0) break;
    }
    throw new Error('the listing does not end');
  }
}

/** The errno that a fop fails with, and the attributes of the objects that it would have changed. */
export async function failure(
  reply: Promise<unknown>,
): Promise<{ code: Errno | undefined; wcc?: Wcc; toWcc?: Wcc | undefined }> {
  try {
    await reply;
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    return error instanceof FopError ? { code, wcc: error.wcc, toWcc: error.toWcc } : { code };
  }
  throw new Error('expected an error, found none');
}

/** The attributes without those that reading may change or the disk decides later, and without notes. */
export function steady({ notes: _notes, ...iatt }: Iatt): Iatt {
  return { ...iatt, atime: 0, atimeNsec: 0, used: 0 };
}

export const isFullIatt = (iatt: Iatt | undefined): iatt is Iatt => iatt !== undefined && iatt.gfid.length === 16;

/** Declares a test over a volume of its own. */
export type Tests = (what: string, run: (t: Test, hand: Hand) => Promise<void>) => unknown;
