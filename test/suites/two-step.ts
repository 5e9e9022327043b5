/**
 * What features/two-step makes of the fops of a GlusterFS brick: NFS's creation and attributes, and the rights of callers.
 * Over a brick in memory, and over real ones.
 */
import { constants } from 'node:fs';
import { FMODE_EXEC } from '#src/sys/constants.ts';
import type { Test } from 'tap';
import { Access, type CreateHow, type SetAttr, Stable } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Fd, type Inode } from '#src/graph/inode.ts';
import { frame } from '../support/graph.ts';
import { ownersSuite } from './owners.ts';
import { anna, as, bert, peopleOf } from './people.ts';
import { failure, type Subject } from './xlator/hand.ts';

const NO_DEVICE = { major: 0, minor: 0 };
const EXCLUSIVE: CreateHow = { mode: 'exclusive', verifier: Buffer.from('verifier') };

const text = async ({ top }: Subject, who: Frame, inode: Inode) => {
  const { data, release } = await top.readv(who, inode.fd, 100, 0);
  const content = data.toString();
  release?.();
  return content;
};

/** Runs the suite. `make` gives each test an empty volume of its own. */
export function twoStepSuite(t: Test, name: string, make: (t: Test) => Promise<Subject>): void {
  const test = (what: string, run: (t: Test) => Promise<void>) => t.test(`${name}: ${what}`, run);
  ownersSuite(test, make);

  test('an exclusive creation is recognised until its client sets a mode', async t => {
    const { top, root, table } = await peopleOf(await make(t));
    const first = await top.create(anna, root, 'f', EXCLUSIVE);
    t.equal(first.iatt.mode, 0, 'nobody can open it meanwhile');
    t.same((await top.create(anna, root, 'f', EXCLUSIVE)).iatt.gfid, first.iatt.gfid);
    const other: CreateHow = { mode: 'exclusive', verifier: Buffer.from('another!') };
    t.equal((await failure(top.create(anna, root, 'f', other))).code, 'EEXIST');
    await top.setattr(anna, table.link(first.iatt, root, 'f'), { mode: 0o600 });
    const late = await failure(top.create(anna, root, 'f', EXCLUSIVE));
    t.equal(late.code, 'EEXIST', 'the file is in use');
    t.ok(late.wcc?.after, 'with the attributes of the directory');
    await top.mkdir(anna, root, 'd', {});
    t.equal((await failure(top.create(anna, root, 'd', EXCLUSIVE))).code, 'EEXIST');
  });

  test('an exclusive creation works although the file of an earlier one still exists under another name', async t => {
    const { top, root } = await peopleOf(await make(t));
    const { iatt } = await top.create(anna, root, 'f', EXCLUSIVE);
    await top.rename(anna, root, 'f', root, 'g');
    const again = await top.create(anna, root, 'f', EXCLUSIVE);
    t.notSame(again.iatt.gfid, iatt.gfid);
    t.same((await top.create(anna, root, 'f', EXCLUSIVE)).iatt.gfid, again.iatt.gfid, 'it is recognised as well');
  });

  test('exclusive creation opens the file, also when it is repeated', async t => {
    const { top, root, table } = await peopleOf(await make(t));
    for (const what of ['first', 'again']) {
      const { iatt, opened } = await top.create(frame, root, 'f', EXCLUSIVE, constants.O_RDWR | constants.O_EXCL);
      t.ok(opened, what);
      t.equal(table.link(iatt, root, 'f').type, FileType.REG);
    }
  });

  test('an unchecked creation of an existing file sets its size, by the rights of who asks', async t => {
    const fix = await peopleOf(await make(t));
    const { top, root, fileOf } = fix;
    const inode = await fileOf(anna, 'f', 0o444, 'text');
    const cut: CreateHow = { mode: 'unchecked', attr: { size: 1, mode: 0o777 } };
    t.equal((await failure(top.create(bert, root, 'f', cut))).code, 'EACCES');
    t.match((await top.create(bert, root, 'f', { mode: 'unchecked', attr: {} })).iatt, { size: 4 });
    t.match((await top.create(anna, root, 'f', cut)).iatt, { size: 1, mode: 0o444 });
    t.equal(await text(fix, anna, inode), 't');
    t.equal(
      (await failure(top.create(anna, root, 'd', cut, constants.O_RDWR).then(() => top.mkdir(anna, root, 'd', {}))))
        .code,
      'EEXIST',
    );
  });

  test('a new object has all attributes that are given', async t => {
    const { top, root } = await peopleOf(await make(t));
    const attr: SetAttr = { mode: 0o2750, uid: 7, gid: 8, atime: { sec: 1, nsec: 2 }, mtime: { sec: 3, nsec: 4 } };
    const expected = { mode: 0o2750, uid: 7, gid: 8, atime: 1, atimeNsec: 2, mtime: 3, mtimeNsec: 4 };
    const made = {
      create: await top.create(frame, root, 'f', { mode: 'guarded', attr: { ...attr } }),
      mkdir: await top.mkdir(frame, root, 'd', attr),
      mknod: await top.mknod(frame, root, 'p', FileType.FIFO, attr, NO_DEVICE),
    };
    for (const [fop, { iatt }] of Object.entries(made)) t.match(iatt, expected, fop);
    const { mode: _mode, ...others } = expected;
    t.match((await top.symlink(frame, root, 's', 'x', attr)).iatt, others);
    const sized = await top.create(frame, root, 'sized', { mode: 'guarded', attr: { mode: 0o400, size: 9 } });
    t.match(sized.iatt, { size: 9, mode: 0o400 });
  });

  test('ids that a caller may not give away are ignored', async t => {
    const { top, root, sends } = await peopleOf(await make(t));
    const who = as(1001, 1001, [77]);
    await sends(t, () => top.mkdir(who, root, 'd', { uid: 0, gid: 0, mode: 0o755 }), ['mkdir']);
    t.match((await top.lookup(frame, root, 'd')).iatt, { uid: 1001, gid: 1001 });
    t.match((await top.mkdir(who, root, 'e', { uid: 1001, gid: 77 })).iatt, { uid: 1001, gid: 77 });
  });

  test('only root makes devices', async t => {
    const { top, root } = await peopleOf(await make(t));
    for (const type of [FileType.CHR, FileType.BLK]) {
      t.equal((await failure(top.mknod(anna, root, 'dev', type, {}, { major: 1, minor: 3 }))).code, 'EPERM');
    }
    t.match((await top.mknod(frame, root, 'dev', FileType.CHR, {}, { major: 1, minor: 3 })).iatt, {
      rdevMajor: 1,
      rdevMinor: 3,
    });
    t.match((await top.mknod(anna, root, 'fifo', FileType.FIFO, {}, NO_DEVICE)).iatt, { type: FileType.FIFO });
  });

  test('a size is set together with other attributes, or nothing is', async t => {
    const { top, hand, fileOf, sends } = await peopleOf(await make(t));
    const inode = await fileOf(anna, 'f', 0o666, 'text');
    const foreign: SetAttr[] = [
      { size: 0, mode: 0o600 },
      { size: 0, uid: 1002 },
      { size: 0, gid: 1002 },
      { size: 0, mtime: { sec: 1, nsec: 0 } },
    ];
    for (const attr of foreign) t.equal((await failure(top.setattr(bert, inode, attr))).code, 'EPERM');
    for (const attr of [
      { size: 0, uid: 1002 },
      { size: 0, gid: 5 },
    ]) {
      t.equal((await failure(top.setattr(anna, inode, attr))).code, 'EPERM');
    }
    t.equal((await hand.stat(inode)).size, 4, 'it was not truncated');
    const { before, after } = await top.setattr(anna, inode, { size: 2, mode: 0o400, mtime: { sec: 5, nsec: 6 } });
    t.match([before, after], [{ size: 4 }, { size: 2, mode: 0o400, mtime: 5, mtimeNsec: 6 }]);
    await sends(t, () => top.setattr(anna, inode, { size: 1, mtime: 'now' }), ['truncate'], 'as open(2) asks for');
    await sends(t, () => top.setattr(anna, inode, { mode: 0o600 }), ['setattr']);
    t.equal((await failure(top.setattr(frame, hand.root, { size: 0 }))).code, 'EISDIR');
  });

  test('only the owner sets times other than now', async t => {
    const { top, fileOf } = await peopleOf(await make(t));
    const inode = await fileOf(anna, 'f', 0o666);
    const then = { sec: 1, nsec: 2 };
    t.equal((await failure(top.setattr(bert, inode, { mtime: then }))).code, 'EPERM');
    t.equal((await failure(top.fsetattr(bert, inode.fd, { atime: then }))).code, 'EPERM');
    await top.setattr(bert, inode, { atime: 'now', mtime: 'now' });
    t.match((await top.setattr(anna, inode, { mtime: then })).after, { mtime: 1, mtimeNsec: 2 });
    await top.setattr(anna, inode, { mode: 0o644 });
    t.equal((await failure(top.setattr(bert, inode, { mtime: 'now' }))).code, 'EACCES');
  });

  test('the mode of a symlink is left as it is', async t => {
    const { top, hand, root, sends } = await peopleOf(await make(t));
    await top.symlink(anna, root, 's', 'x', {});
    const inode = await hand.lookup(root, 's');
    await sends(t, () => top.setattr(anna, inode, { mode: 0o600, mtime: { sec: 1, nsec: 0 } }), ['stat', 'setattr']);
    t.match(await hand.stat(inode), { mode: 0o777, mtime: 1 });
  });

  test('the owner reads, writes and truncates whatever the mode has become', async t => {
    const fix = await peopleOf(await make(t));
    const { top, fileOf, sends } = fix;
    const inode = await fileOf(anna, 'f', 0, 'text');
    t.equal(await text(fix, anna, inode), 'text');
    t.match(await top.writev(anna, inode.fd, Buffer.from('T'), 0, Stable.UNSTABLE), { count: 1 });
    t.match(await top.setattr(anna, inode, { size: 3 }), { after: { size: 3 } });
    t.match(await top.truncate(anna, inode, 2), { after: { size: 2 } });
    t.match(await top.ftruncate(anna, inode.fd, 1), { after: { size: 1 } });
    await top.zerofill(anna, inode.fd, 0, 1);
    for (const call of [
      () => text(fix, bert, inode),
      () => top.writev(bert, inode.fd, Buffer.from('x'), 0, Stable.UNSTABLE),
      () => top.truncate(bert, inode, 0),
      () => top.ftruncate(bert, inode.fd, 0),
      () => top.zerofill(bert, inode.fd, 0, 1),
      () => top.discard(bert, inode.fd, 0, 1),
      () => top.fallocate(bert, inode.fd, 0, 0, 9),
    ]) {
      t.equal((await failure(call())).code, 'EACCES');
    }
    await sends(t, () => text(fix, anna, inode), ['readv'], 'it is known that it is the owner');
    await sends(t, () => top.writev(anna, inode.fd, Buffer.from('x'), 0, Stable.UNSTABLE), ['writev']);
  });

  test('a file that was given away is no longer its former owner’s', async t => {
    const fix = await peopleOf(await make(t));
    const { top, fileOf } = fix;
    const inode = await fileOf(anna, 'f', 0, 'text');
    t.equal(await text(fix, anna, inode), 'text');
    await top.setattr(frame, inode, { uid: 1002 });
    t.equal((await failure(text(fix, anna, inode))).code, 'EACCES');
    t.equal(await text(fix, bert, inode), 'text');
  });

  test('who may execute a file reads it, and nothing more', async t => {
    const fix = await peopleOf(await make(t));
    const { top, fileOf } = fix;
    const inode = await fileOf(anna, 'f', 0o711, 'text');
    t.equal(await text(fix, bert, inode), 'text');
    t.equal((await failure(top.writev(bert, inode.fd, Buffer.from('x'), 0, Stable.UNSTABLE))).code, 'EACCES');
  });

  test('a file that may be executed but not read can be opened to execute it', async t => {
    const { top, fileOf } = await peopleOf(await make(t));
    const inode = await fileOf(anna, 'f', 0o711, 'text');
    const open = async (who: Frame) => new Fd(inode, FMODE_EXEC, (await top.open(who, inode, FMODE_EXEC)).notes);
    t.equal((await top.readv(bert, await open(bert), 9, 0)).data.toString(), 'text');
    await open(frame);
    await top.setxattr(frame, inode, new Map([['security.suite', Buffer.from('v')]]), 0);
    t.equal((await top.getxattr(bert, inode, 'security.suite')).get('security.suite')!.toString(), 'v');
    await top.setattr(anna, inode, { mode: 0o644 });
    t.equal((await failure(open(bert))).code, 'EACCES');
  });

  test('the rights of an fd were checked when it was opened', async t => {
    const { top, fileOf } = await peopleOf(await make(t));
    const inode = await fileOf(anna, 'f', 0o666, 'text');
    const fd = new Fd(inode, constants.O_RDWR, (await top.open(bert, inode, constants.O_RDWR)).notes);
    await top.setattr(anna, inode, { mode: 0 });
    t.match(await top.writev(bert, fd, Buffer.from('T'), 0, Stable.UNSTABLE), { count: 1 });
    t.equal((await top.readv(bert, fd, 9, 0)).data.toString(), 'Text');
    t.match(await top.fsetattr(bert, fd, { size: 3, mtime: 'now' }), { after: { size: 3 } });
    t.equal(
      (await failure(top.fsetattr(bert, fd, { size: 3, mode: 0o600 }))).code,
      'EPERM',
      'the rest needs the owner',
    );
    t.match(await top.ftruncate(bert, fd, 2), { after: { size: 2 } });
    await top.discard(bert, fd, 0, 1);
  });

  test('who changes a file that is not its own takes its set-id bits', async t => {
    const { top, hand, fileOf } = await peopleOf(await make(t));
    const changes = {
      writev: (who: Frame, { fd }: Inode) => top.writev(who, fd, Buffer.from('x'), 0, Stable.UNSTABLE),
      truncate: (who: Frame, inode: Inode) => top.truncate(who, inode, 0),
      ftruncate: (who: Frame, { fd }: Inode) => top.ftruncate(who, fd, 0),
      setattr: (who: Frame, inode: Inode) => top.setattr(who, inode, { size: 0 }),
      fallocate: (who: Frame, { fd }: Inode) => top.fallocate(who, fd, 0, 0, 10),
    };
    for (const [name, change] of Object.entries(changes)) {
      const inode = await fileOf(anna, name, 0o6777);
      const kept = await fileOf(anna, `${name}-kept`, 0o2767);
      await change(frame, inode);
      t.equal((await hand.stat(inode)).mode, 0o6777, `${name} by root`);
      t.match(await change(bert, inode), { after: { mode: 0o777 } }, name);
      t.equal((await hand.stat(inode)).mode, 0o777);
      t.match(await change(bert, kept), { after: { mode: 0o2767 } }, 'setgid without execution is another thing');
    }
  });

  test('access is asked once, and for each bit only if the whole is refused', async t => {
    const { top, fileOf, sends, hand } = await peopleOf(await make(t));
    const all = Access.READ | Access.WRITE | Access.EXECUTE;
    const inode = await fileOf(anna, 'f', 0o754);
    await sends(t, () => top.access(anna, inode, all), ['access', 'stat']);
    t.match(await top.access(anna, inode, all), { granted: all, iatt: { mode: 0o754 } });
    t.match(await top.access(bert, inode, all), { granted: Access.READ });
    await sends(t, () => top.access(bert, inode, Access.WRITE), ['access', 'stat']);
    const plain = await fileOf(anna, 'plain', 0o644);
    t.match(
      await top.access(frame, plain, all),
      { granted: Access.READ | Access.WRITE },
      'root executes no plain file',
    );
    t.match(await top.access(frame, hand.root, all), { granted: all });
  });
}
