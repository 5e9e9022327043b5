/** Runs the xlators' suite over a directory of this machine: on the brick alone, and on a stack of all layers. */
import t, { type Test } from 'tap';
import { envOf, stackOf, volumeOf } from '../support/graph.ts';
import { xlatorSuite } from './xlator.ts';

function onDisk(t: Test, ...layers: readonly string[]) {
  const dir = t.testdir({ brick: {}, state: {} });
  const stack = stackOf(...layers, `storage/posix directory=${dir}/brick`);
  return volumeOf(t, stack, { env: envOf({ stateDir: `${dir}/state` }) });
}

xlatorSuite(t, 'storage/posix', t => onDisk(t));
xlatorSuite(t, 'all layers over storage/posix', t =>
  onDisk(
    t,
    'debug/io-stats',
    'debug/trace',
    'features/read-only read-only=off',
    'debug/error-gen',
    'debug/delay-gen delay-duration=1000',
  ),
);
