/** Plays the steps of GlusterFS's rebalance daemon, which is a client of its own. */
import type { Inode } from '#src/graph/inode.ts';
import { type Iatt, FileType } from '#src/graph/iatt.ts';
import { Stable } from '#src/graph/fops.ts';
import { errnoOf } from '#src/errno.ts';
import { O_RDWR } from '#src/sys/constants.ts';
import { Fd, Inode as AnyInode } from '#src/graph/inode.ts';
import { keepNotes } from '#src/graph/note.ts';
import { encodeRange, HASH_MAX, rangeOf } from '#src/xlators/cluster/distribute/layout/layout.ts';
import { hashOf } from '#src/xlators/cluster/distribute/layout/hash.ts';
import type { Client } from './support.ts';

const LINKTO = 'trusted.glusterfs.dht.linkto';
const LAYOUT = 'trusted.glusterfs.dht';
const COMMIT = 'trusted.glusterfs.dht.commithash';
const MIGRATING = 0o3000;
const PROTECT = 'trusted.glusterfs.protect.writes';
const UNLESS_PROTECTED = new Map([['glusterfs.avoid.overwrite', 1]]);
const WHOLE = { start: 0n, length: 0n };
const SIZE_MAX = 65_536;

/** Where a file is and where it belongs, as the daemon has seen it. */
interface Task {
  readonly dir: Inode;
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

export class Daemon {
  readonly #client: Client;
  #commit = 76;

  constructor(client: Client) {
    this.#client = client;
  }

  brick(child: number) {
    return this.#client.brick(child);
  }

