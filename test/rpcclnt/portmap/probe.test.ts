import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t from 'tap';
import { AuthRegistry } from '#src/rpcsvc/auth/registry.ts';
import { silent } from '#src/log.ts';
import { answers } from '#src/rpcclnt/portmap/probe.ts';
import { answering } from '#src/rpcsvc/udp/datagram.ts';
import { ProgramRegistry } from '#src/rpcsvc/registry.ts';
import { UdpListener } from '#src/rpcsvc/udp/udp.ts';
import { ECHO, echo } from '../../support/rpc/echo.ts';
import { servePrograms } from '../../support/rpc/service.ts';

const { signal } = new AbortController();
const of = { program: ECHO.number, version: ECHO.version };
const probe = (netid: 'tcp' | 'udp' | 'udp6', address: string | undefined, port: number, more = {}) =>
  answers({ ...of, netid, address, port, ...more }, 300, signal);

t.test('TCP: a server answers, also by another version or through a wildcard; nobody does not', async t => {
  const { port } = await servePrograms(t, [echo]);
  t.ok(await probe('tcp', '127.0.0.1', port));
  t.ok(await probe('tcp', '0.0.0.0', port));
  t.ok(await probe('tcp', undefined, port));
  t.ok(await probe('tcp', '127.0.0.1', port, { version: 9 }));
  t.notOk(await probe('tcp', '127.0.0.1', 1));
  t.notOk(await probe('tcp', '127.0.0.1', 0));
});

t.test('UDP: a server answers; a closed port, silence and nonsense do not count', async t => {
  const service = { programs: new ProgramRegistry([echo]), auth: new AuthRegistry(), log: silent };
  const server = await UdpListener.start({ host: '127.0.0.1', port: 0 }, answering(service), silent);
  t.teardown(() => server.close());
  const { port } = server.address;
  t.ok(await probe('udp', '127.0.0.1', port));
  t.ok(await probe('udp', '0.0.0.0', port));
  t.notOk(await probe('udp', '127.0.0.1', 1));

  const mute = createSocket('udp4').bind(0, '127.0.0.1');
  await once(mute, 'listening');
  t.teardown(() => mute.close());
  t.notOk(await probe('udp', '127.0.0.1', mute.address().port));
  mute.on('message', (_, from) => mute.send('nonsense', from.port, from.address));
  t.notOk(await probe('udp', '127.0.0.1', mute.address().port));
});

t.test('given up by a signal', async t => {
  const stop = AbortSignal.abort();
  const mute = createSocket('udp4').bind(0, '127.0.0.1');
  await once(mute, 'listening');
  t.teardown(() => mute.close());
  t.notOk(await answers({ ...of, netid: 'udp', address: '127.0.0.1', port: mute.address().port }, 300, stop));
  t.notOk(await answers({ ...of, netid: 'tcp', address: '127.0.0.1', port: 1 }, 300, stop));
});
