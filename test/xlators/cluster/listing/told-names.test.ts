import fc from 'fast-check';
import t from 'tap';
import type { Dirent } from '#src/graph/fops.ts';
import { ToldNames } from '#src/xlators/cluster/listing/told-names.ts';

/** A directory in which names begin at these positions. */
type Names = ReadonlyMap<number, string>;

/** The page of some entries from a position on. */
function pageOf(names: Names, from: bigint, count: number): Dirent[] {
  const begins = [...names.keys()].sort((a, b) => a - b);
  return begins
    .map((begin, i) => ({ name: names.get(begin)!, ino: 1n, begin, cookie: BigInt(begins[i + 1] ?? 1000) }))
    .filter(({ begin }) => BigInt(begin) >= from)
    .slice(0, count)
    .map(({ name, ino, cookie }) => ({ name, ino, cookie }));
}

const steps = fc.array(
  fc.record({
    lister: fc.nat(3),
    count: fc.integer({ min: 1, max: 9 }),
    toggle: fc.array(fc.nat(99), { maxLength: 4 }),
  }),
  { maxLength: 60 },
);

t.test('names that stay were told to exactly those who have come past them', async () => {
  fc.assert(
    fc.property(steps, steps => {
      // Every other name stays, and the ones between come and go.
      const names = new Map(Array.from({ length: 100 }, (_, i) => [i * 10, `name-${i}`]));
      const told = new ToldNames();
      const listers = [0, 1, 2, 3].map(() => ({ cookie: 0n, seen: new Set<string>() }));
      for (const { lister, count, toggle } of steps) {
        const { cookie, seen } = listers[lister]!;
        const page = pageOf(names, cookie, count);
        told.note(cookie, page);
        for (const { name } of page) seen.add(name);
        listers[lister]!.cookie = page.at(-1)?.cookie ?? cookie;
        for (const i of toggle.filter(i => i % 2 === 1)) {
          if (!names.delete(i * 10)) names.set(i * 10, `name-${i}`);
        }
        for (const { cookie, seen } of listers) {
          for (let i = 0; i < 100; i += 2) {
            if (told.has(`name-${i}`, cookie) !== seen.has(`name-${i}`)) return false;
          }
        }
      }
      return true;
    }),
  );
});

const entries = (...list: readonly [name: string, cookie: bigint][]): Dirent[] =>
  list.map(([name, cookie]) => ({ name, ino: 1n, cookie }));

t.test('a name that was moved is where the last page had it', async t => {
  const told = new ToldNames();
  told.note(0n, entries(['a', 10n], ['b', 20n], ['c', 30n]));
  told.note(0n, entries(['b', 20n], ['c', 30n], ['d', 40n]));
  t.notOk(told.has('a', 40n));
  told.note(40n, entries(['a', 50n]));
  t.notOk(told.has('a', 40n));
  t.ok(told.has('a', 50n));
});

t.test('a name begins where it did, also if those around it are gone when a page begins with it', async t => {
  const told = new ToldNames();
  told.note(0n, entries(['a', 10n], ['b', 20n], ['c', 30n]));
  // Where each name ends is where the next one begins, and b is gone, and what was behind c.
  told.note(10n, entries(['c', 40n]));
  t.ok(told.has('c', 30n));
  t.notOk(told.has('c', 20n));
});

t.test('what comes behind a gap is not kept, nor what may not grow', async t => {
  const told = new ToldNames();
  told.note(0n, entries(['a', 10n]));
  told.note(20n, entries(['c', 30n]));
  t.equal(told.until, 10n);
  told.note(10n, entries(['b', 20n]), false);
  t.equal(told.until, 10n);
  told.note(0n, entries(['x', 10n]), false);
  t.ok(told.has('x', 10n), 'but what is there is brought up to date');
  told.note(10n, []);
  t.equal(told.until, 10n);
});

t.test('positions that do not rise say nothing', async t => {
  const told = new ToldNames();
  told.note(0n, entries(['a', 10n], ['b', 9n]));
  told.note(0n, entries(['a', 10n]));
  t.equal(told.until, 0n);
  t.equal(told.cost, 0);
  t.notOk(told.has('a', 100n));
});

t.test('a page that is listed again as it was takes nothing more', async t => {
  const told = new ToldNames();
  const page = entries(['a', 10n], ['b', 20n]);
  told.note(0n, page);
  const { cost } = told;
  told.note(0n, page);
  t.equal(told.cost, cost);
});
