/** Tests of what no NFS call asks for: locks, counters, chosen gfids, open files, xdata. */
import { constants } from 'node:fs';
import { type NewAttr, RenameFlag, Stable, type Xdata } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Fd } from '#src/graph/inode.ts';
import type { XlatorClass } from '#src/graph/xlator.ts';
import { subtree } from '#src/graph/subtree.ts';
import { brickHas } from './brick-has.ts';
import { failure, guarded, type Tests } from './hand.ts';

const { O_RDONLY, O_RDWR } = constants;
const NO_DEVICE = { major: 0, minor: 0 };

export function fileSystems(test: Tests): void {
  test('the numbers of statfs agree with each other', async (t, { top, frame, root }) => {
    const statfs = await top.statfs(frame, root);
    t.ok(statfs.bytesTotal >= statfs.bytesFree && statfs.bytesFree >= statfs.bytesAvailable);
    t.ok(statfs.filesTotal >= statfs.filesFree);
    t.ok(statfs.nameMax >= 255);
    t.ok(statfs.fileSizeMax >= 2 ** 31);
    t.same([statfs.caseInsensitive, statfs.readOnly], [false, false]);
  });
}

export function counters(test: Tests): void {
  test('counters are added and answered, or refused', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f');
    const one = new Map([['user.counter', Buffer.from([0, 0, 0, 1, 0, 0, 0, 2])]]);
    const add = [() => top.xattrop(frame, inode, 'add32', one), () => top.fxattrop(frame, inode.fd, 'add32', one)];
    if (!brickHas(top).counters) {
      for (const call of add) t.equal((await failure(call())).code, 'EOPNOTSUPP');
      return;
    }
    t.same((await add[0]!()).get('user.counter'), Buffer.from([0, 0, 0, 1, 0, 0, 0, 2]));
    t.same((await add[1]!()).get('user.counter'), Buffer.from([0, 0, 0, 2, 0, 0, 0, 4]));
    const more = new Map([['user.counter', Buffer.from([0, 0, 0, 0, 255, 255, 255, 255])]]);
    const sums = await top.xattrop(frame, inode, 'add64', more);
    t.same(sums.get('user.counter'), Buffer.from([0, 0, 0, 3, 0, 0, 0, 3]));
    t.same(await top.getxattr(frame, inode, 'user.counter'), sums);
    const short = new Map([['user.counter', Buffer.alloc(4)]]);
    const refused = await failure(top.xattrop(frame, inode, 'add32', short));
    t.ok(
      refused.code === 'EINVAL' || refused.code === 'ERANGE',
      'the lengths differ; the brick of GlusterFS says ERANGE',
    );
  });
}

export function chosenGfids(test: Tests): void {
  test('a new object has the gfid that was chosen for it, or the choice is refused', async (t, hand) => {
    const { top, frame, root } = hand;
    const make = {
      create: (attr: NewAttr) => top.create(frame, root, 'create', { mode: 'guarded', attr }),
      exclusive: ({ gfid }: NewAttr) =>
        top.create(frame, root, 'exclusive', {
          mode: 'exclusive',
          verifier: Buffer.alloc(8, 1),
          ...(gfid && { gfid }),
        }),
      mkdir: (attr: NewAttr) => top.mkdir(frame, root, 'mkdir', attr),
      mknod: (attr: NewAttr) => top.mknod(frame, root, 'mknod', FileType.REG, attr, NO_DEVICE),
      symlink: (attr: NewAttr) => top.symlink(frame, root, 'symlink', 'target', attr),
    };
    const brick = subtree(top).find(({ children }) => children.length === 0)!;
    const { chosenGfids } = brickHas(top);
    t.equal((brick.constructor as unknown as XlatorClass).namesItself ?? false, !chosenGfids);
    for (const [index, [name, call]] of Object.entries(make).entries()) {
      const gfid = Buffer.alloc(16, 0x40 + index);
      if (!chosenGfids) {
        t.equal((await failure(call({ gfid }))).code, 'EOPNOTSUPP', name);
        t.equal((await failure(top.lookup(frame, root, name))).code, 'ENOENT', name);
        continue;
      }
      for (const [taken, code] of [
        [root.gfid, 'ENODATA'],
        [gfid.subarray(1), 'EINVAL'],
      ] as const) {
        t.equal((await failure(call({ gfid: taken }))).code, code, name);
        t.equal((await failure(top.lookup(frame, root, name))).code, 'ENOENT', name);
      }
      t.same((await call({ gfid })).iatt.gfid, gfid, name);
      t.same((await top.discover(frame, gfid, undefined)).iatt.gfid, gfid);
    }
  });
}

