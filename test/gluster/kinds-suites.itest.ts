/** The suites of xlators over volumes of real GlusterFS of each kind, with the volfiles that glusterd writes. */
import t from 'tap';
import { twoStepSuite } from '../suites/two-step.ts';
import { xlatorSuite } from '../suites/xlator.ts';
import { enterBed } from './support/bed.ts';
import { emptied } from './support/emptied.ts';
import { GlusterVolume, type Kind, KINDS } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(1_200_000);

// Eleven bricks take long to make and to clear, and do nothing here that six do not.
const kinds = (Object.keys(KINDS) as Kind[]).filter(kind => kind !== 'disperse-8+3');

for (const kind of kinds) {
  const volume = await GlusterVolume.make(kind);
  t.teardown(() => volume.remove());
  const twoStep = `volume two-step\n  type features/two-step\n  subvolumes ${volume.name}\nend-volume\n`;
  const text = `${volume.volfile()}\n${twoStep}`;
  twoStepSuite(t, kind, t => emptied(t, text));
  xlatorSuite(t, kind, t => emptied(t, text));
}
