/** A few kills of bricks under load. `acceptance/kills.ts` makes as many as it is told, on volumes of each kind. */
import t from 'tap';
import { killsUnderLoad } from './acceptance/kills.ts';
import { managedUnderLoad } from './acceptance/manage.ts';
import { enterBed } from './support/bed.ts';

enterBed(import.meta.filename);
t.setTimeout(850_000);

for (const kind of ['replicate', 'disperse'] as const) {
  t.test(`no client of a ${kind} volume sees that a brick is killed`, async t => {
    await killsUnderLoad(t, { kind, kills: 3, upcalls: false });
  });
}

/** `acceptance/manage.ts` does this to volumes of each kind. */
t.test('no client sees the commands of an administrator', t => managedUnderLoad(t, { kind: 'replicate' }));
