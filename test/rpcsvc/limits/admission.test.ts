import t from 'tap';
import { Admission } from '#src/rpcsvc/limits/admission.ts';

function admission(connectionsMax: number, perClientMax: number) {
  const spared: string[] = [];
  const admission = new Admission({ connectionsMax, perClientMax, spare: address => spared.push(address) });
  return { admission, spared };
}

t.test('below the limits all are accepted', async t => {
  const { admission: one, spared } = admission(4, 3);
  for (const address of ['a', 'a', 'a', 'b']) t.ok(one.admit(address));
  t.strictSame(spared, []);
  t.equal(one.total, 4);
  t.equal(one.of('a'), 3);
});

t.test('one address above its own limit: one of its own goes', async t => {
  const { admission: one, spared } = admission(100, 2);
  for (let i = 0; i < 3; i++) t.ok(one.admit('a'));
  t.ok(one.admit('b'));
  t.strictSame(spared, ['a']);
});

t.test(
  'when all places are taken, a connection of the address with the most is closed, wherever the new one comes from',
  async t => {
    const { admission: one, spared } = admission(5, 100);
    for (const address of ['b', 'a', 'a', 'a', 'c']) one.admit(address);
    t.ok(one.admit('d'));
    one.left('a');
    t.ok(one.admit('a'));
    t.strictSame(spared, ['a', 'a']);
  },
);

t.test(
  'connections that are told to close and do not are waited for, longer by addresses that have more than others',
  async t => {
    const { admission: one, spared } = admission(100, 100);
    for (let i = 0; i < 99; i++) one.admit('greedy');
    one.admit('modest');
    let admitted = 0;
    for (let i = 0; i < 1000; i++) if (one.admit('greedy')) admitted++;
    t.equal(admitted, 64);
    t.ok(one.admit('modest'), 'another one is let in yet');
    t.ok(one.admit('new'));
    for (let i = 0; i < 1000; i++) if (one.admit(`${i}`)) admitted++;
    t.equal(admitted, 512 - 2, 'until there are too many');
    t.equal(spared.length, 512);
    one.left('greedy');
    t.ok(one.admit('late'), 'a place is free again');
  },
);

t.test('a client with many addresses, one connection each, does not take the places of those before it', async t => {
  const { admission: one, spared } = admission(10, 100);
  one.admit('established');
  for (let i = 0; i < 30; i++) {
    one.admit(`many ${i}`);
    if (spared.length > 0) one.left(spared.at(-1)!);
  }
  t.ok(spared.length > 0);
  t.notOk(spared.includes('established'));
});

t.test('an address without connections is forgotten', async t => {
  const { admission: one } = admission(10, 10);
  one.admit('a');
  one.left('a');
  t.equal(one.of('a'), 0);
  t.equal(one.total, 0);
});
