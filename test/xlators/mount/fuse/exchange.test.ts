/** Another graph takes over a mount: the kernel goes on with what it knows, has open and has locked. */
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Opcode, ROOT_ID } from '#protocols/fuse/constants.ts';
import * as file from '#protocols/fuse/file.ts';
import { fuse_link_in, fuse_mkdir_in, fuse_mknod_in, fuse_rename_in } from '#protocols/fuse/names.ts';
import { fuse_attr_out, fuse_entry_out, fuse_getattr_in, fuse_name_in } from '#protocols/fuse/object.ts';
import { fuse_interrupt_in } from '#protocols/fuse/header.ts';
import { Inode } from '#src/graph/inode.ts';
import { O_RDWR } from '#src/sys/constants.ts';
import { Kernel, type KernelOptions } from '../../../support/fuse/kernel.ts';
import { frame, keptLog, stackOf, volumeOf, xlatorOf } from '../../../support/graph.ts';
import { Failing } from '../../../support/memory/failing.ts';

const [WRITE, UNLOCK] = [1, 2];
const END = 0x7fff_ffff_ffff_ffffn;
const GETATTR = { getattr_flags: 0, dummy: 0, fh: 0 };
const OPEN = { flags: O_RDWR, open_flags: 0 };
const OPTIONS: KernelOptions = { locks: true, options: { acl: 'off' } };

let stores = 0;

/** What programs do in a mount. */
function callsOf(kernel: Kernel) {
  const mknod = (name: string) => ({ mode: 0o100666, rdev: 0, umask: 0, name });
  const make = (name: string) => kernel.ask(Opcode.MKNOD, ROOT_ID, fuse_mknod_in, mknod(name), fuse_entry_out);
  const open = async (nodeid: number) =>
    (await kernel.ask(Opcode.OPEN, nodeid, file.fuse_open_in, OPEN, file.fuse_open_out)).fh;
  const write = (nodeid: number, fh: number, text: string) => {
    const data = Buffer.from(text);
    const args = { fh, offset: 0, size: data.length, write_flags: 0, lock_owner: 0n, flags: 0, data };
    return kernel.ask(Opcode.WRITE, nodeid, file.fuse_write_in, args, file.fuse_write_out);
  };
  const read = async (nodeid: number, fh: number) => {
    const args = { fh, offset: 0, size: 100, read_flags: 0, lock_owner: 0n, flags: 0 };
    const { error, body } = await kernel.send(Opcode.READ, nodeid, file.fuse_read_in, args);
    return error ?? body.toString('latin1');
  };
  const lock = async (nodeid: number, fh: number, owner: bigint, type: number, opcode: number = Opcode.SETLK) => {
    const args = { fh, owner, start: 0n, end: END, type, pid: 7, lk_flags: 0 };
    return (await kernel.send(opcode, nodeid, file.fuse_lk_in, args)).error;
  };
  return { make, open, write, read, lock };
}

/** The layer on top of the graph that was mounted first, which is `test/failing`. */
const failing = ({ subvolume: { top, name } }: Kernel): Failing => xlatorOf(top, name, Failing);

/** A mount of a brick in memory below these layers. */
async function mounted(t: Test, ...above: string[]) {
  const brick = `test/memory store=exchange-${stores++}`;
  const kernel = await Kernel.over(t, stackOf(...above, brick), OPTIONS);
  return { kernel, brick, ...callsOf(kernel) };
}

/** The same, and the exchange with another graph over the brick, whose layers have other numbers. */
async function scene(t: Test) {
  const scene = await mounted(t);
  const { kernel, brick } = scene;
  const exchange = async (options: Partial<KernelOptions> = {}) =>
    (await kernel.exchanging(t, stackOf('debug/io-stats', brick), { ...OPTIONS, ...options }))();
  return { ...scene, exchange };
}

/** Another client of the brick, and an fd of the file `a` there. */
async function elsewhere(t: Test, brick: string) {
  const { top, root } = await volumeOf(t, stackOf(brick));
  const { iatt } = await top.lookup(frame, root, 'a');
  return { top, fd: new Inode(iatt.gfid, iatt.type).fd };
}

t.test('objects keep their numbers, and files stay open', async t => {
  const { kernel, make, open, write, read, exchange } = await scene(t);
  const a = await make('a');
  const b = await make('b');
  const mkdir = { mode: 0o777, umask: 0, name: 'd' };
  const d = await kernel.ask(Opcode.MKDIR, ROOT_ID, fuse_mkdir_in, mkdir, fuse_entry_out);
  const fh = await open(a.nodeid);
  await write(a.nodeid, fh, 'text');
  const dir = await kernel.ask(Opcode.OPENDIR, d.nodeid, file.fuse_open_in, OPEN, file.fuse_open_out);
  const old = kernel.session.serving;
  await exchange();

  t.strictSame([old.nodes.count, old.files.count], [0, 0], 'nothing is used of the old graph');
  t.equal(await read(a.nodeid, fh), 'text');
  await write(a.nodeid, fh, 'more');
  const attributes = await kernel.ask(Opcode.GETATTR, b.nodeid, fuse_getattr_in, GETATTR, fuse_attr_out);
  t.equal(attributes.ino, b.ino, 'what was not open is found when it is asked for');
  t.equal((await kernel.lookup(ROOT_ID, 'a')).nodeid, a.nodeid);
  t.equal((await kernel.lookup(ROOT_ID, 'd')).nodeid, d.nodeid, 'also if it is looked up first');
  const list = { fh: dir.fh, offset: 0n, size: 4096, read_flags: 0, lock_owner: 0n, flags: 0 };
  t.equal((await kernel.send(Opcode.READDIR, d.nodeid, file.fuse_readdir_in, list)).error, undefined);
  const other = await make('c');
  t.ok(other.nodeid > d.nodeid, 'no number is used again');
  await kernel.session.close();
});

