/** A dispersed volume over bricks of which some fail: what was acknowledged stays, and what a brick missed is known. */
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { GraphEvent } from '#src/graph/event.ts';
import { Stable } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import type { Xlator } from '#src/graph/xlator.ts';
import { frame, volumeOf, xlatorOf } from '../../../support/graph.ts';
import { Failing } from '../../../support/memory/failing.ts';
import { bricks } from './bricks.ts';

const STRIPE = 1024;
const VERSION = 'trusted.ec.version';

/** A volume of 2 + 1 bricks with a file of some bytes, whose lock is given up. */
async function volume(t: Test, size = 0) {
  const { top, root } = await volumeOf(t, bricks(3, 1));
  const connections = [0, 1, 2].map(i => xlatorOf(top, `b${i}`, Failing));
  const events: GraphEvent['kind'][] = [];
  top.parents.push({ notify: ({ kind }: GraphEvent) => void events.push(kind) } as Xlator);
  const made = await top.create(frame, root, 'f', { mode: 'guarded', attr: { mode: 0o644 } });
  const file = new Inode(made.iatt.gfid, FileType.REG);
  const write = (data: Buffer, offset: number, stable = Stable.UNSTABLE) =>
    top.writev(frame, file.fd, data, offset, stable);
  const release = async () => {
    top.notify({ kind: 'upcall', gfid: file.gfid, about: 'contention' });
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
