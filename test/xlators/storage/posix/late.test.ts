import t from 'tap';
import { newHangingMemory, newStageMemory } from '#src/graph/live/brick-watch.ts';
import { envOf, graphOf, stackOf } from '../../../support/graph.ts';

t.test('a brick that hangs at the start has a dump and no trouble of its own', async t => {
  const watch = { stage: newStageMemory(), hanging: newHangingMemory(), bricks: new Map([['v0', 0]]) };
  new Int32Array(watch.hanging)[0] = 1;
  const { top } = await graphOf(t, stackOf('storage/posix directory=/srv'), { env: envOf({ watch }) });
  t.strictSame(top.dump(), { directory: '/srv' });
  t.equal(top.trouble, undefined);
});
