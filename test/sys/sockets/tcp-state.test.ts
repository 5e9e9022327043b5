import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { peerState, unacknowledgedBytes } from '#src/sys/sockets/tcp-state.ts';
import { reset } from '../../support/rpc/reset.ts';

/**
 * Both ends of a connection, and the descriptor of the server's end. The server reads nothing, so it does not notice an
 * end.
 */
async function pair(t: Test) {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
    [Socket],
    unknown,
  ];
  t.teardown(() => {
    for (const socket of [client, accepted]) socket.destroy();
    server.close();
  });
  return { client, accepted, fd: (accepted as unknown as { _handle: { fd: number } })._handle.fd };
}

t.test('an open connection is open', async t => {
  const { fd } = await pair(t);
  t.equal(peerState(fd), 'open');
  t.equal(unacknowledgedBytes(fd), 0);
});

t.test('a connection reset by the peer is recognized in the same turn of the event loop', async t => {
  const { client, fd } = await pair(t);
  reset(client);
  t.equal(peerState(fd), 'reset');
});

t.test('a connection whose peer has closed its side is recognized', async t => {
  const { client, accepted, fd } = await pair(t);
  client.end();
  await once(client, 'finish');
  t.equal(peerState(fd), 'closed');
  t.notOk(accepted.readableEnded, 'Node.js has not handled it');
});

t.test('a descriptor that is not a connection counts as open', async t => {
  t.equal(peerState(2 ** 30), 'open', 'nothing is known about its end');
  t.equal(unacknowledgedBytes(2 ** 30), Infinity);
});
