/** The xlators' suite over distributed volumes of bricks in memory. */
import t, { type Test } from 'tap';
import { frame, volumeOf } from '../../../support/graph.ts';
import { xlatorSuite } from '../../../suites/xlator.ts';
import { distributed } from './support.ts';

/** A volume whose root has its layout, as it has from the first lookup on. */
async function volume(t: Test, text: string) {
  const made = await volumeOf(t, text);
  await made.top.ready();
  await made.top.lookup(frame, made.root, '.');
  return made;
}

xlatorSuite(t, 'cluster/distribute', t => volume(t, distributed(3)));
xlatorSuite(t, 'cluster/distribute over one brick', t => volume(t, distributed(1)));
xlatorSuite(t, 'cluster/nufa', t => volume(t, distributed(3, 'nufa', ['local-volume-name b1'])));
xlatorSuite(t, 'cluster/switch', t => volume(t, distributed(3, 'switch', ['pattern.switch.case [a-f]*:b0,b2'])));
