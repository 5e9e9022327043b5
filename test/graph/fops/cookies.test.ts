import fc from 'fast-check';
import t from 'tap';
import { foldCookie, RecentCookies, unfoldCookie } from '#src/graph/fops/cookies.ts';

const MAX = 2n ** 63n - 1n;
const positions = fc.oneof(fc.bigInt(0n, MAX), fc.bigInt(0n, 2n ** 33n), fc.constantFrom(0n, 1n, MAX - 1n, MAX));
/** Some children, and one of them. */
const places = fc
  .integer({ min: 1, max: 300 })
  .chain(children => fc.record({ children: fc.constant(children), child: fc.nat(children - 1), position: positions }));

t.test('a cookie leads to the child it is of, and to no later position', async () => {
  fc.assert(
    fc.property(places, ({ position, child, children }) => {
      const cookie = foldCookie(position, child, children);
      if (cookie < 0n || cookie > MAX) return false;
      const found = unfoldCookie(cookie, children)!;
      // 300 children take 9 bits, and one bit says that the position is large.
      return found.child === child && found.position <= position && position - found.position < 2n ** 10n;
    }),
  );
});

t.test('positions that leave room for the number are kept exactly, as are those of an only child', async t => {
  fc.assert(
    fc.property(places, ({ position, child, children }) => {
      const small = position % 2n ** 50n;
      const exact = { child, position: small };
      const { child: found, position: at } = unfoldCookie(foldCookie(small, child, children), children)!;
      return found === exact.child && at === exact.position;
    }),
  );
  t.equal(foldCookie(MAX, 0, 1), MAX);
  t.same(unfoldCookie(MAX, 1), { child: 0, position: MAX });
});

t.test('what was folded is in the order of the positions', async () => {
  fc.assert(
    fc.property(places, positions, ({ position, child, children }, other) => {
      const [first, second] = position < other ? [position, other] : [other, position];
      return foldCookie(first, child, children) <= foldCookie(second, child, children);
    }),
  );
});

t.test('the number of no child is no cookie', async t => {
  t.equal(unfoldCookie(3n, 3), undefined);
  t.same(unfoldCookie(2n, 3), { child: 2, position: 0n });
  t.same(unfoldCookie(0n, 3), { child: 0, position: 0n }, 'the start of a listing is that of the first child');
});

t.test('the most recent ends of pages are remembered, a thousand at most', async t => {
  const recent = new RecentCookies();
  for (let i = 0n; i < 1024n; i++) recent.remember(i, i + 5000n);
  recent.remember(0n, 7n);
  recent.remember(9999n, 1n);
  t.equal(recent.positionOf(0n), 7n, 'it was renewed');
  t.equal(recent.positionOf(1n), undefined, 'the oldest is forgotten');
  t.equal(recent.positionOf(2n), 5002n);
  t.equal(recent.positionOf(9999n), 1n);
});