t.test('operations on two objects find both', async t => {
  const { kernel, make, exchange } = await scene(t);
  const mkdir = (name: string) => ({ mode: 0o777, umask: 0, name });
  const from = await kernel.ask(Opcode.MKDIR, ROOT_ID, fuse_mkdir_in, mkdir('from'), fuse_entry_out);
  const to = await kernel.ask(Opcode.MKDIR, ROOT_ID, fuse_mkdir_in, mkdir('to'), fuse_entry_out);
  const a = await make('a');
  await exchange();
  const link = { oldnodeid: a.nodeid, newname: 'b' };
  t.equal((await kernel.ask(Opcode.LINK, from.nodeid, fuse_link_in, link, fuse_entry_out)).nodeid, a.nodeid);
  await exchange();
  const rename = { newdir: to.nodeid, oldname: 'b', newname: 'c' };
  t.equal((await kernel.send(Opcode.RENAME, from.nodeid, fuse_rename_in, rename)).error, undefined);
  t.equal((await kernel.lookup(to.nodeid, 'c')).nodeid, a.nodeid);
});

t.test('what is gone meanwhile is stale, and open files that cannot be opened again fail', async t => {
  const { kernel, make, open, read, exchange } = await scene(t);
  const [a, b] = [await make('a'), await make('b')];
  const fh = await open(a.nodeid);
  const { log, lines } = keptLog();
  for (const name of ['a', 'b']) await kernel.send(Opcode.UNLINK, ROOT_ID, fuse_name_in, { name });
  await exchange({ log });
  t.equal((await kernel.send(Opcode.GETATTR, b.nodeid, fuse_getattr_in, GETATTR)).error, 'ESTALE');
  t.match(lines, [{ msg: /^1 open files/ }]);
  t.not(await read(a.nodeid, fh), '');
  const release = { fh, flags: 0, release_flags: 0, lock_owner: 0n };
  t.equal((await kernel.send(Opcode.RELEASE, a.nodeid, file.fuse_release_in, release)).error, undefined);
});

t.test('locks are kept, and what waits for one goes on to wait', async t => {
  const { make, open, lock, exchange } = await scene(t);
  const { nodeid } = await make('a');
  const fh = await open(nodeid);
  t.equal(await lock(nodeid, fh, 1n, WRITE), undefined);
  let granted = false;
  const waits = lock(nodeid, fh, 2n, WRITE, Opcode.SETLKW).then(error => {
    granted = true;
    return error;
  });
  await exchange();
  t.equal(await lock(nodeid, fh, 3n, WRITE), 'EAGAIN', 'the lock is held in the new graph');
  await sleep(20);
  t.notOk(granted);
  t.equal(await lock(nodeid, fh, 1n, UNLOCK), undefined);
  t.equal(await waits, undefined);
  t.equal(await lock(nodeid, fh, 3n, WRITE), 'EAGAIN');
});

t.test('a call under way is answered by the graph that it began in, and later ones wait', async t => {
  const dir = t.testdir({ a: '' });
  const text = stackOf('test/failing', `storage/posix directory=${dir}`);
  const kernel = await Kernel.over(t, text);
  const { happened, resume } = failing(kernel).fail({ fop: 'lookup', when: 'before', what: 'hang' });
  const first = kernel.lookup(ROOT_ID, 'a');
  await happened;
  const order: string[] = [];
  const exchange = await kernel.exchanging(t, text);
  const over = exchange().then(() => order.push('exchanged'));
  const second = kernel.lookup(ROOT_ID, 'a').then(entry => {
    order.push('second');
    return entry;
  });
  await sleep(20);
  t.strictSame(order, []);
  resume();
  await over;
  t.equal((await second).nodeid, (await first).nodeid);
  t.equal(order[0], 'exchanged');
});

