import t from 'tap';
import { Stable } from '#src/graph/fops.ts';
import { IoStats } from '#src/xlators/debug/io-stats.ts';
import { HISTOGRAM_LENGTH, mergeIoStats, percentileUs } from '#src/xlators/debug/io-stats-snapshot.ts';
import { frame, stackOf, volumeOf } from '../../support/graph.ts';
import { passThroughSuite } from '../../suites/pass-through.ts';
import { xlatorSuite } from '../../suites/xlator.ts';

passThroughSuite(t, ['debug/io-stats']);
passThroughSuite(t, ['debug/io-stats count-fop-hits=off', 'debug/io-stats latency-measurement=off']);
xlatorSuite(t, 'debug/io-stats', t => volumeOf(t, stackOf('debug/io-stats', 'test/memory')));
xlatorSuite(t, 'a stack', t =>
  volumeOf(
    t,
    stackOf(
      'debug/io-stats',
      'debug/trace',
      'features/read-only read-only=off',
      'debug/error-gen',
      'debug/delay-gen delay-percentage=0',
      'debug/io-stats',
      'test/memory',
    ),
  ),
);

async function counted(t: Parameters<typeof volumeOf>[0], ...options: string[]) {
  const volume = await volumeOf(t, stackOf(['debug/io-stats', ...options].join(' '), 'test/memory files=f'));
  const { top, root, find } = volume;
  const inode = await find('f');
  await t.rejects(top.lookup(frame, root, 'nothing'));
  await top.writev(frame, inode.fd, Buffer.alloc(3000), 0, Stable.UNSTABLE);
  await top.readv(frame, inode.fd, 1000, 2500);
  return (top as IoStats).stats();
}

t.test('io-stats counts calls, errors, bytes and time', async t => {
  const stats = await counted(t);
  t.strictSame(Object.keys(stats.fops).toSorted(), ['lookup', 'readv', 'writev']);
  t.match(stats, { bytesRead: 500, bytesWritten: 3000 });
  const lookup = stats.fops.lookup!;
  t.match(lookup, { calls: 2, errors: 1, underWay: 0 });
  t.ok(lookup.usTotal > 0 && lookup.usMax <= lookup.usTotal && lookup.usMax * 2 >= lookup.usTotal);
  t.equal(lookup.histogram.length, HISTOGRAM_LENGTH);
  t.equal(
    lookup.histogram.reduce((a, b) => a + b),
    2,
  );
  t.ok(stats.seconds > 0);
  t.strictSame(structuredClone(stats), stats, 'the counts can be sent to another thread');
});

t.test('with latency-measurement off it counts only', async t => {
  const { fops } = await counted(t, 'latency-measurement=off');
  t.match(fops.lookup, { calls: 2, errors: 1, usTotal: 0, usMax: 0 });
  t.ok(fops.lookup!.histogram.every(count => count === 0));
});

t.test('with count-fop-hits off it counts nothing', async t => {
  t.match(await counted(t, 'count-fop-hits=off'), { bytesRead: 0, bytesWritten: 0, fops: {} });
});

t.test('calls under way are counted', async t => {
  const { top, root } = await volumeOf(
    t,
    stackOf('debug/io-stats', 'debug/delay-gen delay-percentage=100', 'test/memory'),
  );
  const reply = top.stat(frame, root);
  t.match((top as IoStats).stats().fops.stat, { calls: 0, underWay: 1 });
  await reply;
  const { calls, underWay, histogram, usMax } = (top as IoStats).stats().fops.stat!;
  t.match({ calls, underWay }, { calls: 1, underWay: 0 });
  t.ok(usMax >= 95_000, 'a tenth of a second by default');
  t.ok(histogram.findIndex(count => count > 0) >= 17, 'from 2^16 microseconds on');
});

t.test('the counts of several stages are merged', async t => {
  const histogram = (...counts: number[]) => Array.from({ length: HISTOGRAM_LENGTH }, (_, i) => counts[i] ?? 0);
  const one = { calls: 3, underWay: 1, errors: 0, usTotal: 6, usMax: 3, histogram: histogram(0, 1, 2) };
  const two = { calls: 1, underWay: 0, errors: 1, usTotal: 9, usMax: 9, histogram: histogram(0, 0, 0, 0, 1) };
  const merged = mergeIoStats([
    { seconds: 5, bytesRead: 1, bytesWritten: 2, fops: { stat: one } },
    { seconds: 7, bytesRead: 10, bytesWritten: 20, fops: { stat: two, readv: two } },
  ]);
  const both = { calls: 4, underWay: 1, errors: 1, usTotal: 15, usMax: 9, histogram: histogram(0, 1, 2, 0, 1) };
  t.strictSame(merged, { seconds: 7, bytesRead: 11, bytesWritten: 22, fops: { stat: both, readv: two } });
  t.strictSame(mergeIoStats([]), { seconds: 0, bytesRead: 0, bytesWritten: 0, fops: {} });

  t.equal(percentileUs(both, 0.25), 2);
  t.equal(percentileUs(both, 0.5), 4);
  t.equal(percentileUs(both, 0.99), 9, 'a percentile is at most the longest time');
  t.equal(percentileUs({ ...both, histogram: histogram() }, 0.5), 0);
});
