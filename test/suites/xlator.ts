/**
 * What holds of every xlator that lets changes through, alone or on top of others: all fops, over a real brick or the
 * one in memory.
 */
import type { Test } from 'tap';
import { type Errno, errnoOf } from '#src/errno.ts';
import { Fd, type Inode } from '#src/graph/inode.ts';
import { Access, type CreateHow, type DirList, FopError, type Made, Stable } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import { FileType, type Iatt, type Wcc } from '#src/graph/iatt.ts';
import { ANCESTRY_PATH } from '#src/graph/virtual-xattrs.ts';
import { releaseOf } from '#src/graph/subtree.ts';
import type { Xlator } from '#src/graph/xlator.ts';
import { type InodeTable, ROOT_GFID } from '#src/inode/table.ts';
import { frame as rootFrame } from '../support/graph.ts';

/** An empty volume, and an inode table over it. */
export interface Subject {
  readonly top: Xlator;
  readonly table: InodeTable;
  readonly root: Inode;
}

type Make = (t: Test) => Promise<Subject>;

const guarded: CreateHow = { mode: 'guarded', attr: { mode: 0o640 } };
const O_RDWR = 2;

/** What a caller does with the answers: remembers inodes, so that handles of them are found again. */
class Hand {
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

  /** All names of a directory, taken in pages of about `size` bytes. */
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
    throw new Error('a listing that does not end');
  }
}

