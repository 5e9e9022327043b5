/** The counts of several stages are merged as if there were one. */
import t from 'tap';
import { type GraphStats, mergeVolumes } from '#src/server/control/stats.ts';
import { HISTOGRAM_LENGTH } from '#src/xlators/debug/io-stats-snapshot.ts';

function stage(calls: number, up: boolean): GraphStats {
  const histogram = Array.from({ length: HISTOGRAM_LENGTH }, (_, i) => (i === 3 ? calls : 0));
  const stat = { calls, underWay: 1, errors: 0, usTotal: calls * 5, usMax: 7 + calls, histogram };
  return {
    volumes: [
      {
        name: 'data',
        up,
        troubles: [],
        inodes: { inodes: 10, inUse: 2, limit: 100, purged: 1, cyclesRefused: 0 },
        io: { data: { seconds: calls, bytesRead: 100, bytesWritten: 5, fops: { stat } } },
      },
    ],
    callsUnderWay: 0,
    heapBytes: 1,
    bufferBytes: 1,
  };
}

t.test('the volumes of two stages are merged', async t => {
  const [volume, ...more] = mergeVolumes([stage(2, true), stage(3, false)]);
  t.strictSame(more, []);
  t.equal(volume!.up, false, 'a volume is up only if it is up in all stages');
  t.strictSame(volume!.inodes, { inodes: 20, inUse: 4, limit: 200, purged: 2, cyclesRefused: 0 });
  const io = volume!.io['data']!;
  t.match(io, { seconds: 3, bytesRead: 200, bytesWritten: 10 });
  t.match(io.fops.stat, { calls: 5, underWay: 2, usTotal: 25, usMax: 10 });
  t.equal(io.fops.stat!.histogram[3], 5);
});
