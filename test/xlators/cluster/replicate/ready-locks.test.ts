/**
 * When files are made, written to, and given their attributes one after the other, what each change needs is locked before the
 * change comes. If it does not come, that must have no effect but some calls.
 */
import { mock } from 'node:test';
import t, { type Test } from 'tap';
import { Stable } from '#src/graph/fops.ts';
import type { Inode } from '#src/graph/inode.ts';
import { Expected } from '#src/xlators/cluster/replicate/transaction/expected.ts';
import { replicas } from './bricks.ts';
import { settled } from './settled.ts';

const DATA = Buffer.from('data');
const WHOLE = { start: 0n, length: 0n } as const;
const ATTRIBUTES = { start: 0x7fff_ffff_ffff_fffen, length: 0n } as const;
/** For longer than this no lock is kept for a change of attributes that does not come. */
const READY_MS = 200;
const DELAY_MS = 1000;

/** A volume in which three files were unpacked. Its timers run only when the test says so. */
async function volume(t: Test, options = '', stores?: string) {
  mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const all = await replicas(t, options, 3, stores);
  const { top, root, frame, table, calls } = all;
  const create = async (name: string): Promise<Inode> => {
    const { iatt } = await top.create(frame, root, name, { mode: 'guarded', attr: {} });
    await settled(30);
    return table.link(iatt, root, name);
  };
  const write = (file: Inode) => top.writev(frame, file.fd, DATA, 0, Stable.FILE_SYNC);
  const set = (file: Inode) => top.setattr(frame, file, { mode: 0o640 });
  await top.lookup(frame, root, '.');
  for (const name of ['a', 'b', 'c']) {
    const file = await create(name);
    await write(file);
    await set(file);
    await settled(30);
  }
  calls();
  /** Another client gets this lock on all bricks at once, or EAGAIN. */
  const lock = async (file: Inode, range: typeof WHOLE | typeof ATTRIBUTES) => {
    const other = { ...frame, lkOwner: Buffer.from('another client') };
    for (const brick of all.bricks) {
      await brick.inodelk(other, top.name, file, { type: 'write', ...range }, false);
      await brick.inodelk(other, top.name, file, { type: 'unlock', ...range }, false);
    }
  };
  /** Nothing is locked, or marked, on any brick. */
  const free = async (t: Test, file: Inode) => {
    await settled(30);
    for (const range of [WHOLE, ATTRIBUTES]) await t.resolves(lock(file, range));
    t.strictSame(all.marks().flat(), []);
  };
  return { ...all, create, write, set, lock, free };
}

t.test('each change of a file that is unpacked finds its lock there', async t => {
  const { create, write, set, calls, free } = await volume(t);
  const file = await create('d');
  t.match(calls(), /^create×3 .*inodelk×3 xattrop×3$/);
  await write(file);
  t.equal(calls(), 'inodelk×3 writev×3', 'the lock is that on the attributes');
  await set(file);
  await settled(30);
  t.equal(calls(), 'inodelk×3 setattr×3', 'the lock is given up');
  mock.timers.tick(DELAY_MS);
  await settled(30);
  t.match(calls(), /inodelk×12 xattrop×12$/, 'the marks and locks of four files');
  await free(t, file);
});

t.test('a change that comes before its lock is there waits for it', async t => {
  const { top, root, frame, table, write, set, calls } = await volume(t);
  const { iatt } = await top.create(frame, root, 'd', { mode: 'guarded', attr: {} });
  const file = table.link(iatt, root, 'd');
  await Promise.all([write(file), set(file)]);
  await settled(30);
  t.match(calls(), /^create×3 .*inodelk×9 setattr×3 writev×3 xattrop×3$/);
});

