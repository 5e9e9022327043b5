/** Runs the xlators' suite over the brick in memory, and checks that it calls every fop. */
import t from 'tap';
import type { Fop, Fops } from '#src/graph/fops.ts';
import { ALL_FOPS, Xlator } from '#src/graph/xlator.ts';
import { stackOf, TEST_XLATORS, volumeOf } from '../support/graph.ts';
import { xlatorSuite } from './xlator.ts';

const tried = new Set<Fop>();

class Witness extends Xlator {
  protected override wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    tried.add(fop);
    return super.wind(fop, ...args);
  }
}

const registry = { ...TEST_XLATORS, 'test/witness': async () => Witness };

xlatorSuite(t, 'memory', t => volumeOf(t, stackOf('test/memory')));
xlatorSuite(t, 'a layer over memory', t => volumeOf(t, stackOf('test/witness', 'test/memory'), { registry }));

xlatorSuite(t, 'a connection to memory', t => volumeOf(t, stackOf('test/failing', 'test/memory')));

t.test('the suite has called every fop', async t => {
  t.strictSame(
    ALL_FOPS.filter(fop => !tried.has(fop)),
    [],
  );
});
