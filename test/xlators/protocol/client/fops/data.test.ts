import t from 'tap';
import { constants } from 'node:fs';
import { Stable } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Fd, Inode } from '#src/graph/inode.ts';
import * as data from '#src/xlators/protocol/client/fops/data.ts';
import { frame } from '../../../../support/graph.ts';
import { DONE, iattx, refused, remoteOf } from '../../../../support/remote.ts';
import { gfidOf } from '../../../../support/iatt.ts';

const { O_CREAT, O_RDWR, O_TRUNC } = constants;
const file = new Inode(gfidOf(8), FileType.REG);
const { fd } = file;
const dir = new Inode(gfidOf(7), FileType.DIR);
const stat = iattx(file.gfid, 0o100644);
const nothing = iattx(Buffer.alloc(16), 0);
const changed = () => ({ ...DONE, prestat: stat, poststat: stat });

t.test('readv answers the bytes, and whether the file ends with them', async t => {
  const { remote, calls } = remoteOf({
    READ: ({ offset, size }) => {
      const bytes = Buffer.from('0123456789').subarray(offset, offset + size);
      const op_errno = offset + size >= 10 ? 2 : 22;
      return { op_ret: bytes.length, op_errno, stat, size: bytes.length, xdata: undefined, data: bytes };
    },
  });
  t.match(await data.readv(remote, frame, fd, 4, 2), {
    data: Buffer.from('2345'),
    eof: false,
    iatt: { gfid: file.gfid },
  });
  t.match(await data.readv(remote, frame, fd, 8, 2), { data: Buffer.from('23456789'), eof: true });
  t.match(await data.readv(remote, frame, fd, 8, 20), { data: Buffer.alloc(0), eof: true });
  t.match(calls[0], { fop: 'READ', args: { gfid: file.gfid, fd: -2, offset: 2, size: 4, flag: 0 } });
});

t.test('readv refuses an answer that is not what was asked for', async t => {
  const answer = { op_errno: 0, stat, size: 3, xdata: undefined, data: Buffer.from('abc') };
  for (const reply of [
    { ...answer, op_ret: 2 },
    { ...answer, op_ret: 4 },
    { ...answer, op_ret: 3, stat: nothing },
  ]) {
    const { remote } = remoteOf({ READ: () => reply });
    await t.rejects(data.readv(remote, frame, fd, 10, 0), { code: 'EREMOTEIO' });
  }
  const { remote } = remoteOf({ READ: () => ({ ...answer, op_ret: 3 }) });
  await t.rejects(data.readv(remote, frame, fd, 2, 0), { code: 'EREMOTEIO' }, 'more than was asked for');
});

t.test('writev sends the flag by which the brick syncs', async t => {
  const { remote, calls } = remoteOf({ WRITE: ({ data }) => ({ ...changed(), op_ret: data.length }) });
  const bytes = Buffer.from('text');
  remote.hasUnsynced = false;
  t.match(await data.writev(remote, frame, fd, bytes, 5, Stable.FILE_SYNC), { count: 4, stable: Stable.FILE_SYNC });
  t.equal(remote.hasUnsynced, false);
  t.match(await data.writev(remote, frame, fd, bytes, 5, Stable.DATA_SYNC), { stable: Stable.FILE_SYNC });
  t.match(await data.writev(remote, frame, fd, bytes, 5, Stable.UNSTABLE), {
    stable: Stable.UNSTABLE,
    after: { gfid: file.gfid },
  });
  t.equal(remote.hasUnsynced, true);
  t.match(calls[0]!.args, { fd: -2, offset: 5, size: 4, flag: 0o10000, data: bytes });
  t.equal(calls[2]!.args.flag, 0);
  const { remote: lying } = remoteOf({ WRITE: () => ({ ...changed(), op_ret: 5 }) });
  await t.rejects(data.writev(lying, frame, fd, bytes, 0, Stable.UNSTABLE), { code: 'EREMOTEIO' });
});

t.test('a directory has no data', async t => {
  const { remote, calls } = remoteOf({});
  for (const call of [
    () => data.readv(remote, frame, dir.fd, 1, 0),
    () => data.writev(remote, frame, dir.fd, Buffer.alloc(1), 0, Stable.UNSTABLE),
    () => data.truncate(remote, frame, dir, 0),
    () => data.ftruncate(remote, frame, dir.fd, 0),
    () => data.open(remote, frame, dir, 0),
    () => data.zerofill(remote, frame, dir.fd, 0, 1),
    () => data.seek(remote, frame, dir.fd, 0, 'data'),
  ]) {
    await t.rejects(call() as Promise<unknown>, { code: 'EISDIR' });
  }
  await t.rejects(data.readv(remote, frame, new Inode(gfidOf(9), FileType.FIFO).fd, 1, 0), { code: 'EINVAL' });
  t.strictSame(calls, []);
});

t.test('each mode of fallocate is a call of its own', async t => {
  const answers = { FALLOCATE: changed, DISCARD: changed, ZEROFILL: changed };
  const { remote, calls } = remoteOf(answers);
  for (const mode of [0, 1, 3, 0x10]) await data.fallocate(remote, frame, fd, mode, 7, 9);
  t.match(calls, [
    { fop: 'FALLOCATE', args: { flags: 0, offset: 7, size: 9 } },
    { fop: 'FALLOCATE', args: { flags: 1 } },
    { fop: 'DISCARD', args: { offset: 7, size: 9 } },
    { fop: 'ZEROFILL', args: { offset: 7, size: 9 } },
  ]);
  for (const mode of [2, 8, 0x11, 0x20]) {
    await t.rejects(data.fallocate(remote, frame, fd, mode, 0, 1), { code: 'EOPNOTSUPP' });
  }
});

