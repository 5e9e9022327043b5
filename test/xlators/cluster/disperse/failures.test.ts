/** A dispersed volume over bricks of which some fail: what was acknowledged stays, and what a brick missed is known. */
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Errno } from '#src/errno.ts';
import type { GraphEvent } from '#src/graph/event.ts';
import { Stable } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import type { Xlator } from '#src/graph/xlator.ts';
import { silent } from '#src/log.ts';
import { O_RDWR, O_TRUNC } from '#src/sys/constants.ts';
import { envOf, frame, keptLog, volumeOf, xlatorOf } from '../../../support/graph.ts';
import { failure } from '../../../suites/xlator/hand.ts';
import { Failing } from '../../../support/memory/failing.ts';
import { bricks } from './bricks.ts';

const STRIPE = 1024;
const VERSION = 'trusted.ec.version';
const DIRTY = 'trusted.ec.dirty';

/** A volume of 2 + 1 bricks with a file of some bytes, whose lock is given up. */
async function volume(t: Test, size = 0, log = silent) {
  const { top, root } = await volumeOf(t, bricks(3, 1), { env: envOf({ log }) });
  const connections = [0, 1, 2].map(i => xlatorOf(top, `b${i}`, Failing));
  const events: GraphEvent['kind'][] = [];
  top.parents.push({ notify: ({ kind }: GraphEvent) => void events.push(kind) } as Xlator);
  const made = await top.create(frame, root, 'f', { mode: 'guarded', attr: { mode: 0o644 } });
  const file = new Inode(made.iatt.gfid, FileType.REG);
  const write = (data: Buffer, offset: number, stable = Stable.UNSTABLE) =>
    top.writev(frame, file.fd, data, offset, stable);
  const release = async ({ gfid } = file) => {
    top.notify({ kind: 'upcall', gfid, about: 'contention' });
    for (let turns = 0; turns < 30; turns++) await setImmediate();
  };
  if (size > 0) await write(Buffer.alloc(size, 'a'), 0);
  await release();
  return { top, root, file, connections, events, write, release };
}

t.test('writes to two parts of a file that end together: the file is as long as the longer one says', async t => {
  const { top, file, write, release } = await volume(t, 3 * STRIPE);
  await Promise.all([write(Buffer.alloc(STRIPE, 'c'), 9 * STRIPE), write(Buffer.alloc(STRIPE, 'b'), 4 * STRIPE)]);
  t.equal((await top.stat(frame, file)).size, 10 * STRIPE);
  await release();
  t.equal((await top.stat(frame, file)).size, 10 * STRIPE);
  const { data } = await top.readv(frame, file.fd, STRIPE, 9 * STRIPE);
  t.equal(data.toString(), 'c'.repeat(STRIPE));
});

t.test('a COMMIT that one brick cannot fulfil: that brick is known to be stale', async t => {
  const { top, file, connections, release } = await volume(t, 2 * STRIPE);
  connections[1]!.fail({ fop: 'fsync', when: 'before', what: 'EIO' });
  await top.fsync(frame, file.fd, false);
  await release();
  const versions = await Promise.all(
    connections.map(async one => (await one.getxattr(frame, file, VERSION)).get(VERSION)),
  );
  t.same(versions[0], versions[2]);
  t.notSame(versions[0], versions[1]);
});

t.test('a size that too few bricks take: clients are made to send unstable writes again', async t => {
  const { events, connections, write, release } = await volume(t);
  await write(Buffer.alloc(STRIPE), 0);
  for (const one of connections.slice(1)) one.fail({ fop: 'xattrop', when: 'before', what: 'EIO' });
  await release();
  t.match(
    events.filter(kind => kind === 'unstable-lost'),
    ['unstable-lost'],
  );
});

t.test('a file is removed before the bricks have its size: no other file is written again for that', async t => {
  for (const away of [[], [2]]) {
    const { top, root, connections, events, write, release } = await volume(t);
    for (const i of away) connections[i]!.disconnect();
    await write(Buffer.alloc(STRIPE), 0);
    await top.unlink(frame, root, 'f');
    await release();
    t.notOk(events.includes('unstable-lost'), `${away.length} bricks away`);
  }
});

