/**
 * A reply leaves from the address that was asked. Clients with connected sockets (mount.nfs, rpcinfo, macOS) drop what
 * comes from anywhere else, and so do firewalls that remember connections.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import t, { type Test } from 'tap';
import { silent } from '#src/log.ts';
import { AuthRegistry } from '#src/rpcsvc/auth/registry.ts';
import { answering } from '#src/rpcsvc/udp/datagram.ts';
import { ProgramRegistry } from '#src/rpcsvc/registry.ts';
import { UdpListener } from '#src/rpcsvc/udp/udp.ts';
import { echo } from '../../support/rpc/echo.ts';
import { hex } from '../../support/hex.ts';

const NULL_CALL = hex('0000002a 00000000 00000002 20000001 00000002 00000000 00000000 00000000 00000000 00000000');
const REPLY = '0000002a0000000100000000000000000000000000000000';
const WAIT_MS = 10_000;

function startAt(host: string, port: number): Promise<UdpListener> {
  const service = { programs: new ProgramRegistry([echo]), auth: new AuthRegistry(), log: silent };
  return UdpListener.start({ host, port }, answering(service), silent);
}

async function serve(t: Test, host: string): Promise<UdpListener> {
  const listener = await startAt(host, 0);
  t.teardown(() => listener.close());
  return listener;
}

/** Asks by a socket that is connected to `host`, which takes datagrams from there alone. */
async function ask(t: Test, host: string, port: number): Promise<string> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  t.teardown(() => socket.close());
  socket.connect(port, host);
  await once(socket, 'connect');
  socket.send(NULL_CALL);
  const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(WAIT_MS) })) as [Buffer];
  return reply.toString('hex');
}

const hasIpv6 = Object.values(networkInterfaces()).some(found => found?.some(({ address }) => address === '::1'));

const cases = [
  { listens: '0.0.0.0', asked: '127.0.0.1' },
  { listens: '0.0.0.0', asked: '127.0.0.2' },
  { listens: '0.0.0.0', asked: '127.255.255.254' },
  { listens: '127.0.0.2', asked: '127.0.0.2' },
  { listens: '::', asked: '127.0.0.1' },
  { listens: '::', asked: '127.0.0.2' },
  { listens: '::', asked: '::1' },
  { listens: '::1', asked: '::1' },
];

for (const { listens, asked } of cases) {
  const needsIpv6 = listens.includes(':');
  const skip = needsIpv6 && !hasIpv6 && 'this machine has no IPv6';
  t.test(`listening on ${listens}, asked at ${asked}`, { skip }, async t => {
    const { port } = (await serve(t, listens)).address;
    t.equal(await ask(t, asked, port), REPLY);
  });
}

t.test('a port that is taken, an address of another machine: the reason as from Node', async t => {
  const { port } = (await serve(t, '127.0.0.1')).address;
  await t.rejects(startAt('127.0.0.1', port), {
    code: 'EADDRINUSE',
    syscall: 'bind',
    address: '127.0.0.1',
    port,
  });
  await t.rejects(startAt('192.0.2.1', 0), { code: 'EADDRNOTAVAIL', syscall: 'bind', address: '192.0.2.1' });
  await t.rejects(startAt('localhost', 0), /expected an IP address to listen on, found localhost/);
});

t.test('many callers at many addresses at a time', async t => {
  const { port } = (await serve(t, '0.0.0.0')).address;
  const hosts = Array.from({ length: 32 }, (_, i) => `127.0.${i}.${i + 1}`);
  for (const reply of await Promise.all(hosts.map(host => ask(t, host, port)))) t.equal(reply, REPLY);
});
