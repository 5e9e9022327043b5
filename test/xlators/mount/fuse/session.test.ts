/** How a session begins and ends, and what it makes of requests that are wrong or are not answered by the graph. */
import t from 'tap';
import { InitFlag, Opcode, ReleaseFlag, ROOT_ID } from '#protocols/fuse/constants.ts';
import * as file from '#protocols/fuse/file.ts';
import { fuse_init_out, fuse_interrupt_in } from '#protocols/fuse/header.ts';
import { fuse_mknod_in } from '#protocols/fuse/names.ts';
import { fuse_entry_out, fuse_forget_in, fuse_getattr_in, fuse_name_in } from '#protocols/fuse/object.ts';
import { O_RDWR } from '#src/sys/constants.ts';
import type { FuseActors } from '#src/xlators/mount/fuse/fuse-actor.ts';
import { Kernel } from '../../../support/fuse/kernel.ts';
import { keptLog, stackOf } from '../../../support/graph.ts';

const MEMORY = stackOf('test/memory');
const GETATTR = { getattr_flags: 0, dummy: 0, fh: 0 };

t.test('what the kernel can do is agreed on', async t => {
  const { begun } = await Kernel.over(t, MEMORY);
  t.match(begun, { major: 7, minor: 38, max_write: 1024 * 1024, max_pages: 256, max_background: 64 });
  t.ok(begun!.flags & InitFlag.DO_READDIRPLUS && begun!.flags & InitFlag.POSIX_ACL);
  t.notOk(begun!.flags & InitFlag.POSIX_LOCKS, 'the kernel keeps the locks');
  const other = await Kernel.over(t, MEMORY, { locks: true, options: { acl: 'off', 'use-readdirp': 'off' } });
  t.notOk(other.begun!.flags & (InitFlag.DO_READDIRPLUS | InitFlag.POSIX_ACL | InitFlag.DONT_MASK));
  t.ok(other.begun!.flags & InitFlag.POSIX_LOCKS && other.begun!.flags & InitFlag.FLOCK_LOCKS);
});

t.test('a kernel of an older minor version is answered in that', async t => {
  const kernel = await Kernel.over(t, MEMORY, {}, false);
  t.equal(fuse_init_out.decode((await kernel.init(7, 31)).body, 0).minor, 31);
  await kernel.session.begun;
});

t.test('a kernel that is too old is refused, and says so', async t => {
  const kernel = await Kernel.over(t, MEMORY, {}, false);
  t.equal((await kernel.init(7, 30)).error, 'EPROTO');
  await t.rejects(kernel.session.begun, { message: /FUSE 7\.30, and 7\.31 \(Linux 5\.4\) is needed/ });
});

t.test('a kernel of a newer major version asks again', async t => {
  const kernel = await Kernel.over(t, MEMORY, {}, false);
  t.match(fuse_init_out.decode((await kernel.init(8, 0)).body, 0), { major: 7 });
  await kernel.init(7, 45);
  await kernel.session.begun;
});

t.test('requests that are cut short, or say another length, are refused', async t => {
  const kernel = await Kernel.over(t, MEMORY);
  t.equal((await kernel.sendBytes(Opcode.GETATTR, ROOT_ID, Buffer.alloc(3))).error, 'EINVAL');
  t.equal((await kernel.sendBytes(Opcode.LOOKUP, ROOT_ID, Buffer.from('name without end'))).error, 'EINVAL');
  t.equal((await kernel.sendBytes(Opcode.LOOKUP, ROOT_ID, Buffer.from('a/b\0'))).error, 'EINVAL');
  const getattr = fuse_getattr_in.encode(GETATTR);
  t.equal((await kernel.sendBytes(Opcode.GETATTR, ROOT_ID, getattr, {}, 41)).error, 'EINVAL');
  kernel.tell(Opcode.FORGET, 9, Buffer.alloc(1)); // has no answer, not even that it is wrong
  t.equal((await kernel.sendBytes(Opcode.GETATTR, ROOT_ID, getattr)).error, undefined);
  t.strictSame(kernel.unasked, []);
});

t.test('while the volume is down, calls fail with ENOTCONN, and go on when it is up', async t => {
  const kernel = await Kernel.over(t, MEMORY);
  kernel.subvolume.notify({ kind: 'child-down' });
  const getattr = () => kernel.send(Opcode.GETATTR, ROOT_ID, fuse_getattr_in, GETATTR);
  t.equal((await getattr()).error, 'ENOTCONN');
  kernel.tell(Opcode.FORGET, 9, fuse_forget_in.encode({ nlookup: 1 }));
  kernel.subvolume.notify({ kind: 'child-up' });
  t.equal((await getattr()).error, undefined);
});

