/** Locks of a graph that has some: a brick in memory. */
import t from 'tap';
import { Opcode, ReleaseFlag, ROOT_ID } from '#protocols/fuse/constants.ts';
import * as file from '#protocols/fuse/file.ts';
import { O_RDWR } from '#src/sys/constants.ts';
import { fuse_entry_out } from '#protocols/fuse/object.ts';
import { fuse_mknod_in } from '#protocols/fuse/names.ts';
import { fuse_interrupt_in } from '#protocols/fuse/header.ts';
import { Kernel } from '../../support/fuse/kernel.ts';
import { stackOf } from '../../support/graph.ts';

const [READ, WRITE, UNLOCK] = [0, 1, 2];
const END = 0x7fff_ffff_ffff_ffffn;

async function lockable(t: Parameters<typeof Kernel.over>[0]) {
  const kernel = await Kernel.over(t, stackOf('test/memory'), { locks: true, options: { acl: 'off' } });
  const mknod = { mode: 0o100666, rdev: 0, umask: 0, name: 'a' };
  const { nodeid } = await kernel.ask(Opcode.MKNOD, ROOT_ID, fuse_mknod_in, mknod, fuse_entry_out);
  const open = () =>
    kernel.ask(Opcode.OPEN, nodeid, file.fuse_open_in, { flags: O_RDWR, open_flags: 0 }, file.fuse_open_out);
  const { fh } = await open();
  const argsOf = (owner: bigint, type: number, start = 0n, end = END) => ({
    fh,
    owner,
    start,
    end,
    type,
    pid: 7,
    lk_flags: 0,
  });
  const lock = async (opcode: number, owner: bigint, type: number, start?: bigint, end?: bigint) =>
    (await kernel.send(opcode, nodeid, file.fuse_lk_in, argsOf(owner, type, start, end))).error;
  return { kernel, nodeid, fh, lock, argsOf };
}

t.test('locks are taken, asked for and given up', async t => {
  const { kernel, nodeid, fh, lock, argsOf } = await lockable(t);
  t.equal(await lock(Opcode.SETLK, 1n, WRITE, 10n, 19n), undefined);
  t.equal(await lock(Opcode.SETLK, 2n, READ, 15n, 15n), 'EAGAIN');
  t.equal(await lock(Opcode.SETLK, 2n, READ, 20n), undefined);
  t.equal(await lock(Opcode.SETLK, 2n, 9), 'EINVAL');
  const found = await kernel.ask(Opcode.GETLK, nodeid, file.fuse_lk_in, argsOf(2n, READ), file.fuse_lk_out);
  t.match(found, { start: 10n, end: 19n, type: WRITE });
  t.equal(await lock(Opcode.SETLK, 1n, UNLOCK), undefined);
  const free = await kernel.ask(Opcode.GETLK, nodeid, file.fuse_lk_in, argsOf(3n, READ), file.fuse_lk_out);
  t.equal(free.type, UNLOCK);
  t.equal(await lock(Opcode.SETLK, 1n, WRITE, 0n, 0n), undefined);
  const release = { fh, flags: 0, release_flags: ReleaseFlag.FLOCK_UNLOCK, lock_owner: 1n };
  t.equal((await kernel.send(Opcode.RELEASE, nodeid, file.fuse_release_in, release)).error, undefined);
});

t.test('a lock that is waited for is given up when the caller is interrupted', async t => {
  const { kernel, nodeid, lock, argsOf } = await lockable(t);
  t.equal(await lock(Opcode.SETLK, 1n, WRITE), undefined);
  const given = lock(Opcode.SETLKW, 2n, WRITE);
  t.equal(await lock(Opcode.SETLK, 1n, UNLOCK), undefined);
  t.equal(await given, undefined);
  const args = file.fuse_lk_in.encode(argsOf(1n, WRITE));
  const waiting = kernel.sendBytes(Opcode.SETLKW, nodeid, args);
  const [unique] = await new Promise<number[]>(
    resolve => void setTimeout(() => resolve([...kernel.session.serving.active.keys()]), 50),
  );
  kernel.tell(Opcode.INTERRUPT, 0, fuse_interrupt_in.encode({ unique: unique! }));
  kernel.tell(Opcode.INTERRUPT, 0, fuse_interrupt_in.encode({ unique: 999 }));
  t.equal((await waiting).error, 'EINTR');
  t.strictSame(kernel.unasked, []);
});
