/**
 * What holds of every xlator that lets changes through, alone or on top of others: all fops, over a real brick or the
 * one in memory.
 */
import type { Test } from 'tap';
import { attributes, contents } from './xlator/contents.ts';
import { chosenGfids, counters, fileSystems, namesMore, openFiles, xdata } from './xlator/extras.ts';
import { Hand, type Subject } from './xlator/hand.ts';
import { listings } from './xlator/listings.ts';
import { locks } from './xlator/locks.ts';
import { lookups, making, removing } from './xlator/names.ts';

const PARTS = [
  lookups,
  making,
  removing,
  namesMore,
  attributes,
  contents,
  openFiles,
  listings,
  fileSystems,
  counters,
  chosenGfids,
  xdata,
  locks,
];

/** Runs the suite. `make` gives each test a volume of its own. */
export function xlatorSuite(t: Test, name: string, make: (t: Test) => Promise<Subject>): void {
  const test = (what: string, run: (t: Test, hand: Hand) => Promise<void>) =>
    t.test(`${name}: ${what}`, async t => run(t, new Hand(await make(t))));
  for (const part of PARTS) part(test);
}