/** The errno that a fop fails with, and what it says of the objects it would have changed. */
async function failure(
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

/** Without what reading may change, and what the disk decides later. */
const steady = (iatt: Iatt): Iatt => ({ ...iatt, atime: 0, atimeNsec: 0, used: 0 });

const isFullIatt = (iatt: Iatt | undefined): iatt is Iatt => iatt !== undefined && iatt.gfid.length === 16;

export function xlatorSuite(t: Test, name: string, make: Make): void {
  const test = (what: string, run: (t: Test, hand: Hand) => Promise<void>) =>
    t.test(`${name}: ${what}`, async t => run(t, new Hand(await make(t))));
  lookups(test);
  making(test);
  removing(test);
  attributes(test);
  contents(test);
  listings(test);
  extras(test);
}

type Tests = (what: string, run: (t: Test, hand: Hand) => Promise<void>) => unknown;

function lookups(test: Tests): void {
  test('the root is itself, its own parent, and found by its gfid', async (t, { top, frame, root }) => {
    const iatt = await top.stat(frame, root);
    t.same(iatt.gfid, ROOT_GFID);
    t.equal(iatt.type, FileType.DIR);
    t.same(steady((await top.lookup(frame, root, '.')).iatt), steady(iatt));
    t.same(steady((await top.lookup(frame, root, '..')).iatt), steady(iatt));
    t.same(steady((await top.discover(frame, ROOT_GFID, undefined)).iatt), steady(iatt));
  });

  test('lookup, stat, fstat and discover agree', async (t, hand) => {
    const { top, frame, root } = hand;
    const dir = await hand.dir('d');
    const file = await hand.file('f', 'text', dir);
    const found = await top.lookup(frame, dir, 'f');
    t.same(steady(found.parent!), steady(await hand.stat(dir)));
    t.same(found.iatt.gfid, file.gfid);
    t.same(steady(await hand.stat(file)), steady(found.iatt));
    t.same(steady(await top.fstat(frame, file.fd)), steady(found.iatt));
    t.same(steady((await top.discover(frame, found.iatt.gfid, found.iatt.hint)).iatt), steady(found.iatt));
    t.same((await top.lookup(frame, dir, '..')).iatt.gfid, root.gfid);
    t.equal(found.iatt.size, 4);
    t.equal(found.iatt.nlink, 1);
  });

  test('a directory tells where it is, and what is no directory does not', async (t, hand) => {
    const { top, frame, root } = hand;
    const path = async (inode: Inode) =>
      (await top.getxattr(frame, inode, ANCESTRY_PATH)).get(ANCESTRY_PATH)!.toString();
    const dir = await hand.dir('d');
    const below = await hand.dir('below', dir);
    t.strictSame(await Promise.all([root, dir, below].map(path)), ['/', '/d', '/d/below']);
    await top.rename(frame, dir, 'below', root, 'moved');
    t.equal(await path(below), '/moved');
    const file = await hand.file('f');
    t.equal((await failure(top.getxattr(frame, file, ANCESTRY_PATH))).code, 'ENODATA');
  });

  test('what is not there: ENOENT; below a file: ENOTDIR; there no more: ESTALE', async (t, hand) => {
    const { top, frame, root } = hand;
    const file = await hand.file('f');
    t.equal((await failure(top.lookup(frame, root, 'nothing'))).code, 'ENOENT');
    t.equal((await failure(top.lookup(frame, file, 'x'))).code, 'ENOTDIR');
    const { gfid, hint } = await hand.stat(file);
    await top.unlink(frame, root, 'f');
    t.equal((await failure(top.discover(frame, gfid, hint))).code, 'ESTALE');
  });

  test('names are bytes', async (t, hand) => {
    const bytes = [...Array(256).keys()].filter(byte => byte !== 0 && byte !== 0x2f);
    const names = [0, 128].map(from => String.fromCharCode(...bytes.filter(byte => byte >= from && byte < from + 128)));
    for (const name of names) {
      const inode = await hand.file(name);
      t.same((await hand.lookup(hand.root, name)).gfid, inode.gfid);
    }
    const entries = await hand.names('readdir', hand.root, 4096);
    t.same(new Set(entries.map(entry => entry.name)), new Set(['.', '..', ...names]));
    t.equal((await failure(hand.file('x'.repeat(256)))).code, 'ENAMETOOLONG');
  });
}

function making(test: Tests): void {
  test('create: guarded, unchecked, exclusive (RFC 1813, 3.3.8)', async (t, hand) => {
    const { top, frame, root } = hand;
    const before = await hand.stat(root);
    const made = await top.create(frame, root, 'f', guarded);
    t.match(made.iatt, { type: FileType.REG, mode: 0o640, size: 0, nlink: 1 });
    t.same(steady(made.parent.before!), steady(before));
    t.same(steady(made.parent.after!), steady(await hand.stat(root)));

    const again = await failure(top.create(frame, root, 'f', guarded));
    t.equal(again.code, 'EEXIST');
    t.ok(isFullIatt(again.wcc?.before) && isFullIatt(again.wcc?.after), 'what the directory looked like comes with it');

    const inode = await hand.lookup(root, 'f');
    await top.writev(frame, inode.fd, Buffer.from('text'), 0, Stable.UNSTABLE);
    const unchecked = await top.create(frame, root, 'f', { mode: 'unchecked', attr: {} });
    t.same([unchecked.iatt.gfid, unchecked.iatt.size], [inode.gfid, 4]);
    const truncated = await top.create(frame, root, 'f', { mode: 'unchecked', attr: { size: 0 } });
    t.equal(truncated.iatt.size, 0);
    const { iatt: fifo } = await top.mknod(frame, root, 'p', FileType.FIFO, { mode: 0o640 }, { major: 0, minor: 0 });
    const found = await top.create(frame, root, 'p', { mode: 'unchecked', attr: { size: 0, mode: 0o600 } });
    t.match(found.iatt, { gfid: fifo.gfid, type: FileType.FIFO, mode: 0o640 }, 'what is no file is left as it is');

    const verifier = Buffer.from('verifier');
    const exclusive = await top.create(frame, root, 'x', { mode: 'exclusive', verifier });
    const repeated = await top.create(frame, root, 'x', { mode: 'exclusive', verifier: Buffer.from('verifier') });
    t.same(repeated.iatt.gfid, exclusive.iatt.gfid, 'a repeat of the call succeeds');
    const other = top.create(frame, root, 'x', { mode: 'exclusive', verifier: Buffer.from('another!') });
    t.equal((await failure(other)).code, 'EEXIST');
  });

  test('mkdir', async (t, hand) => {
    const { top, frame, root } = hand;
    const before = await hand.stat(root);
    const made = await top.mkdir(frame, root, 'd', { mode: 0o700 });
    t.match(made.iatt, { type: FileType.DIR, mode: 0o700 });
    t.same(steady(made.parent.before!), steady(before));
    t.same(steady(made.parent.after!), steady(await hand.stat(root)));
    t.equal((await failure(top.mkdir(frame, root, 'd', {}))).code, 'EEXIST');
  });

  test('symlink and readlink', async (t, hand) => {
    const { top, frame, root } = hand;
    const target = `../${'x'.repeat(300)}/\xff\xfe`;
    const made = await top.symlink(frame, root, 's', target, {});
    t.match(made.iatt, { type: FileType.LNK, size: target.length });
    const inode = await hand.lookup(root, 's');
    t.equal((await top.readlink(frame, inode)).target, target);
    t.equal((await failure(top.readlink(frame, await hand.file('f')))).code, 'EINVAL');
    t.equal((await failure(top.symlink(frame, root, 's', 'x', {}))).code, 'EEXIST');
  });

  test('mknod: a fifo and a socket', async (t, { top, frame, root }) => {
    const device = { major: 0, minor: 0 };
    for (const [name, type] of [
      ['fifo', FileType.FIFO],
      ['socket', FileType.SOCK],
    ] as const) {
      const { iatt } = await top.mknod(frame, root, name, type, { mode: 0o600 }, device);
      t.match(iatt, { type, mode: 0o600, size: 0 });
      t.equal((await top.lookup(frame, root, name)).iatt.type, type);
    }
    t.equal((await failure(top.mknod(frame, root, 'fifo', FileType.FIFO, {}, device))).code, 'EEXIST');
  });

  test('link: one object under two names', async (t, hand) => {
    const { top, frame, root } = hand;
    const inode = await hand.file('a', 'text');
    const dir = await hand.dir('d');
    const made = await top.link(frame, inode, dir, 'b');
    t.match(made.iatt, { nlink: 2, size: 4 });
    t.same(made.iatt.gfid, inode.gfid);
    t.same(steady(made.parent.after!), steady(await hand.stat(dir)));
    t.equal((await failure(top.link(frame, inode, root, 'a'))).code, 'EEXIST');
    await top.unlink(frame, root, 'a');
    t.equal(await hand.content(await hand.lookup(dir, 'b')), 'text');
  });
}

function removing(test: Tests): void {
  test('unlink takes the name away, once', async (t, hand) => {
    const { top, frame, root } = hand;
    const inode = await hand.file('f');
    const { parent } = await top.unlink(frame, root, 'f');
    t.ok(isFullIatt(parent.before));
    t.same(steady(parent.after!), steady(await hand.stat(root)));
    t.equal((await failure(top.lookup(frame, root, 'f'))).code, 'ENOENT');
    const again = await failure(top.unlink(frame, root, 'f'));
    t.equal(again.code, 'ENOENT');
    t.ok(isFullIatt(again.wcc?.after), 'what the directory looks like comes with the error');
    t.equal((await failure(hand.stat(inode))).code, 'ESTALE');
    await hand.dir('d');
    t.equal((await failure(top.unlink(frame, root, 'd'))).code, 'EISDIR');
  });

  test('rmdir, of empty directories only', async (t, hand) => {
    const { top, frame, root } = hand;
    const dir = await hand.dir('d');
    await hand.file('f', '', dir);
    t.equal((await failure(top.rmdir(frame, root, 'd'))).code, 'ENOTEMPTY');
    t.equal((await failure(top.rmdir(frame, dir, 'f'))).code, 'ENOTDIR');
    await top.unlink(frame, dir, 'f');
    const { parent } = await top.rmdir(frame, root, 'd');
    t.same(steady(parent.after!), steady(await hand.stat(root)));
    t.equal((await failure(top.rmdir(frame, root, 'd'))).code, 'ENOENT');
  });

  test('rename', async (t, hand) => {
    const { top, frame, root } = hand;
    const [from, to] = [await hand.dir('from'), await hand.dir('to')];
    const file = await hand.file('a', 'mine', from);
    await hand.file('b', 'theirs', to);
    const before = [await hand.stat(from), await hand.stat(to)];
    const renamed = await top.rename(frame, from, 'a', to, 'b');
    t.same([renamed.from.before!, renamed.to.before!].map(steady), before.map(steady));
    t.same(steady(renamed.from.after!), steady(await hand.stat(from)));
    t.same(steady(renamed.to.after!), steady(await hand.stat(to)));
    const moved = await hand.lookup(to, 'b');
    t.same(moved.gfid, file.gfid, 'it is the same object');
    t.equal(await hand.content(moved), 'mine');

    const gone = await failure(top.rename(frame, from, 'a', to, 'c'));
    t.equal(gone.code, 'ENOENT');
    t.ok(isFullIatt(gone.wcc?.after) && isFullIatt(gone.toWcc?.after), 'what both directories look like comes with it');
    t.equal((await failure(top.rename(frame, root, 'to', to, 'itself'))).code, 'EINVAL');
    t.equal((await failure(top.rename(frame, to, 'b', root, 'from'))).code, 'EISDIR');
    await top.rename(frame, root, 'to', from, 'inside');
    t.equal(await hand.content(await hand.lookup(await hand.lookup(from, 'inside'), 'b')), 'mine');
  });
}

function attributes(test: Tests): void {
  test('setattr and fsetattr', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f', 'text');
    const before = await hand.stat(inode);
    const times = { atime: { sec: 1_234_567_890, nsec: 123_456_789 }, mtime: { sec: 5, nsec: 0 } };
    const wcc = await top.setattr(frame, inode, { mode: 0o4751, size: 2, ...times });
    t.same(steady(wcc.before!), steady(before));
    const after = await hand.stat(inode);
    t.same(wcc.after, after);
    t.match(after, { mode: 0o4751, size: 2, mtime: 5, mtimeNsec: 0, atime: 1_234_567_890, atimeNsec: 123_456_789 });
    await top.fsetattr(frame, inode.fd, { mode: 0o600, mtime: 'now' });
    const last = await hand.stat(inode);
    t.equal(last.mode, 0o600);
    t.ok(last.mtime > 1_600_000_000);
  });

  test('setattr with a guard: only if nobody was there before (RFC 1813, 3.3.2)', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f');
    const { ctime, ctimeNsec } = await hand.stat(inode);
    const stale = await failure(top.setattr(frame, inode, { mode: 0o600 }, { sec: 1, nsec: 2 }));
    t.equal(stale.code, 'EAGAIN');
    await top.setattr(frame, inode, { mode: 0o600 }, { sec: ctime, nsec: ctimeNsec });
    t.equal((await hand.stat(inode)).mode, 0o600);
  });

  test('truncate and ftruncate, shorter and longer', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f', 'some text');
    t.match(await top.truncate(frame, inode, 4), { before: { size: 9 }, after: { size: 4 } });
    t.match(await top.ftruncate(frame, inode.fd, 6), { before: { size: 4 }, after: { size: 6 } });
    t.equal(await hand.content(inode), 'some\0\0');
  });

  test('access says which of the bits the caller has', async (t, hand) => {
    const inode = await hand.file('f');
    await hand.top.setattr(hand.frame, inode, { mode: 0o600 });
    const { granted, iatt } = await hand.top.access(hand.frame, inode, Access.READ | Access.WRITE);
    t.equal(granted, Access.READ | Access.WRITE);
    t.same(iatt.gfid, inode.gfid);
  });

  test('extended attributes', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f');
    const value = Buffer.from([0, 1, 255]);
    await top.setxattr(frame, inode, new Map([['user.a', value]]), 0);
    await top.fsetxattr(frame, inode.fd, new Map([['user.b', Buffer.from('b')]]), 1);
    t.same((await top.getxattr(frame, inode, 'user.a')).get('user.a'), value);
    t.same((await top.fgetxattr(frame, inode.fd, 'user.b')).get('user.b'), Buffer.from('b'));
    const all = await top.getxattr(frame, inode);
    t.same([...all.keys()].filter(key => key.startsWith('user.')).toSorted(), ['user.a', 'user.b']);
    t.equal((await failure(top.setxattr(frame, inode, new Map([['user.a', value]]), 1))).code, 'EEXIST');
    t.equal((await failure(top.setxattr(frame, inode, new Map([['user.c', value]]), 2))).code, 'ENODATA');
    await top.removexattr(frame, inode, 'user.a');
    await top.fremovexattr(frame, inode.fd, 'user.b');
    t.equal((await failure(top.getxattr(frame, inode, 'user.a'))).code, 'ENODATA');
  });
}

