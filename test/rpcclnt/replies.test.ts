/** What a client does with its buffers, and with what a server sends of its own accord. */
import { once } from 'node:events';
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import type { call_header } from '#protocols/rpc.ts';
import { type Codec, nothing, opaque, uint32 } from '#protocols/xdr/codec.ts';
import { padOf } from '#protocols/xdr/stream.ts';
import { type RemoteProcedure, RpcClient } from '#src/rpcclnt/client.ts';
import type { RpcError } from '#src/rpcclnt/error.ts';
import type { RpcClientOptions } from '#src/rpcclnt/options.ts';
import type { RemoteReply } from '#src/rpcclnt/reply.ts';
import { hex } from '../support/hex.ts';
import { answer, type Call, callServer } from '../support/rpc/call-server.ts';
import { mark } from '../support/rpc/service.ts';
import { SPOILED } from '../support/spoil.ts';

const KiB = 1024;
const of = { prog: 7, vers: 1 } as const;
const NULL = { ...of, name: 'NULL', proc: 0, args: nothing, res: nothing };
const BYTES: RemoteProcedure<number, Buffer> = {
  ...of,
  name: 'BYTES',
  proc: 1,
  args: uint32,
  res: opaque(8 * KiB * KiB),
};
/** Bytes that are not copied into the call. */
const sent: Codec<Buffer> = { ...opaque(KiB * KiB), encode: (to, value) => to.payload(value) };
const SEND: RemoteProcedure<Buffer, void> = { ...of, name: 'SEND', proc: 2, args: sent, res: nothing };

const opaqueOf = (length: number, fill: number) => {
  const bytes = Buffer.alloc(4 + length + padOf(length));
  bytes.writeUInt32BE(length);
  bytes.fill(fill, 4, 4 + length);
  return bytes;
};

async function connect(t: Test, port: number, options: Partial<RpcClientOptions> = {}): Promise<RpcClient> {
  const client = await RpcClient.connect({ target: { host: '127.0.0.1', port }, timeoutMs: 5000, ...options });
  t.teardown(() => client.close());
  return client;
}

const bytesServer = (t: Test) =>
  callServer(t, (socket, calls) => {
    for (const call of calls) socket.write(answer(call, opaqueOf(call.rest.readUInt32BE(16), call.rest[19]! + 1)));
  });

const filled = ({ value }: RemoteReply<Buffer>, fill: number) => value.every(byte => byte === fill);

t.test('results are views until they are released, whatever comes after them', async t => {
  const client = await connect(t, await bytesServer(t));
  const kept: RemoteReply<Buffer>[] = [];
  const sizes = Array.from({ length: 80 }, (_, i) => (i % 3 === 0 ? 300_000 + i : 100 * i + (i % 7)));
  for (const size of sizes) kept.push(await client.call(BYTES, size));
  for (const [i, reply] of kept.entries()) t.ok(filled(reply, ((sizes[i]! & 0xff) + 1) & 0xff), `${sizes[i]} bytes`);
  for (const reply of kept) reply.release();
  t.notOk(filled(kept[0]!, 1), 'a released result is no longer there');
});

t.test('a released result is released once', async t => {
  const client = await connect(t, await bytesServer(t));
  const first = await client.call(BYTES, 200_000);
  const others = await Promise.all([client.call(BYTES, 200_001), client.call(BYTES, 200_002)]);
  for (let i = 0; i < 5; i++) first.release();
  for (const reply of others) t.ok(filled(reply, (reply.value.length & 0xff) + 1));
});

t.test('a large result is read to where it stays', async t => {
  const client = await connect(t, await bytesServer(t));
  const { value, release } = await client.call(BYTES, 3_000_000).then(reply => ({
    value: reply.value,
    release: () => reply.release(),
  }));
  t.equal(value.length, 3_000_000);
  t.ok(value.byteOffset < 64, 'its buffer begins with its record');
  release();
  t.equal(value[1_000_000], SPOILED, 'and the buffer is used again');
});

t.test('a small result does not keep a large buffer', async t => {
  const port = await callServer(t, (socket, calls) => {
    if (calls.length < 2) return;
    socket.write(Buffer.concat(calls.map((call, i) => answer(call, opaqueOf(i === 0 ? 1_000_000 : 40, i + 1)))));
  });
  const client = await connect(t, port);
  const [large, small] = await Promise.all([client.call(BYTES, 0), client.call(BYTES, 0)]);
  t.not(small.value.buffer, large.value.buffer);
  large.release();
  t.ok(filled(small, 2));
  small.release();
});

t.test('calls of one turn are one write', async t => {
  const bursts: number[] = [];
  const port = await callServer(t, (socket, calls) => {
    bursts.push(calls.length);
    socket.write(Buffer.concat(calls.map(call => answer(call))));
  });
  const client = await connect(t, port);
  await Promise.all(Array.from({ length: 100 }, () => client.call(NULL, undefined)));
  t.strictSame(bursts, [100]);
});

t.test('each call has the credential that it names', async t => {
  const port = await callServer(t, (socket, calls) => {
    for (const call of calls) socket.write(answer(call, Buffer.concat([hex('00000010'), call.rest.subarray(0, 16)])));
  });
  const client = await connect(t, port, { cred: { flavor: 9, body: Buffer.alloc(0) } });
  const mine = {
    writeTo: (to: { uint32(value: number): void }) => [5, 4, 0x61626364, 0, 0].forEach(it => to.uint32(it)),
  };
  const ask = (cred?: typeof mine) => client.ask(BYTES, 1, cred && { cred });
  const [own, usual] = await Promise.all([ask(mine), ask()]);
  t.same(own, hex('00000005 00000004 61626364 00000000'), 'flavor, length, body, and the flavor of the verifier');
  t.same(usual, hex('00000009 00000000 00000000 00000000'));
});

