import fc from 'fast-check';
import t from 'tap';
import { cookieBits, foldCookie, RecentCookies, unfoldCookie } from '#src/graph/fops/cookies.ts';

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

t.test('a cookie that is folded again still leads to both children', async () => {
  const below = fc.record({ children: fc.constant(12_000), child: fc.nat(11_999), position: positions });
  fc.assert(
    fc.property(places, below, ({ child, children }, inner) => {
      const kept = cookieBits(inner.children, 0);
      const cookie = foldCookie(foldCookie(inner.position, inner.child, inner.children), child, children, kept);
      if (cookie < 0n || cookie > MAX) return false;
      const outside = unfoldCookie(cookie, children, kept)!;
      const inside = unfoldCookie(outside.position, inner.children)!;
      const isNear = inside.position <= inner.position && inner.position - inside.position < 2n ** 26n;
      return outside.child === child && inside.child === inner.child && isNear;
    }),
  );
});

t.test('a cookie of many children of children leads to both numbers', async t => {
  // 20 bits for the children, and 16 for the children of each: more than a half of the cookie.
  const kept = cookieBits(2 ** 16, 0);
  for (const position of [0n, 1n, 2n ** 40n, MAX]) {
    const cookie = foldCookie(foldCookie(position, 65_535, 2 ** 16), 1_000_000, 2 ** 20, kept);
    const outside = unfoldCookie(cookie, 2 ** 20, kept)!;
    t.equal(outside.child, 1_000_000);
    const inside = unfoldCookie(outside.position, 2 ** 16)!;
    t.equal(inside.child, 65_535);
    t.ok(inside.position <= position && position - inside.position < 2n ** 38n);
  }
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
