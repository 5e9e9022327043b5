import fc from 'fast-check';
import t from 'tap';
import { Budget, Share } from '#src/rpc/budget.ts';

const KiB = 1024;

/** Takes `unit` as often as it fits. */
function fill(share: Share, unit: number): number {
  while (share.fits(unit)) share.take(unit);
  return share.bytes;
}

t.test('however many holders fill up, something is left for a new one', async t => {
  for (const holders of [1, 2, 3, 10]) {
    const budget = new Budget(1000 * KiB, 0);
    const held = Array.from({ length: holders }, () => fill(new Share(budget), KiB));
    t.ok(held[0]! <= 200 * KiB, 'the first one has a fifth');
    t.ok(budget.free >= 1000 * KiB * 0.78 ** holders, `${holders}: ${budget.free} are left`);
    t.ok(new Share(budget).fits(10 * KiB));
  }
});

t.test('each holder may have a little as long as it is free, whatever the others have', async t => {
  const budget = new Budget(1000, 100);
  const shares = Array.from({ length: 12 }, () => new Share(budget));
  const held = shares.map(share => fill(share, 20));
  t.equal(
    held.reduce((sum, bytes) => sum + bytes),
    1000,
  );
  t.ok(held.slice(0, 6).every(bytes => bytes >= 100));
  t.notOk(shares[11]!.fits(1), 'all of it is given away');
  shares[0]!.give(shares[0]!.bytes);
  t.ok(shares[11]!.fits(100));
  t.notOk(shares[11]!.fits(201));
});

t.test('a holder that waits is told when enough has come back, and not for every byte', async t => {
  const budget = new Budget(1024 * KiB, 0);
  const share = new Share(budget);
  share.take(1024 * KiB);
  let told = 0;
  const waiting = { resumeSoon: () => told++ };
  budget.wait(waiting);
  for (let i = 0; i < 255; i++) share.give(KiB);
  t.equal(told, 0);
  share.give(KiB);
  t.equal(told, 1);
  share.give(512 * KiB);
  t.equal(told, 1, 'once');
  budget.wait(waiting);
  budget.forget(waiting);
  budget.wake();
  t.equal(told, 1, 'and not when it waits no more');
});

t.test('when all is given back, nothing is left in use', async () => {
  const sizes = fc.array(fc.tuple(fc.nat(3), fc.nat(1000)), { maxLength: 50 });
  fc.assert(
    fc.property(sizes, sizes => {
      const budget = new Budget(5000, 0);
      const shares = Array.from({ length: 4 }, () => new Share(budget));
      for (const [who, bytes] of sizes) shares[who]!.take(bytes);
      for (const [who, bytes] of sizes) shares[who]!.give(bytes);
      return budget.used === 0 && shares.every(({ bytes }) => bytes === 0);
    }),
  );
});