t.test('truncate, ftruncate, fsync, flush and seek', async t => {
  const { remote, calls } = remoteOf({
    TRUNCATE: changed,
    FTRUNCATE: changed,
    FSYNC: changed,
    FLUSH: () => DONE,
    SEEK: ({ offset }) => (offset > 100 ? { ...refused(6), offset: 0 } : { ...DONE, offset: 50 }),
  });
  await data.truncate(remote, frame, file, 3);
  await data.ftruncate(remote, frame, fd, 4);
  await data.fsync(remote, frame, fd, true);
  await data.fsync(remote, frame, fd, false);
  await data.flush(remote, frame, fd);
  t.equal(await data.seek(remote, frame, fd, 1, 'data'), 50);
  t.equal(await data.seek(remote, frame, fd, 1, 'hole'), 50);
  await t.rejects(data.seek(remote, frame, fd, 101, 'data'), { code: 'ENXIO' });
  t.match(calls, [
    { fop: 'TRUNCATE', args: { gfid: file.gfid, offset: 3 } },
    { fop: 'FTRUNCATE', args: { gfid: file.gfid, fd: -2, offset: 4 } },
    { args: { data: 1 } },
    { args: { data: 0 } },
    { fop: 'FLUSH', args: { fd: -2 } },
    { fop: 'SEEK', args: { offset: 1, what: 0 } },
    { args: { what: 1 } },
    {},
  ]);
});

t.test('what is flushed while the brick is away is not locked again', async t => {
  const { remote, calls } = remoteOf({ LK: ({ flock }) => ({ ...DONE, flock }) });
  const owner = { ...frame, lkOwner: Buffer.from('me') };
  remote.fds.locked(owner, fd, { type: 'write', start: 0n, length: 0n });
  remote.attach(undefined);
  await t.rejects(data.flush(remote, owner, fd), { code: 'ENOTCONN' });
  t.equal(await remote.fds.reopen(data.reopening(remote)), 0);
  t.strictSame(calls, []);
});

t.test('what is open is used by its number, closed once, and opened again on another connection', async t => {
  const { remote, calls } = remoteOf({
    OPEN: () => ({ ...DONE, fd: 7 }),
    OPENDIR: () => ({ ...DONE, fd: 8 }),
    FSTAT: () => ({ ...DONE, stat }),
    FLUSH: () => DONE,
    RELEASE: () => DONE,
    RELEASEDIR: () => DONE,
    LK: ({ flock }) => ({ ...(flock.start === 5n ? refused(11) : DONE), flock }),
  });
  const opened = await data.open(remote, frame, file, O_RDWR | O_TRUNC | O_CREAT);
  const own = new Fd(file, O_RDWR, opened.notes);
  const ownDir = new Fd(dir, 0, remote.fds.opened(3, dir.gfid));
  await data.flush(remote, frame, own);
  t.match(calls, [
    { fop: 'OPEN', args: { gfid: file.gfid, flags: O_RDWR | O_TRUNC } },
    { fop: 'FLUSH', args: { fd: 7 } },
  ]);
  const lkOwner = Buffer.from('me');
  remote.fds.locked({ ...frame, lkOwner, pid: 9 }, fd, { type: 'write', start: 1n, length: 2n });
  remote.fds.locked({ ...frame, lkOwner }, fd, { type: 'read', start: 5n, length: 0n });
  remote.fds.dropped();
  calls.length = 0;
  t.equal(await remote.fds.reopen(data.reopening(remote)), 1, 'one lock was lost');
  t.match(calls, [
    { fop: 'OPEN', args: { gfid: file.gfid, flags: O_RDWR } },
    { fop: 'OPENDIR', args: { gfid: dir.gfid } },
    { fop: 'LK', args: { fd: -2, cmd: 1, type: 1, flock: { start: 1n, len: 2n, pid: 9, lk_owner: lkOwner } } },
    { fop: 'LK', args: { fd: -2, cmd: 1, type: 0, flock: { start: 5n, len: 0n } } },
  ]);
  calls.length = 0;
  for (const each of [own, own, ownDir, fd]) data.releaseFd(remote, each);
  t.match(calls, [
    { fop: 'RELEASE', args: { fd: 7 } },
    { fop: 'RELEASEDIR', args: { fd: 8 } },
  ]);
});

t.test('bytes that no file can have are not changed', async t => {
  const { remote, calls } = remoteOf({});
  const far = 2 ** 59;
  for (const call of [
    () => data.writev(remote, frame, fd, Buffer.from('abc'), far, Stable.UNSTABLE),
    () => data.truncate(remote, frame, file, far),
    () => data.ftruncate(remote, frame, fd, far),
    () => data.fallocate(remote, frame, fd, 0, far, 1),
    () => data.discard(remote, frame, fd, far, 1),
    () => data.zerofill(remote, frame, fd, Number.MAX_SAFE_INTEGER, 1),
  ]) {
    await t.rejects(call(), { code: 'EFBIG' });
  }
  t.strictSame(calls, []);
});
