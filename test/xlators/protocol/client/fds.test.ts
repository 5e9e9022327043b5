/** The fds and locks that are kept over the loss of a connection. */
import t from 'tap';
import { FsError } from '#src/errno.ts';
import type { Flock, LockType } from '#src/graph/fops.ts';
import { Fd, Inode } from '#src/graph/inode.ts';
import { type Reopening, type RemoteFd, RemoteFds } from '#src/xlators/protocol/client/fds.ts';
import { frame } from '../../../support/graph.ts';
import { gfidOf } from '../../../support/iatt.ts';
import { failure } from '../../../suites/xlator/hand.ts';

const SLOT = 3;
const inode = new Inode(gfidOf(7), 1);
const a = { ...frame, lkOwner: Buffer.from('a') };
const b = { ...frame, lkOwner: Buffer.from('b') };
const range = (type: LockType, start: bigint, length: bigint): Flock => ({ type, start, length });

const open = (fds: RemoteFds, number: number, flags?: number) =>
  new Fd(inode, flags ?? 0, fds.opened(number, inode.gfid, flags));

/** A new connection, which numbers from 100 on. */
function connection(refuse: (start: bigint) => boolean = () => false) {
  const opened: RemoteFd[] = [];
  const locked: string[] = [];
  const reopening: Reopening = {
    open: async fd => 99 + opened.push(fd),
    lock: async ({ frame: { lkOwner }, lock: { type, start, length } }, number) => {
      if (refuse(start)) throw new FsError('EAGAIN');
      locked.push(`${number} ${String(lkOwner)} ${type} ${start}+${length}`);
    },
  };
  return { reopening, opened, locked };
}

const numberOf = (fds: RemoteFds, fd: Fd) => failure(Promise.resolve().then(() => fds.numberOf(fd)));

t.test('an fd has its number, and the anonymous one another', async t => {
  const fds = new RemoteFds(SLOT);
  const [first, second] = [open(fds, 0, 2), open(fds, 1)];
  t.strictSame([fds.numberOf(first), fds.numberOf(second), fds.numberOf(inode.fd)], [0, 1, -2]);
  t.equal(fds.numberOf(new Fd(inode, 0)), -2, 'it was opened at other bricks only');
  t.match(fds.release(first), { number: 0, flags: 2 });
  t.equal(fds.release(first), undefined);
  t.equal((await numberOf(fds, first)).code, 'EBADF');
  t.equal(fds.size, 1);
});

t.test('after a loss fds are anonymous until they are open again', async t => {
  const fds = new RemoteFds(SLOT);
  const [file, dir, gone] = [open(fds, 0, 2), open(fds, 1), open(fds, 2, 0)];
  fds.dropped();
  t.strictSame(
    [file, dir, gone].map(fd => fds.numberOf(fd)),
    [-2, -2, -2],
  );
  t.equal(fds.release(gone), undefined, 'the brick has nothing to close');
  const { reopening, opened } = connection();
  t.equal(await fds.reopen(reopening), 0);
  t.strictSame(
    opened.map(({ flags }) => flags),
    [2, undefined],
  );
  t.strictSame([fds.numberOf(file), fds.numberOf(dir)], [100, 101]);
  fds.dropped();
  await fds.reopen({ ...reopening, open: () => Promise.reject(new FsError('ESTALE')) });
  t.equal(fds.numberOf(file), -2, 'the brick will say that it is gone');
});

t.test('locks are taken again as they were merged', async t => {
  const fds = new RemoteFds(SLOT);
  const file = open(fds, 0, 2);
  fds.locked(a, inode.fd, range('write', 0n, 100n));
  fds.locked(a, inode.fd, range('read', 10n, 10n));
  fds.locked(a, inode.fd, range('unlock', 50n, 0n));
  fds.locked(b, file, range('write', 200n, 0n));
  fds.dropped();
  t.equal((await numberOf(fds, file)).code, 'EBADFD', 'without its lock it would do harm');
  t.equal(fds.numberOf(inode.fd), -2);
  const { reopening, locked } = connection();
  t.equal(await fds.reopen(reopening), 0);
  t.strictSame(locked.toSorted(), ['-2 a read 10+10', '-2 a write 0+10', '-2 a write 20+30', '100 b write 200+0']);
  t.equal(fds.numberOf(file), 100);
});

t.test('what was given up is not locked again', async t => {
  const fds = new RemoteFds(SLOT);
  const [file, other] = [open(fds, 0, 2), open(fds, 1, 2)];
  fds.locked(a, file, range('write', 0n, 5n));
  fds.locked(b, other, range('read', 5n, 5n));
  fds.locked(b, inode.fd, range('read', 20n, 5n));
  fds.flushed(a, file);
  fds.release(other);
  fds.dropped();
  t.equal(fds.numberOf(file), -2);
  const { reopening, locked } = connection();
  await fds.reopen(reopening);
  t.strictSame(locked, ['-2 b read 20+5']);
});

t.test('a lock that another client has got is lost, and its open file with it', async t => {
  const fds = new RemoteFds(SLOT);
  const file = open(fds, 0, 2);
  fds.locked(a, file, range('write', 0n, 5n));
  fds.locked(a, inode.fd, range('write', 100n, 5n));
  fds.locked(b, inode.fd, range('write', 200n, 5n));
  fds.dropped();
  t.equal(await fds.reopen(connection(start => start < 200n).reopening), 2);
  t.equal((await numberOf(fds, file)).code, 'EBADFD');
  fds.dropped();
  const { reopening, locked } = connection();
  t.equal(await fds.reopen(reopening), 0);
  t.strictSame(locked.toSorted(), ['-2 b write 200+5', '100 a write 0+5'], 'an anonymous one is not asked for again');
});
