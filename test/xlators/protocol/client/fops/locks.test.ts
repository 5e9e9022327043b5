import t from 'tap';
import { FileType } from '#src/graph/iatt.ts';
import { Fd, Inode } from '#src/graph/inode.ts';
import type { Flock } from '#src/graph/fops.ts';
import { entrylk, fentrylk, finodelk, inodelk, lk } from '#src/xlators/protocol/client/fops/locks.ts';
import { frame } from '../../../../support/graph.ts';
import { DONE, refused, remoteOf } from '../../../../support/remote.ts';

const gfid = Buffer.alloc(16, 7);
const inode = new Inode(gfid, FileType.REG);
const owner = Buffer.from('1122334455667788', 'hex');
const holder = { ...frame, lkOwner: owner, pid: 77 };
/** The range that replicas lock for changes of metadata. No number holds it. */
const START = 0x7fff_ffff_ffff_fffen;
const write: Flock = { type: 'write', start: START, length: 0n };
const flock = { type: 1, whence: 0, start: START, len: 0n, pid: 77, lk_owner: owner };

t.test('inodelk and finodelk: types, commands and ranges', async t => {
  const { remote, calls } = remoteOf({ INODELK: () => DONE, FINODELK: () => DONE });
  await inodelk(remote, holder, 'dom', inode, write, false);
  await inodelk(remote, holder, 'dom', inode, { ...write, type: 'read' }, true);
  await inodelk(remote, holder, 'dom', inode, { ...write, type: 'unlock' }, false);
  await finodelk(remote, holder, 'dom', inode.fd, write, false, new Map([['key', 1]]));
  const same = { gfid, volume: 'dom' };
  t.match(calls, [
    { fop: 'INODELK', args: { ...same, cmd: 1, type: 1, flock, xdata: undefined } },
    { fop: 'INODELK', args: { ...same, cmd: 2, type: 0, flock: { ...flock, type: 0 } } },
    { fop: 'INODELK', args: { ...same, cmd: 1, type: 2, flock: { ...flock, type: 2 } } },
    { fop: 'FINODELK', args: { ...same, fd: -2, cmd: 1, type: 1, flock, xdata: new Map([['key', 1]]) } },
  ]);
});

t.test('entrylk and fentrylk: one name or all of them', async t => {
  const { remote, calls } = remoteOf({ ENTRYLK: () => DONE, FENTRYLK: () => DONE });
  await entrylk(remote, holder, 'dom', inode, 'a', 'write', false);
  await entrylk(remote, holder, 'dom', inode, undefined, 'read', true);
  await entrylk(remote, holder, 'dom', inode, 'a', 'unlock', true);
  await fentrylk(remote, holder, 'dom', inode.fd, 'b', 'write', true);
  const same = { gfid, volume: 'dom', xdata: undefined };
  t.match(calls, [
    { fop: 'ENTRYLK', args: { ...same, cmd: 2, type: 1, namelen: 1, name: 'a' } },
    { fop: 'ENTRYLK', args: { ...same, cmd: 0, type: 0, namelen: 0, name: '' } },
    { fop: 'ENTRYLK', args: { ...same, cmd: 1, namelen: 1, name: 'a' } },
    { fop: 'FENTRYLK', args: { ...same, fd: -2, cmd: 0, type: 1, namelen: 1, name: 'b' } },
  ]);
});

t.test('a range that ends where no file has bytes reaches to the end, and none begins there', async t => {
  const { remote, calls } = remoteOf({ INODELK: () => DONE, LK: () => ({ ...DONE, flock }) });
  const last = (1n << 63n) - 1n;
  await inodelk(remote, holder, 'dom', inode, { type: 'write', start: 1n, length: last }, false);
  await lk(remote, holder, inode.fd, 'set', { type: 'write', start: 0n, length: (1n << 64n) - 1n });
  await lk(remote, holder, inode.fd, 'set', { type: 'write', start: last, length: 1n });
  await lk(remote, holder, inode.fd, 'set', { type: 'write', start: last - 1n, length: 1n });
  const ranges = calls.map(({ args }) => [args.flock.start, args.flock.len]);
  t.strictSame(ranges, [
    [1n, 0n],
    [0n, 0n],
    [last, 0n],
    [last - 1n, 1n],
  ]);
  const beyond: Flock = { type: 'write', start: last + 1n, length: 1n };
  await t.rejects(lk(remote, holder, inode.fd, 'set', beyond), { code: 'EINVAL' });
  await t.rejects(inodelk(remote, holder, 'dom', inode, beyond, false), { code: 'EINVAL' });
  await t.rejects(finodelk(remote, holder, 'dom', inode.fd, beyond, false), { code: 'EINVAL' });
});

