import t, { type Test } from 'tap';
import { Stable } from '#src/graph/fops.ts';
import { volumeOf } from '../../../support/graph.ts';
import { xlatorSuite } from '../../../suites/xlator.ts';
import { failure, Hand } from '../../../suites/xlator/hand.ts';
import { bricks } from './bricks.ts';

for (const [n, redundancy] of [
  [3, 1],
  [6, 2],
] as const) {
  const make = (t: Test) => volumeOf(t, bricks(n, redundancy));
  xlatorSuite(t, `cluster/disperse over ${n} bricks`, make);
}

t.test('bytes that no file has are not changed', async t => {
  const hand = new Hand(await volumeOf(t, bricks(3, 1)));
  const { top, frame } = hand;
  const inode = await hand.file('f', 'text');
  const far = 2 ** 59;
  const { fd } = inode;
  for (const call of [
    () => top.writev(frame, fd, Buffer.from('x'), far, Stable.UNSTABLE),
    () => top.truncate(frame, inode, far),
    () => top.fallocate(frame, fd, 0, far, 1),
    () => top.zerofill(frame, fd, far, 1),
    () => top.discard(frame, fd, far, 1),
  ]) {
    t.equal((await failure(call())).code, 'EFBIG');
  }
  t.equal((await hand.stat(inode)).size, 4);
});