function contents(test: Tests): void {
  test('what is written is read, wherever', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f');
    const data = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 251));
    const written = await top.writev(frame, inode.fd, data, 0, Stable.FILE_SYNC);
    t.match(written, { count: 70_000, stable: Stable.FILE_SYNC, before: { size: 0 }, after: { size: 70_000 } });
    const all = await top.readv(frame, inode.fd, 100_000, 0);
    t.ok(all.data.equals(data));
    t.ok(all.eof);
    all.release?.();
    const part = await top.readv(frame, inode.fd, 5, 69_990);
    t.same([part.data, part.eof, part.iatt.size], [data.subarray(69_990, 69_995), false, 70_000]);
    part.release?.();
    const end = await top.readv(frame, inode.fd, 10, 70_000);
    t.same([end.data.length, end.eof], [0, true]);
    end.release?.();
  });

  test('a file may have holes', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f', 'a');
    await top.writev(frame, inode.fd, Buffer.from('b'), 10_000, Stable.UNSTABLE);
    t.equal(await hand.content(inode, 20_000), `a${'\0'.repeat(9999)}b`);
  });

  test('an fd of its own', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f');
    const fd = await hand.open(inode, O_RDWR);
    await top.writev(frame, fd, Buffer.from('text'), 0, Stable.UNSTABLE);
    await top.flush(frame, fd);
    const { before, after } = await top.fsync(frame, fd, false);
    t.ok(isFullIatt(after) && isFullIatt(before));
    await top.fsync(frame, fd, true);
    t.equal((await top.fstat(frame, fd)).size, 4);
    hand.release(fd);
    t.equal(await hand.content(inode), 'text');
  });

  test('a directory is neither read nor written', async (t, hand) => {
    const { top, frame } = hand;
    const { fd } = await hand.dir('d');
    t.equal((await failure(top.readv(frame, fd, 10, 0))).code, 'EISDIR');
    t.equal((await failure(top.writev(frame, fd, Buffer.from('x'), 0, Stable.UNSTABLE))).code, 'EISDIR');
  });

  test('fallocate, discard, zerofill, seek', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f', 'x'.repeat(10));
    const { fd } = inode;
    await top.discard(frame, fd, 2, 3);
    await top.zerofill(frame, fd, 7, 1);
    t.equal(await hand.content(inode), 'xx\0\0\0xx\0xx');
    t.match(await top.fallocate(frame, fd, 0, 0, 20), { after: { size: 20 } });
    t.equal(await top.seek(frame, fd, 1, 'data'), 1);
    t.ok((await top.seek(frame, fd, 0, 'hole')) <= 20);
    t.equal((await failure(top.seek(frame, fd, 21, 'data'))).code, 'ENXIO');
  });
}