t.test('a lock is kept although those who wait for it get it first in the graph before', async t => {
  const { kernel, brick, make, open, lock, exchange } = await scene(t);
  const { nodeid } = await make('a');
  const fh = await open(nodeid);
  t.equal(await lock(nodeid, fh, 1n, WRITE), undefined);
  const waits = lock(nodeid, fh, 2n, WRITE, Opcode.SETLKW);
  while (kernel.session.serving.active.size === 0) await sleep(1);
  // As a brick of GlusterFS does, which cannot be told that a lock is not waited for any longer.
  const { top, fd } = await elsewhere(t, brick);
  const owner = { ...frame, client: '', lkOwner: Buffer.from('0200000000000000', 'hex') };
  const range = { start: 0n, length: 0n } as const;
  const givenBack = top.lk(owner, fd, 'wait', { ...range, type: 'write' }).then(async () => {
    await sleep(50);
    await top.lk(owner, fd, 'set', { ...range, type: 'unlock' });
  });
  const { log, lines } = keptLog();
  await exchange({ log });
  await givenBack;
  t.strictSame(lines, []);
  t.equal(await lock(nodeid, fh, 3n, WRITE), 'EAGAIN', 'the lock is held in the new graph');
  t.equal(await lock(nodeid, fh, 1n, UNLOCK), undefined);
  t.equal(await waits, undefined);
  await kernel.session.close();
});

t.test('a lock that another client has got meanwhile is lost', async t => {
  const { brick, make, open, lock, exchange } = await scene(t);
  const { nodeid } = await make('a');
  const fh = await open(nodeid);
  t.equal(await lock(nodeid, fh, 1n, WRITE), undefined);
  const { top, fd } = await elsewhere(t, brick);
  const other = top.lk(frame, fd, 'wait', { start: 0n, length: 0n, type: 'write' });
  const { log, lines } = keptLog();
  await exchange({ log });
  await other;
  t.match(lines, [{ msg: /^1 open files, or their locks/ }]);
  t.equal(await lock(nodeid, fh, 1n, UNLOCK), 'EBADFD');
});

t.test('locks of a graph that is down are taken in the next one', async t => {
  const { kernel, brick, make, open, lock } = await mounted(t, 'test/failing');
  const { nodeid } = await make('a');
  const fh = await open(nodeid);
  t.equal(await lock(nodeid, fh, 1n, WRITE), undefined);
  failing(kernel).disconnect();
  const { log, lines } = keptLog();
  await (
    await kernel.exchanging(t, stackOf(brick), { ...OPTIONS, log })
  )();
  t.strictSame(lines, []);
  t.equal(await lock(nodeid, fh, 2n, WRITE), 'EAGAIN', 'the lock is held in the new graph');
  t.equal(await lock(nodeid, fh, 1n, UNLOCK), undefined);
});

t.test('a caller who was interrupted does not wait for a lock again', async t => {
  const { kernel, brick, make, open, lock } = await mounted(t, 'test/failing');
  const { nodeid } = await make('a');
  const fh = await open(nodeid);
  t.equal(await lock(nodeid, fh, 1n, WRITE), undefined);
  // The graph takes a while to find out what it has to give back.
  const { happened, resume } = failing(kernel).fail({ fop: 'lk', when: 'before', what: 'hang' });
  const waits = lock(nodeid, fh, 2n, WRITE, Opcode.SETLKW);
  await happened;
  const [unique] = kernel.session.serving.active.keys();
  kernel.tell(Opcode.INTERRUPT, 0, fuse_interrupt_in.encode({ unique: unique! }));
  await sleep(20);
  const over = (await kernel.exchanging(t, stackOf(brick), OPTIONS))();
  resume();
  await over;
  t.equal(await waits, 'EINTR');
});

t.test('when the mount is to end, no graph is waited for', async t => {
  const { kernel, brick, make, open, read } = await mounted(t, 'test/failing');
  const { nodeid } = await make('a');
  const fh = await open(nodeid);
  const { happened, resume } = failing(kernel).fail({ fop: 'lookup', when: 'before', what: 'hang' });
  const hangs = kernel.lookup(ROOT_ID, 'a');
  await happened;
  const slow = 'debug/delay-gen delay-duration=2000000 delay-percentage=100 enable=open';
  const ending = new AbortController();
  const { log, lines } = keptLog();
  const exchange = await kernel.exchanging(t, stackOf(slow, brick), { ...OPTIONS, log }, ending.signal);
  const start = performance.now();
  const over = exchange();
  await sleep(20);
  ending.abort();
  await over;
  t.ok(performance.now() - start < 1000);
  await t.rejects(hangs, { message: 'EIO' });
  t.match(lines, [{ msg: /^1 open files/ }]);
  t.equal(await read(nodeid, fh), 'EBADFD');
  resume();
});

t.test('a file that is opened too late is closed', async t => {
  const { kernel, brick, make, open, read } = await mounted(t);
  const { nodeid } = await make('a');
  const fh = await open(nodeid);
  const slow = 'debug/delay-gen delay-duration=300000 delay-percentage=100 enable=open';
  const ending = new AbortController();
  const over = (await kernel.exchanging(t, stackOf(slow, brick), OPTIONS, ending.signal))();
  await sleep(20);
  ending.abort();
  await over;
  await sleep(400);
  t.equal(await read(nodeid, fh), 'EBADFD');
  t.equal(kernel.session.serving.files.count, 0);
});