t.test('a name that was locked for reading is unlocked by that type', async t => {
  const { remote, calls } = remoteOf({ ENTRYLK: ({ type }) => (type === 0 ? DONE : refused(22)) });
  await entrylk(remote, holder, 'dom', inode, 'a', 'unlock', false);
  t.match(calls, [{ args: { cmd: 1, type: 1 } }, { args: { cmd: 1, type: 0 } }]);
  const none = remoteOf({ ENTRYLK: () => refused(22) });
  await t.rejects(entrylk(none.remote, holder, 'dom', inode, 'a', 'unlock', false), { code: 'EINVAL' });
});

t.test('refusals, and a lock on what is gone', async t => {
  const { remote } = remoteOf({
    INODELK: ({ type }) => refused(type === 2 ? 22 : 11),
    ENTRYLK: () => refused(2),
    LK: () => ({ ...refused(11), flock }),
  });
  await t.rejects(inodelk(remote, holder, 'dom', inode, write, false), { code: 'EAGAIN' });
  await t.rejects(inodelk(remote, holder, 'dom', inode, { ...write, type: 'unlock' }, false), { code: 'EINVAL' });
  await t.rejects(entrylk(remote, holder, 'dom', inode, 'a', 'write', false), { code: 'ESTALE' });
  await t.rejects(lk(remote, holder, inode.fd, 'set', write), { code: 'EAGAIN' });
});

t.test('an fd that was opened while the brick was down is an anonymous one there', async t => {
  const { remote, calls } = remoteOf({ FINODELK: () => DONE, FENTRYLK: () => DONE });
  const elsewhere = new Fd(inode, 0);
  await finodelk(remote, holder, 'dom', elsewhere, write, false);
  await fentrylk(remote, holder, 'dom', elsewhere, 'a', 'write', false);
  t.match(calls, [{ args: { gfid, fd: -2 } }, { args: { gfid, fd: -2 } }]);
});

t.test('a lock that comes when it is not waited for any longer is given back', async t => {
  const granted = Promise.withResolvers<void>();
  const unlocked = Promise.withResolvers<void>();
  const { remote, calls } = remoteOf({
    async INODELK({ type }) {
      if (type === 2) unlocked.resolve();
      else await granted.promise;
      return DONE;
    },
  });
  const abort = new AbortController();
  const waiting = inodelk(remote, { ...holder, signal: abort.signal }, 'dom', inode, write, true);
  abort.abort();
  await t.rejects(waiting, { code: 'EINTR' });
  t.equal(calls.length, 1);
  granted.resolve();
  await unlocked.promise;
  t.match(calls[1], {
    fop: 'INODELK',
    args: { gfid, volume: 'dom', cmd: 1, type: 2, flock: { start: START, len: 0n } },
  });
});

t.test('lk answers the lock in the way, or the one that was set', async t => {
  const other = { type: 0, whence: 0, start: 5n, len: 1n, pid: 9, lk_owner: Buffer.from('other') };
  const { remote, calls } = remoteOf({ LK: ({ cmd }) => ({ ...DONE, flock: cmd === 0 ? other : flock }) });
  const inTheWay = await lk(remote, holder, inode.fd, 'get', write);
  t.strictSame(inTheWay, { type: 'read', start: 5n, length: 1n, pid: 9, owner: Buffer.from('other') });
  t.strictSame(await lk(remote, holder, inode.fd, 'set', write), write);
  t.strictSame(await lk(remote, holder, inode.fd, 'wait', write), write);
  await lk(remote, holder, inode.fd, 'wait', { ...write, type: 'unlock' });
  t.match(calls, [
    { args: { gfid, fd: -2, cmd: 0, type: 1, flock } },
    { args: { cmd: 1, type: 1, flock } },
    { args: { cmd: 2, type: 1, flock } },
    { args: { cmd: 2, type: 2, flock: { ...flock, type: 2 } } },
  ]);
});
