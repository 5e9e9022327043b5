/** What is mounted while its volume is down, or while something is not known yet. */
import { mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { MNT3 } from '#protocols/mount.ts';
import { mountDirectory } from '#actors/mount/mount.ts';
import { FsError } from '#src/errno.ts';
import { Gate } from '#src/graph/live/gate.ts';
import { type MountedHere, serveMount } from '../../support/mount.ts';
import { callFrom } from '../../support/rpc/call.ts';

const HERE: MountedHere = { handle: Buffer.from('a handle'), flavors: [1] };
/** How often what waits asks again. */
const AGAIN_MS = 500;

async function mounting(t: Test, code: 'ENOTCONN' | 'EJUKEBOX' | 'EIO', transport: 'tcp' | 'udp' = 'tcp') {
  const paths: Record<string, MountedHere | Error> = { '/data': new FsError(code) };
  const { contextOf, mounts } = await serveMount(t, { paths });
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const gone = new AbortController();
  const gate = new Gate();
  let asked = 0;
  const begin = (address = '10.0.0.1') => {
    const call = callFrom(address, transport);
    const mount = contextOf({ ...call, peer: { ...call.peer, signal: gone.signal } }, gate.ending);
    const ask = mount.mount.bind(mount);
    mount.mount = path => {
      asked++;
      return ask(path);
    };
    let outcome: unknown;
    void mountDirectory(mount, '/data').then(value => (outcome = value));
    return () => outcome;
  };
  return { paths, mounts, gone, gate, begin, asked: () => asked };
}

async function pass(seconds: number): Promise<void> {
  await setImmediate();
  for (let ms = 0; ms < 1000 * seconds; ms += AGAIN_MS) {
    mock.timers.tick(AGAIN_MS);
    await setImmediate();
  }
}

for (const code of ['ENOTCONN', 'EJUKEBOX'] as const) {
  t.test(`${code}: it is answered when it can be mounted, since clients give up at any status`, async t => {
    const { paths, mounts, begin } = await mounting(t, code);
    const outcome = begin();
    await pass(100);
    t.equal(outcome(), undefined);
    paths['/data'] = HERE;
    await pass(2);
    t.same(outcome(), HERE);
    t.strictSame(await mounts.list(), [{ host: '10.0.0.1', path: '/data' }]);
  });
}

t.test('another error is answered at once', async t => {
  const { begin } = await mounting(t, 'EIO');
  const outcome = begin();
  await setImmediate();
  t.equal(outcome(), MNT3.ERR_IO);
});

for (const [transport, seconds] of [
  ['tcp', 300],
  ['udp', 30],
] as const) {
  t.test(`${transport}: after ${seconds} seconds it is answered that it cannot be mounted`, async t => {
    const { begin } = await mounting(t, 'ENOTCONN', transport);
    const outcome = begin();
    await pass(seconds - 5);
    t.equal(outcome(), undefined);
    await pass(10);
    t.equal(outcome(), MNT3.ERR_IO);
  });
}

t.test('a client that has gone is waited for no longer', async t => {
  const { begin, gone, asked } = await mounting(t, 'ENOTCONN');
  const outcome = begin();
  await pass(3);
  gone.abort();
  await pass(1);
  t.equal(outcome(), MNT3.ERR_IO);
  const before = asked();
  await pass(10);
  t.equal(asked(), before);
});

t.test('a graph that is to be taken down is not held up by calls that wait', async t => {
  const { begin, gate } = await mounting(t, 'ENOTCONN');
  const outcome = begin();
  await pass(3);
  gate.hurry();
  await pass(0);
  t.equal(outcome(), MNT3.ERR_IO);
  t.equal(await gate.close(0), 0);
});

t.test('no more than 16 of a client and 256 in all wait at a time, so that others are not kept out', async t => {
  const { begin, gone } = await mounting(t, 'ENOTCONN');
  const outcomes: (() => unknown)[] = [];
  const unanswered = () => outcomes.filter(outcome => outcome() === undefined).length;
  for (let i = 0; i < 17; i++) outcomes.push(begin());
  await pass(1);
  t.equal(unanswered(), 16);
  t.equal(outcomes[16]!(), MNT3.ERR_IO);
  for (let i = 0; i < 300; i++) outcomes.push(begin(`10.0.1.${i % 30}`));
  await pass(1);
  t.equal(unanswered(), 256);
  gone.abort();
  await pass(1);
  t.equal(unanswered(), 0);
  const next = begin();
  await setImmediate();
  t.equal(next(), MNT3.ERR_IO, 'it has gone as well');
});