function listings(test: Tests): void {
  for (const kind of ['readdir', 'readdirp'] as const) {
    test(`${kind}: every entry once, in pages of any size`, async (t, hand) => {
      const dir = await hand.dir('d');
      const made = new Map<string, Inode>();
      for (let i = 0; i < 40; i++) made.set(`entry-${i}`, await hand.file(`entry-${i}`, '', dir));
      for (const size of [1, 500, 100_000]) {
        const entries = await hand.names(kind, dir, size);
        t.same(entries.map(entry => entry.name).toSorted(), ['.', '..', ...made.keys()].toSorted(), `pages of ${size}`);
        t.equal(new Set(entries.map(entry => entry.cookie)).size, entries.length, 'each has a cookie of its own');
      }
      for (const { name, ino, iatt } of await hand.names(kind, dir, 4096)) {
        const inode = name === '.' ? dir : name === '..' ? hand.root : made.get(name)!;
        const expected = await hand.stat(inode);
        t.equal(ino, expected.ino);
        if (kind === 'readdirp') t.same(steady(iatt!), steady(expected));
        else t.equal(iatt, undefined);
      }
    });

    test(`${kind}: goes on behind a cookie whatever has happened meanwhile`, async (t, hand) => {
      const { top, frame } = hand;
      const dir = await hand.dir('d');
      for (let i = 0; i < 20; i++) await hand.file(`entry-${i}`, '', dir);
      const entries = await hand.names(kind, dir, 4096);
      const [at, rest] = [entries[9]!, entries.slice(10)];
      await top.unlink(frame, dir, entries.find(entry => !entry.name.startsWith('.'))!.name);
      const behind = await top[kind](frame, dir.fd, 100_000, at.cookie);
      t.same(
        behind.entries.map(entry => entry.name),
        rest.map(entry => entry.name),
      );
      t.ok(behind.eof);
      t.same(behind.iatt.gfid, dir.gfid);
    });
  }

  test('opendir and fsyncdir', async (t, hand) => {
    const { top, frame, root } = hand;
    const fd = await hand.opendir(root);
    await top.fsyncdir(frame, fd, false);
    await top.fsyncdir(frame, root.fd, true);
    hand.release(fd);
    t.equal((await failure(top.opendir(frame, await hand.file('f')))).code, 'ENOTDIR');
  });
}

