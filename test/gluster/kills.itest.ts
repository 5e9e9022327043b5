/**
 * A few kills of bricks under load. `acceptance/kills.ts` makes as many as it is told, on volumes of each kind; there,
 * some files of a volume with an arbiter have once been left that the self-heal daemon did not heal.
 */
import t from 'tap';
import { killsUnderLoad } from './acceptance/kills.ts';
import { enterBed } from './support/bed.ts';

enterBed(import.meta.filename);
t.setTimeout(850_000);

for (const kind of ['replicate', 'disperse'] as const) {
  t.test(`no client of a ${kind} volume sees that a brick is killed`, async t => {
    await killsUnderLoad(t, { kind, kills: 3, upcalls: false });
  });
}