t.test('arguments that cannot be encoded fail their call only', async t => {
  const client = await connect(t, await bytesServer(t));
  const bad = { ...BYTES, args: { ...uint32, encode: () => { throw new Error('a bug'); } } }; // prettier-ignore
  const [good, failed, after] = await Promise.allSettled([
    client.ask(BYTES, 4),
    client.ask(bad, 4),
    client.ask(BYTES, 4),
  ]);
  t.same([good.status, after.status], ['fulfilled', 'fulfilled']);
  t.match(failed, { status: 'rejected', reason: { message: 'a bug' } });
});

t.test('calls of the other side are handed on, and not answered', async t => {
  const received: [call_header, number][] = [];
  let sent = Buffer.alloc(0);
  const port = await callServer(t, (socket, calls) => {
    const callback = hex(`
      00000001 00000000 00000002 03249082 00000001 00000005 // the header of a call
      00000000 00000000 00000000 00000000                   // no credential, no verifier
      0000002a
    `);
    socket.write(Buffer.concat([mark(callback), ...calls.map(call => answer(call))]));
    sent = Buffer.concat([sent, ...calls.map(call => call.xid)]);
  });
  const onCall: RpcClientOptions['onCall'] = (header, from) => received.push([header, from.uint32()]);
  const client = await connect(t, port, { onCall });
  await client.ask(NULL, undefined);
  await client.ask(NULL, undefined);
  t.match(received, [
    [{ xid: 1, prog: 0x3249082, vers: 1, proc: 5 }, 42],
    [{}, 42],
  ]);
  t.equal(sent.length, 8, 'the server received the two calls only');
});

t.test('a callback that cannot be read ends the connection', async t => {
  const port = await callServer(t, socket =>
    socket.write(mark(hex('00000001 00000000 00000002 03249082 00000001 00000005'))),
  );
  const client = await connect(t, port, { onCall: () => {} });
  await t.rejects(client.ask(NULL, undefined), { code: 'BAD_REPLY' });
});

t.test('at the end all calls fail with one error, and then it is told', async t => {
  const ends: (RpcError | string)[] = [];
  let arrived = 0;
  const port = await callServer(t, (socket, calls) => {
    arrived += calls.length;
    if (arrived === 3) socket.destroy();
  });
  const client = await connect(t, port, { onEnd: why => ends.push(why) });
  const calls = await Promise.allSettled([1, 2, 3].map(async n => client.ask(BYTES, n).catch((error: RpcError) => {
    ends.push(`${n}`);
    throw error;
  }))); // prettier-ignore
  const reasons = new Set(calls.map(call => (call as PromiseRejectedResult).reason as RpcError));
  t.equal(reasons.size, 1);
  t.match([...reasons], [{ code: 'CLOSED' }]);
  t.equal(ends.filter(it => typeof it !== 'string').length, 1);
  t.equal(client.ended, [...reasons][0]);
  t.equal(client.pending, 0);
});

const PING = { ...NULL, name: 'PING', proc: 9 };

t.test('a server that is silent is asked whether it lives, and given up when it does not answer', async t => {
  const procs: number[] = [];
  const port = await callServer(t, (_, calls) => procs.push(...calls.map(({ proc }) => proc)));
  const client = await connect(t, port, { ping: { procedure: PING, ms: 60 } });
  await t.rejects(client.ask(NULL, undefined), { code: 'TIMED_OUT', message: /no sign of life for 60 ms/ });
  t.strictSame(procs, [0, 9]);
});

t.test('a server that answers pings may take its time for a call', async t => {
  let slow: Call | undefined;
  let pings = 0;
  const port = await callServer(t, (socket, calls) => {
    for (const call of calls) {
      if (call.proc === 0) slow = call;
      else socket.write(answer(call));
      if (call.proc === 9 && ++pings === 4) socket.write(answer(slow!));
    }
  });
  const client = await connect(t, port, { ping: { procedure: PING, ms: 200 } });
  await client.ask(NULL, undefined);
  t.equal(pings, 4);
});

t.test('a payload of a call that was given up is not sent any more', async t => {
  const server = createServer(socket => void socket.pause()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets: Socket[] = [];
  server.on('connection', socket => sockets.push(socket.on('error', () => {})));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const client = await connect(t, (server.address() as AddressInfo).port);
  const data = Buffer.alloc(KiB * KiB, 1);
  // More than the kernel takes of a peer that reads nothing.
  const calls = Array.from({ length: 32 }, () => client.ask(SEND, data, { timeoutMs: 100 }));
  const outcomes = await Promise.allSettled(calls);
  t.match(outcomes, outcomes.map(() => ({ status: 'rejected', reason: { code: 'TIMED_OUT' } }))); // prettier-ignore
  t.match(client.ended, { code: 'TIMED_OUT' });
});

t.test('a call that has left and is given up leaves the connection as it is', async t => {
  const port = await callServer(t, (socket, calls) => {
    for (const call of calls) if (call.proc === 0) socket.write(answer(call));
  });
  const client = await connect(t, port);
  await t.rejects(client.ask(SEND, Buffer.alloc(20_000), { timeoutMs: 20 }), { code: 'TIMED_OUT' });
  await client.ask(NULL, undefined);
  t.equal(client.ended, undefined);
});

t.test('a socket that was connected by somebody else', async t => {
  const port = await bytesServer(t);
  const socket = connectSocket(port, '127.0.0.1');
  await once(socket, 'connect');
  const client = new RpcClient(socket, { target: { host: '127.0.0.1', port }, timeoutMs: 5000 });
  t.teardown(() => client.close());
  t.equal((await client.ask(BYTES, 500_000)).length, 500_000);
});
