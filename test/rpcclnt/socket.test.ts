import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t, { type Test } from 'tap';
import { openStream, targetText } from '#src/rpcclnt/socket.ts';

t.test('the text of a target', async t => {
  t.equal(targetText({ path: '/run/rpcbind.sock' }), '/run/rpcbind.sock');
  t.equal(targetText({ host: '10.0.0.1', port: 111 }), '10.0.0.1:111');
  t.equal(targetText({ host: '::1', port: 111 }), '[::1]:111');
});

async function listen(t: Test) {
  const server = createServer(socket => socket.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { server, target: { host: '127.0.0.1', port: (server.address() as AddressInfo).port, reservedPort: true } };
}

t.test('root calls from a reserved port, each time from another', { skip: process.getuid?.() !== 0 }, async t => {
  const { target } = await listen(t);
  const sockets = await Promise.all(Array.from({ length: 40 }, () => openStream(target, 1000)));
  for (const { localPort } of sockets) t.ok(localPort! >= 512 && localPort! < 1024, `${localPort}`);
  for (const socket of sockets) socket.destroy();
});

t.test('a user that is not root calls from another port', { skip: process.getuid?.() !== 0 }, async t => {
  const { target } = await listen(t);
  process.seteuid!(65534);
  try {
    const socket = await openStream(target, 1000);
    t.ok(socket.localPort! >= 1024);
    socket.destroy();
  } finally {
    process.seteuid!(0);
  }
});

t.test('nobody there: said at once, not for each reserved port', async t => {
  const { server, target } = await listen(t);
  server.close();
  await once(server, 'close');
  await t.rejects(openStream(target, 1000), { code: 'CANNOT_CONNECT', cause: { code: 'ECONNREFUSED' } });
});

t.test('no connection in time', async t => {
  const { target } = await listen(t);
  const opening = openStream({ host: target.host, port: target.port }, 1);
  const until = performance.now() + 5;
  while (performance.now() < until); // the time is over before the loop sees the connection
  await t.rejects(opening, { code: 'TIMED_OUT', message: /no connection in 1 ms/ });
});