function extras(test: Tests): void {
  test('statfs: numbers that go together', async (t, { top, frame, root }) => {
    const statfs = await top.statfs(frame, root);
    t.ok(statfs.bytesTotal >= statfs.bytesFree && statfs.bytesFree >= statfs.bytesAvailable);
    t.ok(statfs.filesTotal >= statfs.filesFree);
    t.ok(statfs.nameMax >= 255);
    t.ok(statfs.fileSizeMax >= 2 ** 31);
    t.same([statfs.caseInsensitive, statfs.readOnly], [false, false]);
  });

  test('locks and counters of clusters: they work, or are refused as such', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f');
    const { fd } = inode;
    const lock = { type: 'write', start: 0n, length: 0n } as const;
    const unlock = { ...lock, type: 'unlock' } as const;
    const owned = { ...frame, lkOwner: Buffer.from('owner') };
    const counters = new Map([['user.counter', Buffer.from([0, 0, 0, 1])]]);
    const calls: (() => Promise<unknown>)[] = [
      () => top.lk(owned, fd, 'set', lock),
      () => top.lk(owned, fd, 'set', unlock),
      () => top.inodelk(owned, 'suite', inode, lock, false),
      () => top.inodelk(owned, 'suite', inode, unlock, false),
      () => top.finodelk(owned, 'suite', fd, lock, false),
      () => top.finodelk(owned, 'suite', fd, unlock, false),
      () => top.entrylk(owned, 'suite', hand.root, 'f', 'write', false),
      () => top.entrylk(owned, 'suite', hand.root, 'f', 'unlock', false),
      () => top.fentrylk(owned, 'suite', hand.root.fd, 'f', 'write', false),
      () => top.fentrylk(owned, 'suite', hand.root.fd, 'f', 'unlock', false),
      () => top.xattrop(frame, inode, 'add32', counters),
      () => top.fxattrop(frame, fd, 'add32', counters),
    ];
    for (const call of calls) {
      const code = await call().then(
        () => undefined,
        (error: unknown) => errnoOf(error),
      );
      t.ok(code === undefined || code === 'EOPNOTSUPP', `${code}`);
    }
  });
}