t.test('locks for changes that do not come are given up', async t => {
  const { create, write, free, lock } = await volume(t);
  const file = await create('d');
  await t.rejects(lock(file, WHOLE), { code: 'EAGAIN' });
  mock.timers.tick(DELAY_MS);
  await free(t, file);
  await write(file);
  const other = await create('e');
  await write(other);
  await t.rejects(lock(other, ATTRIBUTES), { code: 'EAGAIN' });
  mock.timers.tick(READY_MS);
  await settled(30);
  await t.resolves(lock(other, ATTRIBUTES));
  mock.timers.tick(DELAY_MS);
  await free(t, other);
});

t.test('another client that waits gets what is locked for changes that have not come', async t => {
  const { create, write, bricks, frame, top } = await volume(t);
  const file = await create('d');
  await write(file);
  await settled(30);
  const other = { ...frame, lkOwner: Buffer.from('another client') };
  for (const range of [WHOLE, ATTRIBUTES])
    for (const brick of bricks) await brick.inodelk(other, top.name, file, { type: 'write', ...range }, true);
  t.pass('it waits for no time to pass');
});

t.test('a change that comes after a brick has gone down finds out first which bricks can be trusted', async t => {
  const { create, write, set, bricks, connections, frame } = await volume(t, 'arbiter-count=1');
  const file = await create('d');
  await write(file);
  await settled(30);
  // The second brick had missed a change of attributes, which this client has not noticed.
  const blame = new Map([['trusted.afr.c-1', Buffer.from('000000000000000100000000', 'hex')]]);
  for (const i of [0, 2]) await bricks[i]!.xattrop(frame, file, 'add32', blame);
  connections[0]!.disconnect();
  await t.rejects(set(file), { code: 'ENOTCONN' }, 'each brick would lack something otherwise');
});

t.test('a brick that goes down before the change is blamed', async t => {
  const { create, write, set, connections, marks } = await volume(t);
  const file = await create('d');
  await write(file);
  await settled(30);
  connections[2]!.disconnect();
  await set(file);
  await settled(30);
  const ofFile = marks().map(all => all.filter(mark => mark.startsWith('/d')));
  t.strictSame(ofFile.slice(0, 2), [['/d: c-2=1,1,0'], ['/d: c-2=1,1,0']]);
});

t.test('a brick that is gone and back again has none of the locks', async t => {
  const { create, write, set, connections, contents } = await volume(t);
  const file = await create('d');
  await write(file);
  await settled(30);
  connections[1]!.disconnect();
  connections[1]!.connect();
  await set(file);
  await settled(30);
  const [first, ...others] = contents();
  for (const other of others) t.strictSame(other['/d'], first!['/d']);
});

t.test('nothing is locked beforehand while a brick is down', async t => {
  const { create, calls, connections } = await volume(t);
  connections[2]!.disconnect();
  await settled(30);
  calls();
  await create('d');
  t.notMatch(calls(), /inodelk/);
});

t.test('nothing is locked beforehand without eager locks, or without a delay', async t => {
  for (const option of ['eager-lock=off', 'post-op-delay-secs=0'])
    await t.test(option, async t => {
      const { create, calls } = await volume(t, option);
      await create('d');
      t.notMatch(calls(), /inodelk/);
    });
});

t.test('a volume that ends gives up what it has locked', async t => {
  const { create, write, top, free } = await volume(t, '', 'ready-locks-end');
  const file = await create('d');
  await write(file);
  await settled(30);
  await top.fini();
  await free(t, file);
});

t.test('a change is expected if it has followed three times, until once it has not', async t => {
  const expected = new Expected();
  for (const key of ['a', 'b', 'c']) {
    t.equal(expected.first(key), false);
    expected.second(key);
  }
  t.equal(expected.first('d'), true);
  t.equal(expected.first('d'), false, 'it is the same change');
  for (let i = 1; i < 32; i++) t.equal(expected.first(`${i}`), true);
  t.equal(expected.first('another'), false, 'the first of them was not followed');
  expected.second('d');
  expected.second('unknown');
  for (const key of ['1', '2', '3']) expected.second(key);
  t.equal(expected.first('e'), true);
});
