/** What the layer with blocks remembers of files, and when it gives a file the time of its blocks. */
import { mock } from 'node:test';
import t, { type Test } from 'tap';
import { Stable } from '#src/graph/fops.ts';
import { Bases } from '#src/xlators/features/shard/bases.ts';
import { frame, stackOf, volumeOf, xlatorOf } from '../../../support/graph.ts';
import { gfidOf, iattOf } from '../../../support/iatt.ts';
import { Failing } from '../../../support/memory/failing.ts';
import { Memory } from '../../../support/memory/memory.ts';
import { failure, Hand } from '../../../suites/xlator/hand.ts';

const BLOCK = 4096;
/** How many files are remembered. */
const MAX = 16_384;

async function client(t: Test) {
  const volume = await volumeOf(t, stackOf('features/shard shard-block-size=4KB', 'test/failing', 'test/memory'));
  const { top } = volume;
  const hand = new Hand(volume);
  const file = await hand.file('f');
  const write = (data: string, offset: number, sec = 0) => {
    const by = sec === 0 ? frame : { ...frame, times: { flags: 3, sec, nsec: 0 } };
    return top.writev(by, file.fd, Buffer.from(data), offset, Stable.UNSTABLE);
  };
  const brick = xlatorOf(top, 'v0', Memory);
  const mtimeBelow = () => brick.tree.find(file.gfid).mtime.sec;
  return { ...volume, hand, file, write, mtimeBelow, link: xlatorOf(top, 'v1', Failing) };
}

t.test('a size that the brick did not take is asked for again', async t => {
  const { hand, file, write, link } = await client(t);
  await write('text', 0);
  link.fail({ fop: 'xattrop', when: 'before', what: 'EIO' });
  t.equal((await failure(write('text', 50))).code, 'EIO');
  link.calls.length = 0;
  await write('xx', 1);
  t.ok(link.calls.some(({ fop }) => fop === 'stat'));
  t.equal((await hand.stat(file)).size, 4);
  t.equal(await hand.content(file), 'txxt');
});

const LATE = 2_000_000_000;

t.test('a while after a block was written, the file has its time without being asked', async t => {
  const { write, link, mtimeBelow } = await client(t);
  const { happened, resume } = link.fail({ fop: 'setattr', when: 'after', what: 'hang' });
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  await write('text', 2 * BLOCK, LATE);
  mock.timers.tick(999);
  t.not(mtimeBelow(), LATE);
  mock.timers.tick(1);
  await happened;
  t.equal(mtimeBelow(), LATE);
  resume();
});

t.test('a file that is forgotten, or whose server ends, gets the time before', async t => {
  for (const how of ['forget', 'stop'] as const) {
    const { graph, top, file, write, link, mtimeBelow } = await client(t);
    await write('text', 2 * BLOCK, LATE);
    const { happened, resume } = link.fail({ fop: 'setattr', when: 'after', what: 'hang' });
    const ends = how === 'stop' ? graph.stop() : top.forget(file);
    await happened;
    t.equal(mtimeBelow(), LATE, how);
    resume();
    await ends;
  }
});

t.test('a time that the brick does not take is given up', async t => {
  const { top, file, write, link, hand } = await client(t);
  await write('text', 2 * BLOCK, LATE);
  t.equal((await hand.stat(file)).mtime, LATE);
  link.fail({ fop: 'setattr', when: 'before', what: 'EIO' });
  await top.fsync(frame, file.fd, false);
  t.not((await hand.stat(file)).mtime, LATE);
});

t.test('a file that is in use or has something to be kept is not forgotten', async t => {
  const { top, file, write, hand } = await client(t);
  t.equal(top.dump().files, 1);
  await write('text', 2 * BLOCK);
  await top.fsync(frame, file.fd, false);
  await write('text', 2 * BLOCK);
  top.forget(file);
  t.equal(top.dump().files, 1, 'a block is not synced yet');
  await top.fsync(frame, file.fd, false);
  top.forget(file);
  t.equal(top.dump().files, 0);
  t.equal((await hand.stat(file)).size, 2 * BLOCK + 4);
});

t.test('only so many files are remembered: those go that were used least recently and need not be kept', async t => {
  const { top } = await client(t);
  const bases = new Bases(top);
  const made = (number: number) => bases.made(iattOf({ gfid: gfidOf(number) }), BLOCK);
  const has = (number: number) => bases.find(gfidOf(number)) !== undefined;
  const busy = made(2);
  busy.unsynced.add(1);
  for (let number = 3; number < MAX + 2; number++) made(number);
  t.equal(bases.count, MAX);
  made(3);
  t.equal(bases.count, MAX, 'a file that is known already takes no further place');
  made(MAX + 2);
  t.equal(bases.count, MAX);
  t.strictSame([2, 3, 4, 5].map(has), [true, true, false, true]);
});