export function openFiles(test: Tests): void {
  test('create with flags opens a new file, and an existing one', async (t, hand) => {
    const { top, frame, root } = hand;
    const made = await top.create(frame, root, 'f', guarded, O_RDWR);
    const inode = hand.table.link(made.iatt, root, 'f');
    const fd = new Fd(inode, O_RDWR, made.opened!.notes);
    await top.writev(frame, fd, Buffer.from('text'), 0, Stable.UNSTABLE);
    const again = await top.create(frame, root, 'f', { mode: 'unchecked', attr: {} }, O_RDONLY);
    const reader = new Fd(inode, O_RDONLY, again.opened!.notes);
    const { data, release } = await top.readv(frame, reader, 10, 0);
    t.equal(data.toString(), 'text');
    release?.();
    if (brickHas(top).openFiles) {
      const write = top.writev(frame, reader, Buffer.from('x'), 0, Stable.UNSTABLE);
      t.equal((await failure(write)).code, 'EBADF', 'the fd was not opened for writing');
      hand.release(reader);
      t.equal((await failure(top.readv(frame, reader, 1, 0))).code, 'EBADF', 'the fd was released');
    }
    hand.release(fd);
    const flags = O_RDWR | constants.O_EXCL;
    const taken = top.create(frame, root, 'f', { mode: 'unchecked', attr: {} }, flags);
    t.equal((await failure(taken)).code, 'EEXIST');
    const truncated = await top.create(frame, root, 'f', { mode: 'unchecked', attr: {} }, O_RDWR | constants.O_TRUNC);
    t.equal(truncated.iatt.size, 0);
    t.equal((await top.create(frame, root, 'g', guarded)).opened, undefined);
  });
}

export function namesMore(test: Tests): void {
  test('mknod makes a regular file', async (t, { top, frame, root }) => {
    const { iatt } = await top.mknod(frame, root, 'f', FileType.REG, { mode: 0o640 }, NO_DEVICE);
    t.match(iatt, { type: FileType.REG, mode: 0o640, size: 0 });
    t.equal((await failure(top.mknod(frame, root, 'f', FileType.REG, {}, NO_DEVICE))).code, 'EEXIST');
  });

  test('rename with flags refuses an existing name, or exchanges two objects', async (t, hand) => {
    const { top, frame, root } = hand;
    const [file, dir] = [await hand.file('f', 'text'), await hand.dir('d')];
    const inner = await hand.file('inner', '', dir);
    if (!brickHas(top).renameFlags) {
      const taken = await failure(top.rename(frame, root, 'f', dir, 'inner', RenameFlag.NOREPLACE));
      t.match(taken.code, /^(EINVAL|EEXIST)$/, 'a layer may do this one by itself');
      t.equal((await failure(top.rename(frame, root, 'f', root, 'd', RenameFlag.EXCHANGE))).code, 'EINVAL');
      return;
    }
    const refused = await failure(top.rename(frame, root, 'f', dir, 'inner', RenameFlag.NOREPLACE));
    t.equal(refused.code, 'EEXIST');
    await top.rename(frame, root, 'f', dir, 'free', RenameFlag.NOREPLACE);
    await top.rename(frame, dir, 'free', root, 'f', RenameFlag.NOREPLACE);

    t.equal((await failure(top.rename(frame, root, 'f', root, 'g', 3))).code, 'EINVAL');
    if (!brickHas(top).exchanges) {
      t.equal((await failure(top.rename(frame, root, 'f', root, 'd', RenameFlag.EXCHANGE))).code, 'EINVAL');
      return;
    }
    const { gone } = await top.rename(frame, root, 'f', root, 'd', RenameFlag.EXCHANGE);
    t.equal(gone, undefined);
    t.same((await top.lookup(frame, root, 'd')).iatt.gfid, file.gfid);
    t.same((await top.lookup(frame, root, 'f')).iatt.gfid, dir.gfid);
    t.same((await top.lookup(frame, dir, 'inner')).iatt.gfid, inner.gfid);
    t.match(await hand.stat(file), { nlink: 1, size: 4 });
    t.equal((await failure(top.rename(frame, root, 'f', root, 'none', RenameFlag.EXCHANGE))).code, 'ENOENT');
  });
}

export function xdata(test: Tests): void {
  test('xdata is answered or ignored', async (t, hand) => {
    const { top, frame, root } = hand;
    const layout = Buffer.from('layout');
    const told: Xdata = new Map([['user.suite.layout', layout]]);
    const asked: Xdata = new Map([['user.suite.layout', 0]]);
    const dir = hand.table.link((await top.mkdir(frame, root, 'd', {}, told)).iatt, root, 'd');
    const { gfid, hint } = dir;
    const list = await top.readdirp(frame, root.fd, 4096, 0n, asked);
    const answers = [
      (await top.lookup(frame, root, 'd', asked)).xdata,
      (await top.discover(frame, gfid, hint, asked)).xdata,
      (await top.stat(frame, dir, asked)).xdata,
      (await top.fstat(frame, dir.fd, asked)).xdata,
      list.entries.find(({ name }) => name === 'd')!.xdata,
    ];
    for (const answer of answers) {
      if (brickHas(top).xdata) t.same(answer?.get('user.suite.layout'), layout);
      else t.equal(answer, undefined);
    }
    // A brick of GlusterFS answers it in all of these, but not in access.
    const ofAccess = (await top.access(frame, dir, 4, asked)).xdata?.get('user.suite.layout') ?? layout;
    t.same(ofAccess, layout);
    t.equal((await top.lookup(frame, root, 'd')).xdata, undefined, 'without a question there is no answer');
  });
}