t.test('a brick is away and another not yet healed: an error that passes, and not one for good', async t => {
  const { top, file, connections, write, release } = await volume(t, STRIPE);
  connections[2]!.disconnect();
  await write(Buffer.alloc(10, 'x'), 0);
  await release();
  connections[2]!.connect();
  connections[1]!.disconnect();
  await t.rejects(top.readv(frame, file.fd, 10, 0), { code: 'ENOTCONN' });
  await t.rejects(write(Buffer.alloc(10), 0), { code: 'ENOTCONN' });
  connections[1]!.connect();
  t.equal((await top.readv(frame, file.fd, 10, 0)).data.toString(), 'x'.repeat(10));
});

t.test('a brick is away and another has not got the file yet: an error that passes', async t => {
  const { top, root, connections, release } = await volume(t);
  connections[2]!.disconnect();
  const { iatt } = await top.create(frame, root, 'g', { mode: 'guarded', attr: { mode: 0o644 } });
  const made = new Inode(iatt.gfid, FileType.REG);
  await release();
  connections[2]!.connect();
  connections[1]!.disconnect();
  await t.rejects(top.lookup(frame, root, 'g'), { code: 'ENOTCONN' });
  await t.rejects(top.stat(frame, made), { code: 'ENOTCONN' });
  await t.rejects(top.readv(frame, made.fd, 10, 0), { code: 'ENOTCONN' });
  await t.rejects(top.setattr(frame, made, { mode: 0o600 }), { code: 'ENOTCONN' });
  connections[0]!.disconnect();
  await t.rejects(top.lookup(frame, root, 'g'), { code: 'ENOTCONN' });
  await t.rejects(top.stat(frame, made), { code: 'ENOTCONN' });
  await t.rejects(top.readv(frame, made.fd, 10, 0), { code: 'ENOTCONN' });
});

