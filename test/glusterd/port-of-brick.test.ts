import t from 'tap';
import { portOfBrick } from '#src/glusterd/port-of-brick.ts';
import { parseServer } from '#src/glusterd/servers.ts';
import { FakeGlusterd } from '../support/glusterd.ts';

const options = { timeoutMs: 5000 };

t.test('the port of a brick', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.bricks.set('/bricks/a', 49_152).set('/bricks/b', 49_153).set('/bricks/wrong', 70_000);
  const servers = [parseServer(fake.address)!];
  const asked = ['/bricks/a', '/bricks/b', '/bricks/none'].map(brick => portOfBrick(servers, brick, options));
  t.strictSame(await Promise.all(asked), [49_152, 49_153, undefined]);
  t.equal(fake.connections, 1, 'all ask over one connection');
  await t.rejects(portOfBrick(servers, '/bricks/wrong', options), { name: 'RpcError', code: 'BAD_REPLY' });
});

t.test('servers that are gone', async t => {
  const [gone, fake] = [await FakeGlusterd.start(t), await FakeGlusterd.start(t)];
  const both = [gone, fake].map(({ address }) => parseServer(address)!);
  fake.bricks.set('/b', 5);
  await gone.stop();
  t.equal(await portOfBrick(both, '/b', options), 5, 'the next is asked');
  await fake.stop();
  await t.rejects(portOfBrick(both, '/b', options), { code: /CANNOT_CONNECT|CLOSED/ });
  await fake.start();
  fake.bricks.set('/b', 6);
  t.equal(await portOfBrick(both, '/b', options), 6, 'a connection that has ended is made anew');
  await t.rejects(portOfBrick([], '/b', options), { code: 'CANNOT_CONNECT' });
});

t.test('an answer that nobody wants any more', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.garbage = Buffer.alloc(0); // never answers
  const servers = [parseServer(fake.address)!];
  const giveUp = new AbortController();
  const asked = portOfBrick(servers, '/b', { ...options, signal: giveUp.signal });
  giveUp.abort();
  await t.rejects(asked, { code: 'ABORTED' });
  await t.rejects(portOfBrick(servers, '/b', { timeoutMs: 50 }), { code: 'TIMED_OUT' });
});

t.test('a server that was silent is asked over another connection', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.garbage = Buffer.alloc(0); // never answers
  fake.bricks.set('/b', 5);
  const servers = [parseServer(fake.address)!];
  const patient = portOfBrick(servers, '/b', options); // keeps the connection in use
  patient.catch(() => {});
  await t.rejects(portOfBrick(servers, '/b', { timeoutMs: 50 }), { code: 'TIMED_OUT' });
  fake.garbage = undefined;
  t.equal(await portOfBrick(servers, '/b', options), 5);
  t.equal(fake.connections, 2, 'the machine may be gone without having ended the connection');
  await fake.stop();
  await t.rejects(patient, { code: 'CLOSED' }, 'whoever waits still does');
});
