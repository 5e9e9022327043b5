import { EventEmitter, once } from 'node:events';
import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { Glusterd } from '#src/glusterd/glusterd.ts';
import { Failures } from '#src/glusterd/failures.ts';
import { parseServer } from '#src/glusterd/servers.ts';
import { RpcError } from '#src/rpcclnt/error.ts';
import { CBK } from '#protocols/gluster/constants.ts';
import { FakeGlusterd } from '../support/glusterd.ts';

const SPEC = 'volume data\n type debug/io-stats\nend-volume\n';

/** A connection to `servers` whose reports and changes are events. */
function connection(t: Test, servers: readonly string[], waits = false) {
  const events = new EventEmitter();
  const said: string[] = [];
  const glusterd = new Glusterd({
    servers: servers.map(text => parseServer(text)!),
    family: undefined,
    tls: undefined,
    waits,
    report: (level, message) => {
      said.push(`${level}: ${message}`);
      events.emit('said');
    },
  });
  t.teardown(() => glusterd[Symbol.asyncDispose]());
  const heard = async (pattern: RegExp) => {
    while (!said.some(line => pattern.test(line))) await once(events, 'said');
  };
  const changed = () => once(events, 'changed');
  return { glusterd, said, heard, changed, watch: () => glusterd.watch(() => events.emit('changed')) };
}

/** A port at which nothing listens. */
async function nowhere(t: Test): Promise<FakeGlusterd> {
  const gone = await FakeGlusterd.start(t);
  await gone.stop();
  return gone;
}

t.test('a volfile is fetched', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('data', SPEC).set('other', 'x');
  const { glusterd } = connection(t, [fake.address]);
  t.strictSame(await glusterd.fetch('data'), { text: SPEC, host: '127.0.0.1', stopped: false });
  fake.stopped.add('other');
  t.match(await glusterd.fetch('other'), { text: 'x', stopped: true });
  t.equal(fake.connections, 1, 'over one connection');
  await t.rejects(glusterd.fetch('none'), {
    name: 'GlusterdError',
    code: 'NO_VOLUME',
    message: 'there is no volume none (glusterd has data, other)',
  });
});

t.test('a server that is gone is passed over, and peers are learned', async t => {
  const [gone, fake, peer] = [await nowhere(t), await FakeGlusterd.start(t), await FakeGlusterd.start(t)];
  for (const one of [fake, peer]) one.specs.set('data', SPEC);
  fake.peers = `${peer.address} nonsense:x `;
  const { glusterd } = connection(t, [gone.address, fake.address]);
  t.match(await glusterd.fetch('data'), { text: SPEC });
  await fake.stop();
  peer.specs.set('data', 'of the peer');
  t.match(await glusterd.fetch('data'), { text: 'of the peer' });
});

t.test('if no server answers, the error says what each of them does', async t => {
  const gone = await nowhere(t);
  const { glusterd } = connection(t, [gone.address, 'no-such-host.invalid']);
  await t.rejects(glusterd.fetch('data'), {
    code: 'NO_ANSWER',
    message:
      `no glusterd answers (${gone.address}: glusterd does not run there, start it with "systemctl start glusterd"; ` +
      'no-such-host.invalid: ',
  });
});

t.test('a name that no host has is an error even for one who waits', async t => {
  const failures = new Failures();
  const unknown = (code: string) =>
    new RpcError('CANNOT_CONNECT', code, { cause: Object.assign(new Error(code), { code }) });
  const [a, b] = [parseServer('a')!, parseServer('b')!];
  failures.add(a, unknown('ENOTFOUND'));
  t.match(failures.error([a]), { code: 'NO_HOST', message: 'no glusterd answers (a: no host has this name)' });
  failures.add(b, unknown('EAI_AGAIN'));
  t.match(failures.error([a, b]), { code: 'NO_ANSWER', message: /b: its name cannot be looked up at the moment/ });
});

