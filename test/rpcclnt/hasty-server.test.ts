/** A server that answers calls before it has received all of them. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { type Codec, nothing, opaque } from '#protocols/xdr/codec.ts';
import { type RemoteProcedure, RpcClient } from '#src/rpcclnt/client.ts';
import type { RpcClientOptions } from '#src/rpcclnt/options.ts';
import { hex } from '../support/hex.ts';
import { answer } from '../support/rpc/call-server.ts';
import { mark } from '../support/rpc/service.ts';

const MiB = 1024 * 1024;

async function connect(t: Test, port: number, options: Partial<RpcClientOptions> = {}): Promise<RpcClient> {
  const client = await RpcClient.connect({ target: { host: '127.0.0.1', port }, timeoutMs: 5000, ...options });
  t.teardown(() => client.close());
  return client;
}

/** Bytes that no buffer of a socket takes at once. */
const huge: Codec<Buffer> = { ...opaque(64 * MiB), encode: (to, value) => to.payload(value) };
const HUGE: RemoteProcedure<Buffer, void> = { prog: 7, vers: 1, name: 'HUGE', proc: 3, args: huge, res: nothing };
const HEADER_BYTES = 48;

/** A server that answers as soon as it has the header of a call, `times` times, and then reads nothing until `rest`. */
async function hastyServer(t: Test, times: number) {
  const { promise: taken, resolve: take } = Promise.withResolvers<Socket>();
  const server = createServer(socket => {
    t.teardown(() => socket.destroy());
    socket
      .on('error', () => {})
      .once('readable', () => {
        const head: Buffer = socket.read(HEADER_BYTES);
        const call = { xid: head.subarray(4, 8), proc: 3, rest: head };
        for (let i = 0; i < times; i++) socket.write(answer(call));
        socket.write(mark(hex(`00000001 00000000 00000002 00000000 00000000 00000000 ${'00000000'.repeat(4)}`)));
        take(socket);
      });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  /** Reads what is left of the call. */
  const rest = async (bytes: number) => {
    const socket = await taken;
    const chunks: Buffer[] = [];
    for (let left = bytes; left > 0;) {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) await once(socket, 'readable');
      else {
        chunks.push(chunk);
        left -= chunk.length;
      }
    }
    return Buffer.concat(chunks);
  };
  return { port: (server.address() as AddressInfo).port, rest };
}

t.test('a call that is answered before it was sent keeps its payload until it is', async t => {
  const { port, rest } = await hastyServer(t, 1);
  const { promise: told, resolve: onCall } = Promise.withResolvers<unknown>();
  const client = await connect(t, port, { onCall });
  const payload = Buffer.alloc(48 * MiB, 5);
  let settled = false;
  const asked = client.ask(HUGE, payload).then(() => {
    settled = true;
    payload.fill(0xff); // as the next user of the memory does
  });
  await told;
  await new Promise(resolve => setImmediate(resolve));
  t.equal(settled, false, 'the server may not see what comes into the memory afterwards');
  t.equal(client.pending, 1);
  const received = await rest(payload.length);
  await asked;
  t.ok(received.subarray(-payload.length).every(byte => byte === 5));
});

t.test('a server that answers a call that was not sent, and takes no more of it', async t => {
  for (const [times, options, code] of [
    [1, { timeoutMs: 100 }, 'TIMED_OUT'],
    [2, {}, 'BAD_REPLY'],
  ] as const) {
    const { port } = await hastyServer(t, times);
    const client = await connect(t, port, { onCall: () => {}, ...options });
    await t.rejects(client.ask(HUGE, Buffer.alloc(48 * MiB)), { code });
    t.equal(client.ended?.code, code);
  }
});
