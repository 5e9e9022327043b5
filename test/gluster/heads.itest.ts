/** Two servers on one volume: a client moves between them. `acceptance/heads.ts` does it as often as it is told. */
import t from 'tap';
import { movesUnderLoad } from './acceptance/heads.ts';
import { enterBed } from './support/bed.ts';

enterBed(import.meta.filename);
t.setTimeout(300_000);

t.test('no client sees that its address has moved to another head', t => movesUnderLoad(t, 'replicate', 10));
