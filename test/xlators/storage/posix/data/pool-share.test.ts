/** A brick's share of the thread pool: which calls wait, for how long, and which are turned away. */
import t from 'tap';
import { Flush } from '#src/xlators/storage/posix/data/flush.ts';
import { PoolShare } from '#src/xlators/storage/posix/data/pool-share.ts';
import { poolShare } from '#src/sys/process/thread-pool.ts';

// The timers of the share do not keep the process alive.
const alive = setInterval(() => {}, 1000);
t.teardown(() => clearInterval(alive));

const JUKEBOX = { code: 'EJUKEBOX' };

/** A call that ends when it is told to. */
function call() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let begun = false;
  const run = () => {
    begun = true;
    return promise;
  };
  return { run, resolve, reject, isBegun: () => begun };
}

t.test('a limited number of calls run at a time, and the others follow in order', async t => {
  const share = new PoolShare(2);
  const calls = [call(), call(), call(), call()];
  const done = calls.map(({ run }) => share.run(run));
  const begun = () => calls.map(({ isBegun }) => isBegun());
  t.strictSame(begun(), [true, true, false, false]);
  calls[1]!.resolve('second');
  t.equal(await done[1], 'second');
  await Promise.resolve();
  t.strictSame(begun(), [true, true, true, false]);
  calls[0]!.reject(new Error('broken'));
  await t.rejects(done[0]!, /broken/);
  await Promise.resolve();
  t.strictSame(begun(), [true, true, true, true], 'a call that fails makes room as well');
  calls[2]!.resolve('');
  calls[3]!.resolve('');
  await Promise.all([done[2], done[3]]);
  const next = call();
  void share.run(next.run);
  t.ok(next.isBegun(), 'there is room again');
  next.resolve('');
});

t.test('a call that waits for too long is answered JUKEBOX, and one with more patience goes on waiting', async t => {
  const share = new PoolShare(1, 20);
  const stuck = call();
  const done = share.run(stuck.run);
  const patient = call();
  const closed = share.run(patient.run, true);
  const impatient = call();
  await t.rejects(share.run(impatient.run), JUKEBOX);
  t.notOk(impatient.isBegun());
  t.notOk(patient.isBegun());
  stuck.resolve('');
  patient.resolve('closed');
  await done;
  t.equal(await closed, 'closed');
});

t.test('the queue has a limit', async t => {
  const share = new PoolShare(1);
  const stuck = call();
  const done = [share.run(stuck.run)];
  for (let i = 0; i < 1024; i++) done.push(share.run(async () => 'waited'));
  await t.rejects(
    share.run(async () => 'one too many'),
    JUKEBOX,
  );
  const patient = share.run(async () => 'patient', true);
  stuck.resolve('');
  t.equal(new Set(await Promise.all(done)).size, 2);
  t.equal(await patient, 'patient');
});

t.test('a flush that finds no room is not begun, and the next one is', async t => {
  const share = new PoolShare(1, 20);
  const stuck = call();
  const done = share.run(stuck.run);
  let opened = 0;
  const flush = new Flush(share, () => {
    opened++;
    throw new Error('opened');
  });
  await t.rejects(flush.sync(true), JUKEBOX);
  t.equal(opened, 0);
  t.ok(flush.idle);
  stuck.resolve('');
  await done;
  await t.rejects(flush.sync(true), /opened/);
  t.ok(flush.idle);
  await t.rejects(flush.sync(true), /opened/, 'a failure to open gives the place back');
});

t.test('each share is at least one thread, and all shares together leave some threads', async t => {
  const before = process.env['UV_THREADPOOL_SIZE'];
  t.teardown(() => {
    if (before === undefined) delete process.env['UV_THREADPOOL_SIZE'];
    else process.env['UV_THREADPOOL_SIZE'] = before;
  });
  const rows = [
    ['64', 1, 1, 16],
    ['64', 2, 1, 8],
    ['64', 2, 3, 8],
    ['64', 2, 12, 2],
    ['64', 4, 100, 1],
    ['4', 1, 1, 3],
    ['4', 2, 1, 1],
    ['1', 1, 1, 1],
    ['none', 1, 1, 3],
  ] as const;
  for (const [size, stages, bricks, share] of rows) {
    process.env['UV_THREADPOOL_SIZE'] = size;
    t.equal(poolShare(stages, bricks), share, `${size} threads, ${stages} stages, ${bricks} bricks`);
  }
});
