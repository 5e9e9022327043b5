import t from 'tap';
import { planGraph } from '#src/graph/plan.ts';
import { frame, stackOf, TEST_XLATORS, volumeOf } from '../../support/graph.ts';
import { passThroughSuite } from '../../suites/pass-through.ts';
import { xlatorSuite } from '../../suites/xlator.ts';

passThroughSuite(t, ['debug/delay-gen delay-percentage=0']);
passThroughSuite(t, ['debug/delay-gen delay-percentage=100 enable=stat'], ['stat']);
xlatorSuite(t, 'debug/delay-gen', t =>
  volumeOf(t, stackOf('debug/delay-gen delay-percentage=100 delay-duration=1', 'test/memory')),
);

/** How many milliseconds each of `count` calls takes. */
async function times(t: Parameters<typeof volumeOf>[0], options: string, count: number, signal = frame.signal) {
  const { top, root } = await volumeOf(t, stackOf(`debug/delay-gen ${options}`, 'test/memory'));
  const calls = Array.from({ length: count }, async () => {
    const sinceMs = performance.now();
    await top.stat({ ...frame, signal }, root);
    return performance.now() - sinceMs;
  });
  return Promise.all(calls);
}

t.test('every call waits', async t => {
  t.ok((await times(t, 'delay-percentage=100 delay-duration=50000', 20)).every(ms => ms >= 49));
});

t.test('a reload changes which calls wait', async t => {
  const text = (options: string) => stackOf(`debug/delay-gen delay-duration=50000 ${options}`, 'test/memory');
  const { graph, top, root } = await volumeOf(t, text('delay-percentage=100 enable=lookup'));
  graph.reconfigure(
    await planGraph({ text: text('delay-percentage=100 enable=stat'), file: 'test.vol', registry: TEST_XLATORS }),
  )();
  const sinceMs = performance.now();
  await top.stat(frame, root);
  t.ok(performance.now() - sinceMs >= 49);
  graph.reconfigure(
    await planGraph({ text: text('delay-percentage=0 enable=stat'), file: 'test.vol', registry: TEST_XLATORS }),
  )();
  const times = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const since = performance.now();
      await top.stat(frame, root);
      return performance.now() - since;
    }),
  );
  t.ok(Math.min(...times) < 49, 'none waits');
});

t.test('some calls wait, the same ones for the same seed', async t => {
  const waited = async (seed: number) =>
    (await times(t, `delay-percentage=20 delay-duration=2000000 seed=${seed}`, 200)).map(ms => ms >= 1500);
  const [some, again, others] = await Promise.all([waited(1), waited(1), waited(2)]);
  const count = some.filter(Boolean).length;
  t.ok(count > 15 && count < 75, `${count} of 200`);
  t.strictSame(again, some);
  t.notSame(others, some);
});

t.test('a call whose client is gone does not wait', async t => {
  const aborter = new AbortController();
  const calls = times(t, 'delay-percentage=100 delay-duration=60000000', 3, aborter.signal);
  setTimeout(() => aborter.abort(), 20);
  t.ok(
    (await calls).every(ms => ms < 30_000),
    'the calls are made all the same',
  );
});