t.test('one who waits is told so, and gets the volfile when glusterd is there', async t => {
  const fake = await nowhere(t);
  fake.specs.set('data', SPEC);
  const { glusterd, heard } = connection(t, [fake.address], true);
  const fetched = glusterd.fetch('data');
  await heard(/^info: waiting for the volfile of data: no glusterd answers/);
  await fake.start();
  t.match(await fetched, { text: SPEC });
});

t.test('what was fetched before stays in use while no glusterd answers', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('data', SPEC);
  const { glusterd, said } = connection(t, [fake.address]);
  await glusterd.fetch('data');
  await fake.stop();
  t.match(await glusterd.fetch('data'), { text: SPEC });
  t.match(said, [/^warn: no glusterd answers .* the volfile of data that was fetched before stays in use$/]);
  await t.rejects(glusterd.fetch('other'), { code: 'NO_ANSWER' });
});

t.test('glusterd tells of changes, and other callbacks mean nothing', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('data', SPEC);
  const { glusterd, watch, changed, said } = connection(t, [fake.address]);
  await glusterd.fetch('data');
  fake.notify(); // nothing watches yet
  watch();
  await glusterd.fetch('data');
  let count = 0;
  const first = changed().then(() => count++);
  fake.notify(CBK.STATEDUMP);
  fake.notify(CBK.INO_FLUSH);
  await glusterd.fetch('data');
  t.equal(count, 0);
  fake.notify();
  await first;
  t.equal(fake.connections, 1);
  t.strictSame(said, []);
});

t.test('a lost connection comes back, and what changed meanwhile is noticed', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('data', SPEC);
  const { glusterd, watch, changed, heard, said } = connection(t, [fake.address]);
  await glusterd.fetch('data');
  watch();
  await fake.stop();
  await heard(/^warn: glusterd on 127.0.0.1:\d+ is gone/);
  await fake.start();
  await heard(/^info: glusterd on 127.0.0.1:\d+ answers$/);
  t.equal(said.length, 2, 'each is said once');
  fake.notify();
  await changed();
  await fake.stop();
  fake.specs.set('data', 'something else');
  const noticed = changed();
  await fake.start();
  await noticed;
  t.match(await glusterd.fetch('data'), { text: 'something else' });
});

t.test('a volume that is gone when the connection comes back is noticed', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('data', SPEC);
  const { glusterd, watch, changed, heard } = connection(t, [fake.address]);
  await glusterd.fetch('data');
  watch();
  await fake.stop();
  fake.specs.delete('data');
  const noticed = changed();
  await fake.start();
  await noticed;
  t.match(await glusterd.fetch('data'), { text: SPEC }, 'what is known of it stays in use');
  await heard(
    /^warn: there is no volume data \(glusterd has no volumes\); the volfile of data that was fetched before/,
  );
  await t.rejects(glusterd.fetch('never known'), { code: 'NO_VOLUME' });
});

t.test('garbage is an error and nothing worse', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('data', SPEC);
  const { glusterd } = connection(t, [fake.address]);
  await glusterd.fetch('data');
  const lengths = [0, 1, 4, 24, 28, 40, 300];
  for (let i = 0; i < 200; i++) {
    fake.garbage = randomBytes(lengths[i % lengths.length]!);
    if (i % 2 === 0 && fake.garbage.length > 4) fake.garbage.writeUInt32BE(0x8000_0000 + fake.garbage.length - 4);
    if (fake.garbage.length < 5) continue; // an answer that does not come is tested elsewhere
    if (fake.garbage.readUInt32BE() < 0x8000_0000) continue; // as long as it claims to be more, it may yet come
    t.match(await glusterd.fetch('data'), { text: SPEC }, 'the one fetched before');
  }
  fake.garbage = undefined;
  fake.specs.set('data', 'good again');
  t.match(await glusterd.fetch('data'), { text: 'good again' });
  fake.specs.set('data', '');
  t.match(await glusterd.fetch('data'), { text: 'good again' }, 'an empty volfile is none');
  fake.specs.set('other', '');
  await t.rejects(glusterd.fetch('other'), { code: 'REFUSED', message: /empty/ });
});
