import t from 'tap';
import { mayAskAgain, Origin } from '#src/rpcsvc/duplicates/origin.ts';

const origin = (port: number, state: 'open' | 'broken' | 'finished' = 'open', endedAt = 1000) => {
  const made = new Origin(port);
  if (state !== 'open') made.end(state === 'finished', endedAt);
  return made;
};

const cases: readonly (readonly [name: string, earlier: Origin, later: Origin, now: number, expected: boolean])[] = [
  ['another port, the first open', origin(700), origin(701), 1000, false],
  ['another port, the first broken', origin(700, 'broken'), origin(701), 1000, true],
  ['… two minutes ago', origin(700, 'broken'), origin(701), 121_000, true],
  ['… longer ago', origin(700, 'broken'), origin(701), 121_001, false],
  ['another port, the first finished', origin(700, 'finished'), origin(701), 1000, false],
  ['the same port, the first open: two connections cannot share one', origin(700), origin(700), 1000, true],
  ['the same port, the first broken', origin(700, 'broken'), origin(700), 1000, true],
  ['the same port, the first broken long ago', origin(700, 'broken'), origin(700), 500_000, true],
  ['the same port, the first finished', origin(700, 'finished'), origin(700), 1000, false],
  ['a port of the superuser, then one of anybody', origin(1023, 'broken'), origin(1024), 1000, false],
  ['a port of anybody, then one of the superuser', origin(1024, 'broken'), origin(1023), 1000, true],
  ['another port, the first reset, which is not handled yet', new Origin(700, () => 'broken'), origin(701), 1000, true],
  ['another port, the first ended, which is not handled yet', new Origin(700, () => 'finished'), origin(701), 0, false],
  ['another port, the first open by what the kernel knows', new Origin(700, () => 'open'), origin(701), 1000, false],
  ['ports of anybody', origin(1024, 'broken'), origin(40_000), 1000, true],
];
for (const [name, earlier, later, now, expected] of cases) {
  t.test(name, async t => t.equal(mayAskAgain(earlier, later, now), expected));
}

t.test('the same connection, even when it has ended since', async t => {
  for (const one of [origin(700), origin(700, 'broken'), origin(700, 'finished')]) t.ok(mayAskAgain(one, one, 1e9));
});
