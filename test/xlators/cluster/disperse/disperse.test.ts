import t, { type Test } from 'tap';
import { volumeOf } from '../../../support/graph.ts';
import { xlatorSuite } from '../../../suites/xlator.ts';
import { bricks } from './bricks.ts';

for (const [n, redundancy] of [
  [3, 1],
  [6, 2],
] as const) {
  const make = (t: Test) => volumeOf(t, bricks(n, redundancy));
  xlatorSuite(t, `cluster/disperse over ${n} bricks`, make);
}
