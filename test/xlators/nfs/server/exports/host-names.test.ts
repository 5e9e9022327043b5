import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { HostNames, systemNames } from '#src/xlators/nfs/server/exports/host-names.ts';

function names(answer: (name: string) => string[] | Error) {
  const asked: string[] = [];
  let nowMs = 0;
  const service = {
    async addressesOf(name: string) {
      asked.push(name);
      const found = answer(name);
      if (found instanceof Error) throw found;
      return found;
    },
    namesOf: async (address: string) => [`Host-${address.replaceAll('.', '-')}`],
  };
  const known = new HostNames(service, () => nowMs);
  return { asked, known, advance: (ms: number) => (nowMs += ms) };
}

t.test('an answer is used for a while, and then looked up again while the old one is still used', async t => {
  let address = '10.0.0.1';
  const { asked, known, advance } = names(() => [address]);
  t.equal(known.addressesOf('a').found.size, 0);
  await turn();
  const generation = known.generation;
  t.strictSame([...known.addressesOf('a').found], ['10.0.0.1']);
  address = '10.0.0.2';
  advance(59_000);
  t.strictSame([...known.addressesOf('a').found], ['10.0.0.1']);
  t.equal(asked.length, 1);
  advance(2000);
  t.strictSame([...known.addressesOf('a').found], ['10.0.0.1'], 'still the old answer');
  await turn();
  t.strictSame([...known.addressesOf('a').found], ['10.0.0.2']);
  t.ok(known.generation > generation);
  t.equal(asked.length, 2);
});

t.test('answers outlive a short failure of the name server, but not a long one', async t => {
  let answer: string[] | Error = ['10.0.0.1'];
  const { known, advance } = names(() => answer);
  known.addressesOf('a');
  await turn();
  answer = Object.assign(new Error('down'), { code: 'EAI_AGAIN' });
  advance(61_000);
  known.addressesOf('a');
  await turn();
  t.strictSame([...known.addressesOf('a').found], ['10.0.0.1']);
  t.match(known.addressesOf('a').reason, /EAI_AGAIN/);
  advance(3_600_000);
  known.addressesOf('a');
  await turn();
  t.equal(known.addressesOf('a').found.size, 0);
});

t.test('a failure is not repeated at once', async t => {
  const { asked, known, advance } = names(() => new Error('no'));
  for (let i = 0; i < 5; i++) {
    known.addressesOf('a');
    await turn();
  }
  t.equal(asked.length, 1);
  advance(10_001);
  known.addressesOf('a');
  t.equal(asked.length, 2);
});

t.test('there is one lookup at a time, and a bounded number that wait', async t => {
  let running = 0;
  let most = 0;
  const release: (() => void)[] = [];
  const known = new HostNames({
    addressesOf() {
      most = Math.max(most, ++running);
      return new Promise(resolve => release.push(() => (running--, resolve([]))));
    },
    namesOf: async () => [],
  });
  for (let i = 0; i < 1100; i++) known.addressesOf(`host${i}`);
  await turn();
  t.match(known.addressesOf('host1099').reason, /too many lookups wait/);
  for (let i = 0; i < 10; i++) {
    release.shift()!();
    await turn();
  }
  t.equal(most, 1);
});

t.test('a bounded number of client addresses is kept', async t => {
  let asked = 0;
  const known = new HostNames({
    addressesOf: async () => [],
    namesOf: async () => (asked++, []),
  });
  for (let i = 0; i < 5000; i++) known.namesOf(`10.0.${i >> 8}.${i & 255}`);
  await turn();
  const before = asked;
  known.namesOf('10.0.19.135');
  t.equal(asked, before, 'the youngest is still known');
  known.namesOf('10.0.0.0');
  t.equal(asked, before + 1, 'the oldest has been forgotten');
});

t.test("the system's resolver knows localhost", async t => {
  t.ok((await systemNames.addressesOf('localhost')).some(address => address === '127.0.0.1' || address === '::1'));
});
