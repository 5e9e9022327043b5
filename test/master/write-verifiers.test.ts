import t from 'tap';
import { WriteVerifiers } from '#src/master/write-verifiers.ts';

const copy = (verifiers: WriteVerifiers, name: string) => Buffer.from(verifiers.of(name).bytes);

t.test('each volume has a verifier of 8 bytes, which only its own change changes', async t => {
  const verifiers = new WriteVerifiers();
  const [one, two] = [copy(verifiers, 'one'), copy(verifiers, 'two')];
  t.equal(one.length, 8);
  t.notSame(one, two);
  const held = verifiers.of('one').bytes;
  verifiers.of('one').change();
  t.notSame(held, one, 'the buffer that was handed out shows the change');
  t.same(copy(verifiers, 'one'), held);
  t.same(copy(verifiers, 'two'), two);
});

t.test('all stages have the same verifiers, whichever asks first', async t => {
  const first = new WriteVerifiers();
  const other = new WriteVerifiers(first.shared);
  t.same(copy(other, 'a'), copy(first, 'a'));
  t.same(copy(first, 'b'), copy(other, 'b'));
  other.of('b').change();
  t.same(copy(first, 'b'), copy(other, 'b'));
});

t.test('another server has other verifiers', async t => {
  t.notSame(copy(new WriteVerifiers(), 'one'), copy(new WriteVerifiers(), 'one'));
});

t.test('volumes without a place of their own share the verifiers of others', async t => {
  const verifiers = new WriteVerifiers();
  const names = Array.from({ length: 4097 }, (_, i) => `volume-${i}`);
  const seen = new Set(names.map(name => copy(verifiers, name).toString('hex')));
  t.equal(seen.size, 4096);
  t.same(copy(verifiers, 'volume-0'), copy(verifiers, 'volume-0'));
});