  /** The volume gets another commit hash, before any layout is changed. */
  async begin(): Promise<void> {
    const { frame, root } = this.#client.hand;
    const commit = new Map([[COMMIT, Buffer.from(`${++this.#commit}\0`)]]);
    await Promise.all(this.#client.bricks.map(brick => brick.setxattr(frame, root, commit, 0)));
  }

  /** Gives a directory other ranges: the bricks take them in this order. The layout of the directory is locked. */
  async relayout(dir: Inode, order: readonly number[]): Promise<void> {
    const { frame } = this.#client.hand;
    const lock = (type: 'write' | 'unlock') => (child: number) =>
      this.brick(child).inodelk(frame, 'dht.layout.heal', dir, { ...WHOLE, type }, true);
    const children = order.map((_, child) => child);
    for (const child of children) await lock('write')(child);
    try {
      const chunk = Math.floor(HASH_MAX / order.length);
      for (const [at, child] of order.entries()) {
        const stop = at === order.length - 1 ? HASH_MAX : (at + 1) * chunk - 1;
        const range = encodeRange(rangeOf(at * chunk, stop, 1));
        await this.brick(child).setxattr(frame, dir, new Map([[LAYOUT, range]]), 0);
      }
    } finally {
      await Promise.all(children.map(lock('unlock')));
    }
  }

  /** The files of a directory that are not where they belong. */
  async tasks(dir: Inode, path: string): Promise<Task[]> {
    const { frame } = this.#client.hand;
    const layout = this.#client.layout(path);
    const found: Task[] = [];
    for (const [from, brick] of this.#client.bricks.entries()) {
      const { entries } = await brick.readdirp(frame, dir.fd, SIZE_MAX, 0n, new Map([[LINKTO, 256]]));
      for (const { name, iatt, xdata } of entries) {
        if (name === '.' || name === '..' || iatt === undefined || iatt.type !== FileType.REG) continue;
        const to = layout.childFor(hashOf(name));
        if (to !== from && !(iatt.mode === 0o1000 && xdata?.has(LINKTO))) found.push({ dir, name, from, to });
      }
    }
    return found;
  }

  /**
   * Moves a file to where it belongs. Answers whether it did: what has been renamed or has another name stays.
   * @param before is called before each step, with what it is
   */
  async migrate({ dir, name, from, to }: Task, before: (step: string) => Promise<void> = async () => {}) {
    const { frame, release, table } = this.#client.hand;
    const [source, target] = [this.brick(from), this.brick(to)];
    const ask = new Map([[LINKTO, 256]]);
    await before('lookup');
    let iatt: Iatt;
    try {
      ({ iatt } = await this.#client.hand.top.lookup(frame, dir, name));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      return false;
    }
    const inode = table.link(iatt, dir, name);
    const on = ({ gfid, type, notes }: Iatt) => {
      const own = new AnyInode(gfid, type);
      keepNotes(own.slots, notes);
      return own;
    };
    const unlock: (() => Promise<void>)[] = [];
    const fds: Fd[] = [];
    try {
      await before('lock');
      await source.inodelk(frame, 'dht.file.migrate', inode, { ...WHOLE, type: 'write' }, true);
      unlock.push(() => source.inodelk(frame, 'dht.file.migrate', inode, { ...WHOLE, type: 'unlock' }, false));
      await target.entrylk(frame, 'dht.entry.sync', dir, name, 'write', true);
      unlock.push(() => target.entrylk(frame, 'dht.entry.sync', dir, name, 'unlock', false));
      await before('check');
      const there = await source.lookup(frame, dir, name, ask);
      const isLinkto = there.iatt.mode === 0o1000 && there.xdata?.has(LINKTO) === true;
      if (!there.iatt.gfid.equals(iatt.gfid) || there.iatt.nlink > 1 || isLinkto) return false;
      const old = on(there.iatt);
      await before('create');
      const fresh = await this.#destination(target, dir, name, there.iatt, this.#client.childName(from));
      if (fresh === undefined) return false;
      fds.push(fresh);
      await before('mark');
      const { mode } = there.iatt;
      await source.setxattr(frame, old, new Map([[LINKTO, Buffer.from(`${this.#client.childName(to)}\0`)]]), 0);
      await source.setattr(frame, old, { mode: mode | MIGRATING });
      await before('copy');
      const { data } = await source.readv(frame, old.fd, SIZE_MAX, 0);
      await before('write');
      try {
        if (data.length > 0) await target.writev(frame, fresh, Buffer.from(data), 0, Stable.UNSTABLE, UNLESS_PROTECTED);
      } catch (error) {
        if (errnoOf(error) !== 'EBUSY') throw error;
        await source.setattr(frame, old, { mode });
        await source.removexattr(frame, old, LINKTO);
        await target.truncate(frame, fresh.inode, 0);
        return false;
      }
      await before('finish');
      const now = await source.stat(frame, old);
      await target.setattr(frame, fresh.inode, { mode: now.mode & ~MIGRATING, uid: now.uid, gid: now.gid });
      await source.setattr(frame, old, { mode: 0o1000 });
      await source.truncate(frame, old, 0);
      await before('switch');
      await target.removexattr(frame, fresh.inode, LINKTO);
      await before('unlink');
      await source.unlink(frame, dir, name).catch(() => {});
      return true;
    } catch (error) {
      if (!['ENOENT', 'ESTALE', 'EEXIST', 'ENODATA', 'EIO', 'EBADF'].includes(errnoOf(error) ?? '')) throw error;
      return false;
    } finally {
      for (const one of unlock) await one().catch(() => {});
      if (fds[0]) await target.removexattr(frame, fds[0].inode, PROTECT).catch(() => {});
      await before('release');
      for (const fd of fds) release(fd);
    }
  }

  /** The file at the new place, open: the linkto file that is there, or a new one. */
  async #destination(target: ReturnType<Client['brick']>, dir: Inode, name: string, iatt: Iatt, from: string) {
    const { frame } = this.#client.hand;
    let found: Iatt | undefined;
    try {
      found = (await target.lookup(frame, dir, name)).iatt;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
    if (found !== undefined && !found.gfid.equals(iatt.gfid)) return undefined;
    if (found !== undefined) {
      const inode = new AnyInode(found.gfid, found.type);
      keepNotes(inode.slots, found.notes);
      return new Fd(inode, O_RDWR, (await target.open(frame, inode, O_RDWR)).notes);
    }
    const attr = { mode: 0o1000, gfid: iatt.gfid };
    const linkto = new Map([[LINKTO, Buffer.from(`${from}\0`)]]);
    const made = await target.create(frame, dir, name, { mode: 'guarded', attr }, O_RDWR, linkto);
    const inode = new AnyInode(made.iatt.gfid, made.iatt.type);
    keepNotes(inode.slots, made.iatt.notes);
    return new Fd(inode, O_RDWR, made.opened?.notes);
  }

  /** Moves all files of a directory to where they belong, and gives it the commit hash of the volume. */
  async rebalance(dir: Inode, path: string): Promise<number> {
    let moved = 0;
    for (const task of await this.tasks(dir, path)) if (await this.migrate(task)) moved++;
    return moved;
  }
}