t.test('what is closed while the volume is down is neither open nor locked afterwards', async t => {
  const kernel = await Kernel.over(t, MEMORY, { locks: true, options: { acl: 'off' } });
  const mknod = { mode: 0o100666, rdev: 0, umask: 0, name: 'a' };
  const { nodeid } = await kernel.ask(Opcode.MKNOD, ROOT_ID, fuse_mknod_in, mknod, fuse_entry_out);
  const opened = async () => {
    const open = { flags: O_RDWR, open_flags: 0 };
    return (await kernel.ask(Opcode.OPEN, nodeid, file.fuse_open_in, open, file.fuse_open_out)).fh;
  };
  const lock = async (fh: number, owner: bigint) => {
    const args = { fh, owner, start: owner, end: owner, type: 1, pid: 7, lk_flags: 0 };
    t.equal((await kernel.send(Opcode.SETLK, nodeid, file.fuse_lk_in, args)).error, undefined);
  };
  const release = async (fh: number, release_flags: number, lock_owner: bigint) => {
    const args = { fh, flags: 0, release_flags, lock_owner };
    t.equal((await kernel.send(Opcode.RELEASE, nodeid, file.fuse_release_in, args)).error, undefined);
  };
  const [shared, flocked, ofd] = [await opened(), await opened(), await opened()];
  await lock(shared, 1n);
  await lock(flocked, 2n);
  await lock(ofd, 3n);
  await release(ofd, 0, 0n);
  kernel.subvolume.notify({ kind: 'child-down' });
  await release(flocked, ReleaseFlag.FLOCK_UNLOCK, 2n);
  const flush = { fh: shared, unused: 0, padding: 0, lock_owner: 1n };
  await kernel.send(Opcode.FLUSH, nodeid, file.fuse_flush_in, flush); // another process goes on to use it
  const { files, locks } = kernel.session.serving;
  t.strictSame([files.count, locks.all()], [1, []]);
});

/** Actors of which LOOKUP does as the test says. */
const actorsOf = (run: () => Promise<void>, changes = false): FuseActors => {
  const actors: FuseActors[number][] = [];
  actors[Opcode.LOOKUP] = { name: 'LOOKUP', args: fuse_name_in, changes, run };
  actors[Opcode.INTERRUPT] = {
    name: 'INTERRUPT',
    args: fuse_interrupt_in,
    changes: false,
    silent: true,
    run: ({ serving }, { unique }) => serving.interrupt(unique),
  };
  return actors;
};

t.test('an error without an errno is a bug: it is logged, and the caller gets EIO', async t => {
  const { log, lines } = keptLog();
  const actors = actorsOf(() => Promise.reject(new Error('oops')));
  const kernel = await Kernel.over(t, MEMORY, { actors, log });
  t.equal((await kernel.send(Opcode.LOOKUP, ROOT_ID, fuse_name_in, { name: 'a' })).error, 'EIO');
  t.match(lines, [{ operation: 'LOOKUP', err: { message: 'oops' } }]);
});

t.test('errors that no program knows are told as others', async t => {
  const error = Object.assign(new Error('later'), { code: 'EJUKEBOX' });
  const kernel = await Kernel.over(t, MEMORY, { actors: actorsOf(() => Promise.reject(error)) });
  t.equal((await kernel.send(Opcode.LOOKUP, ROOT_ID, fuse_name_in, { name: 'a' })).error, 'EAGAIN');
});

t.test('a caller that is interrupted while the graph does not answer gets EINTR after a second', async t => {
  const never = new Promise<void>(() => {});
  const kernel = await Kernel.over(t, MEMORY, { actors: actorsOf(() => never) });
  const asked = kernel.send(Opcode.LOOKUP, ROOT_ID, fuse_name_in, { name: 'a' });
  await new Promise(resolve => void setTimeout(resolve, 20));
  const [unique] = [...kernel.session.serving.active.keys()];
  const since = performance.now();
  kernel.tell(Opcode.INTERRUPT, 0, fuse_interrupt_in.encode({ unique: unique! }));
  const kept = setInterval(() => {}, 100); // the timer of the session keeps no process alive
  t.teardown(() => clearInterval(kept));
  t.equal((await asked).error, 'EINTR');
  t.ok(performance.now() - since > 900);
});

t.test('a change is not given up', async t => {
  const answer = Promise.withResolvers<void>();
  const kernel = await Kernel.over(t, MEMORY, { actors: actorsOf(() => answer.promise, true) });
  const asked = kernel.send(Opcode.LOOKUP, ROOT_ID, fuse_name_in, { name: 'a' });
  await new Promise(resolve => void setTimeout(resolve, 20));
  const [unique] = [...kernel.session.serving.active.keys()];
  kernel.tell(Opcode.INTERRUPT, 0, fuse_interrupt_in.encode({ unique: unique! }));
  await new Promise(resolve => void setTimeout(resolve, 1200));
  answer.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
  t.equal((await asked).error, 'ENOSPC');
});

t.test('when the session ends, nothing of its nodes and files is left', async t => {
  const kernel = await Kernel.over(t, stackOf(`storage/posix directory=${t.testdir({ a: '' })}`));
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  t.type(nodeid, 'number');
  const { nodes, files } = kernel.session.serving;
  await kernel.session.close();
  t.strictSame([nodes.count, files.count], [0, 0]);
  await kernel.session.ended;
});