t.test('a brick that has missed a name is not listed from', async t => {
  const { top, root, connections } = await volume(t);
  for (const name of ['d0', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6', 'd7']) {
    const { iatt } = await top.mkdir(frame, root, name, { mode: 0o755 });
    const dir = new Inode(iatt.gfid, FileType.DIR);
    const listed = async () => (await top.readdir(frame, dir.fd, 4096, 0n)).entries.map(entry => entry.name).toSorted();
    t.same(await listed(), ['.', '..']);
    connections[Number(name[1]) % 3]!.fail({ fop: 'create', when: 'before', what: 'EIO' });
    await top.create(frame, dir, 'f', { mode: 'guarded', attr: { mode: 0o644 } });
    t.same(await listed(), ['.', '..', 'f'], name);
  }
});

t.test('a brick that gave no lock has missed the name, and is not listed from', async t => {
  const { top, root, connections } = await volume(t);
  for (const name of ['d0', 'd1', 'd2', 'd3', 'd4', 'd5']) {
    const { iatt } = await top.mkdir(frame, root, name, { mode: 0o755 });
    const dir = new Inode(iatt.gfid, FileType.DIR);
    const listed = async () => (await top.readdir(frame, dir.fd, 4096, 0n)).entries.map(entry => entry.name).toSorted();
    t.same(await listed(), ['.', '..']);
    connections[Number(name[1]) % 3]!.fail({ fop: 'inodelk', when: 'before', what: 'EIO' });
    await top.create(frame, dir, 'f', { mode: 'guarded', attr: { mode: 0o644 } });
    t.same(await listed(), ['.', '..', 'f'], name);
  }
});

t.test('a directory of which the bricks that are up have different names is not changed', async t => {
  const { top, root, connections, release } = await volume(t);
  const settle = async () => {
    top.notify({ kind: 'upcall', gfid: root.gfid, about: 'contention' });
    await release();
  };
  const make = (name: string) => top.create(frame, root, name, { mode: 'guarded', attr: { mode: 0o644 } });
  await settle();
  connections[2]!.disconnect();
  await make('a');
  await settle();
  connections[2]!.connect();
  connections[1]!.disconnect();
  await t.rejects(make('b'), { code: 'ENOTCONN' });
  connections[1]!.connect();
  connections[0]!.disconnect();
  await t.rejects(top.readdir(frame, root.fd, 4096, 0n), { code: 'ENOTCONN' });
});

t.test('a fragment that is shorter than the file: another brick is read in its place', async t => {
  const { top, file, connections } = await volume(t, 3 * STRIPE);
  const cut = (index: number) => connections[index]!.children[0]!.truncate(frame, file, STRIPE / 2);
  const read = () => top.readv(frame, file.fd, 3 * STRIPE, 0);
  await cut(0);
  for (let turns = 0; turns < 3; turns++) t.equal((await read()).data.toString(), 'a'.repeat(3 * STRIPE));
  await cut(1);
  await t.rejects(read(), { code: 'EIO', message: /fewer than 2 bricks of vol-disperse-0 have the data/ });
});

t.test('why data cannot be read: what a brick says of the file counts most, then that data are missing', async t => {
  const { top, file, connections } = await volume(t, STRIPE);
  const failing = async (...codes: readonly Errno[]) => {
    const plans = codes.map((what, i) => connections[i]!.fail({ fop: 'readv', nth: 'each', when: 'before', what }));
    const why = await failure(top.readv(frame, file.fd, 10, 0));
    for (const plan of plans) plan.cancel();
    return why.code;
  };
  t.equal(await failing('ENOTCONN', 'ENOTCONN'), 'ENOTCONN');
  t.equal(await failing('EIO', 'ENOTCONN'), 'EIO');
  t.equal(await failing('EIO', 'ENOTCONN', 'EACCES'), 'EACCES');
});

t.test('a file of which the bricks contradict each other is not used, and the log says what each has', async t => {
  const { log, lines } = keptLog();
  const { top, file, connections, write } = await volume(t, STRIPE, log);
  for (const [i, version] of ['01', '02', '03'].entries()) {
    const value = Buffer.from(version.padStart(32, '0'), 'hex');
    await connections[i]!.children[0]!.setxattr(frame, file, new Map([[VERSION, value]]), 0);
  }
  await t.rejects(top.readv(frame, file.fd, 10, 0), { code: 'EIO' });
  await t.rejects(write(Buffer.alloc(10), 0), { code: 'EIO' });
  t.match(
    lines.filter(({ level }) => level === 50),
    [{ gfid: file.gfid.toString('hex'), states: { b0: /01 /, b1: /02 /, b2: /03 / } }, {}],
  );
});

t.test('a lock that another client has is waited for', async t => {
  const { top, file, connections, write } = await volume(t);
  const other = { ...frame, lkOwner: Buffer.from('other') };
  const lock = (type: 'write' | 'unlock') =>
    connections[0]!.children[0]!.inodelk(other, top.name, file, { type, start: 0n, length: 0n }, false);
  await lock('write');
  const waits = connections[0]!.fail({
    fop: 'inodelk',
    of: (_frame, _domain, _inode, _lock, isWaiting) => isWaiting,
    when: 'before',
    what: 'hang',
  });
  const writing = write(Buffer.alloc(10, 'x'), 0);
  await waits.happened;
  waits.resume();
  await lock('unlock');
  await writing;
  t.equal((await top.readv(frame, file.fd, 10, 0)).data.toString(), 'x'.repeat(10));
});

t.test('a volume says which of its bricks are down, and what it does', async t => {
  const { top, file, connections, write } = await volume(t);
  t.equal(top.trouble, undefined);
  t.match(top.dump(), { bricks: 3, enough: 2, up: 3 });
  connections[1]!.disconnect();
  await write(Buffer.alloc(10), 0);
  t.equal(top.trouble, '1 of 3 bricks are down');
  t.equal(top.dump().up, 2);
  t.ok(Number(top.dump().locks) > 0, 'the lock on the file is kept for what comes next');
  top.forget(file);
  t.match(await top.stat(frame, file), { size: 10 });
});

t.test('nothing stays open on a brick if an open or a creation fails as a whole', async t => {
  const { top, root, file, connections } = await volume(t);
  const fail = (fop: 'open' | 'opendir' | 'create' | 'truncate') => {
    for (const [i, what] of [
      [1, 'ENOSPC'],
      [2, 'EIO'],
    ] as const)
      connections[i]!.fail({ fop, when: 'after', what });
  };
  const opensOf = async (inode: Inode) => {
    const asked = new Map([['glusterfs.open-fd-count', 0]]);
    const found = connections.map(one => one.children[0]!.discover(frame, inode.gfid, undefined, asked));
    return (await Promise.all(found)).map(({ xdata }) => Number(xdata!.get('glusterfs.open-fd-count')));
  };
  const before = await opensOf(file);
  fail('open');
  await t.rejects(top.open(frame, file, 0));
  t.equal((await opensOf(file))[0], before[0], 'open');
  const afterOpen = await opensOf(file);
  fail('truncate');
  await t.rejects(top.open(frame, file, O_RDWR | O_TRUNC));
  t.same(await opensOf(file), afterOpen, 'open, and then cut');
  fail('opendir');
  await t.rejects(top.opendir(frame, root));
  t.equal((await opensOf(root))[0], 0, 'opendir');
  fail('create');
  await t.rejects(top.create(frame, root, 'g', { mode: 'guarded', attr: { mode: 0o644 } }, O_RDWR));
  const made = await connections[0]!.children[0]!.lookup(frame, root, 'g');
  const asked = new Map([['glusterfs.open-fd-count', 0]]);
  const { xdata } = await connections[0]!.children[0]!.discover(frame, made.iatt.gfid, undefined, asked);
  t.equal(Number(xdata!.get('glusterfs.open-fd-count')), 0, 'create');
});

t.test('a brick that does not say what is to be healed is not known to be healthy', async t => {
  const { top, root, connections } = await volume(t);
  for (const one of connections) {
    one.disconnect();
    one.connect();
  }
  const memory = connections[1]!.children[0]!;
  const whole = memory.discover.bind(memory);
  memory.discover = async (...args) => {
    const { xdata, ...found } = await whole(...args);
    return { ...found, xdata: new Map([...(xdata ?? [])].filter(([key]) => key !== 'link-count')) };
  };
  await top.create(frame, root, 'g', { mode: 'guarded', attr: { mode: 0o644 } });
  const { entries } = await top.readdirp(frame, root.fd, 4096, 0n);
  const sizes = entries.filter(({ name }) => name === 'f').map(({ iatt }) => iatt?.size);
  t.same(sizes, [undefined], 'so what it says of a size does not count');
});

t.test('what cannot be a dispersed volume', async t => {
  await t.rejects(volumeOf(t, bricks(4, 2)), { message: /redundancy to be less than half of the subvolumes/ });
  await t.rejects(volumeOf(t, bricks(20, 3)), { message: /at most 16 more subvolumes than that, found 3 of 20/ });
  const posix = t.testdir({ b: {} });
  const text = bricks(3, 1).replace('type test/memory', `type storage/posix\n option directory ${posix}/b`);
  await t.rejects(volumeOf(t, text), {
    message: /bricks that take the gfids chosen for them, found m0 of type storage\/posix/,
  });
});

t.test('an empty brick takes the place of one: it is not listed from, and is to be healed', async t => {
  for (const index of [0, 1, 2]) {
    const { top, root, connections, release } = await volume(t);
    await release(root);
    const empty = connections[index]!;
    await empty.unlink(frame, root, 'f');
    await empty.removexattr(frame, root, VERSION);
    empty.disconnect();
    empty.connect();
    const { entries } = await top.readdir(frame, root.fd, 4096, 0n);
    t.ok(
      entries.some(({ name }) => name === 'f'),
      `brick ${index} is empty`,
    );
    const markOf = async (one: Failing) => (await one.getxattr(frame, root, DIRTY)).get(DIRTY)?.toString('hex');
    for (const one of connections) {
      if (one === empty) await t.rejects(markOf(one), { code: 'ENODATA' });
      else t.equal(await markOf(one), `${'0'.repeat(15)}1`.repeat(2));
    }
  }
});
