import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t, { type Test } from 'tap';
import { isLocal, openStream, targetText, tune } from '#src/rpcclnt/socket.ts';
import { getsockopt } from '#src/sys/sockets/sockets.ts';

/** The numbers of tcp(7). */
const TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_USER_TIMEOUT = 18;

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

t.test('a server at an address of this machine is local', async t => {
  const { target } = await listen(t);
  const socket = await openStream({ ...target, reservedPort: false }, 1000);
  t.equal(isLocal(socket), true);
  t.equal(isLocal({ localAddress: '127.0.0.1', remoteAddress: '127.0.1.1' }), true);
  t.equal(isLocal({ localAddress: '10.0.0.1', remoteAddress: '10.0.0.2' }), false);
  socket.destroy();
});

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

t.test('a name with several addresses: the one that answers is used', async t => {
  const { target } = await listen(t); // by IPv4 only
  const several = { host: 'localhost', port: target.port };
  const socket = await openStream(several, 5000);
  t.equal(socket.remoteAddress, '127.0.0.1');
  socket.destroy();
  await t.rejects(openStream({ host: '::1', port: target.port }, 5000, undefined, { family: 6 }), {
    code: 'CANNOT_CONNECT',
  });
});

t.test('what the kernel watches can be set, and changed later', { skip: process.platform !== 'linux' }, async t => {
  const { target } = await listen(t);
  const keepAlive = { idleMs: 20_000, intervalMs: 2000, probes: 9 };
  const socket = await openStream({ host: target.host, port: target.port }, 5000, undefined, {
    keepAlive,
    userTimeoutMs: 7000,
  });
  const fd = (socket as unknown as { _handle: { fd: number } })._handle.fd;
  const option = (number: number) => {
    const value = Buffer.alloc(4);
    t.equal(getsockopt(fd, TCP, number, value, Buffer.from(Uint32Array.of(4).buffer)), 0);
    return value.readUInt32LE();
  };
  t.strictSame([TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT].map(option), [20, 2, 9, 7000]);
  tune(socket, { keepAlive: { ...keepAlive, idleMs: 30_000 }, userTimeoutMs: 0 });
  t.strictSame([TCP_KEEPIDLE, TCP_USER_TIMEOUT].map(option), [30, 0]);
  socket.destroy();
});
