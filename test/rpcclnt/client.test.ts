import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { socketServer } from '../support/rpc/call-server.ts';
import { authsys_parms } from '#protocols/auth-sys.ts';
import { auth_flavor, auth_stat } from '#protocols/rpc.ts';
import { encode, nothing, opaque, uint32 } from '#protocols/xdr/codec.ts';
import { RpcClient, type RemoteProcedure } from '#src/rpcclnt/client.ts';
import { ECHO, echo } from '../support/rpc/echo.ts';
import { hex } from '../support/hex.ts';
import { mark, servePrograms } from '../support/rpc/service.ts';

const of = { prog: ECHO.number, vers: ECHO.version } as const;
const bytes = opaque(4 * 1024 * 1024);
const NULL = { ...of, name: 'ECHO NULL', proc: 0, args: nothing, res: nothing };
const PLAIN: RemoteProcedure<Buffer, Buffer> = { ...of, name: 'ECHO', proc: 1, args: bytes, res: bytes };
const LATER = { ...PLAIN, name: 'LATER', proc: 2 };
const NEVER = { ...NULL, name: 'NEVER', proc: 5 };

type Options = Partial<Parameters<typeof RpcClient.connect>[0]>;

async function connect(t: Test, port: number, options: Options = {}): Promise<RpcClient> {
  const client = await RpcClient.connect({ target: { host: '127.0.0.1', port }, timeoutMs: 2000, ...options });
  t.teardown(() => client.close());
  return client;
}

t.test('calls are answered, many at once and out of order', async t => {
  const { port } = await servePrograms(t, [echo]);
  const client = await connect(t, port);
  t.equal(await client.ask(NULL, undefined), undefined);
  const sent = Array.from({ length: 60 }, (_, i) => Buffer.alloc(i * 31, i));
  const got = await Promise.all(sent.map((value, i) => client.ask(i % 2 ? PLAIN : LATER, value)));
  t.same(got, sent);
});

t.test('calls find their answers while others wait for long', async t => {
  const { port } = await servePrograms(t, [echo]);
  const client = await connect(t, port);
  const never = client.ask(NEVER, undefined).catch(() => 'ended');
  for (let i = 0; i < 3; i++) {
    const sent = Array.from({ length: 200 }, (_, j) => Buffer.from(`${i} ${j}`));
    t.same(await Promise.all(sent.map(value => client.ask(PLAIN, value))), sent);
  }
  t.equal(client.pending, 1);
  await client.close();
  t.equal(await never, 'ended');
});

t.test('large arguments and results pass', async t => {
  const { port } = await servePrograms(t, [echo]);
  const client = await connect(t, port);
  const value = Buffer.alloc(1_000_000, 'abc');
  t.ok((await client.ask(PLAIN, value)).equals(value));
});

t.test("a result is its receiver's own: later ones do not overwrite it", async t => {
  const { port } = await servePrograms(t, [echo]);
  const client = await connect(t, port);
  const first = await client.ask(PLAIN, Buffer.from('first'));
  for (let i = 0; i < 50; i++) await client.ask(PLAIN, Buffer.alloc(4000, i));
  t.equal(first.toString(), 'first');
});

t.test('over a unix socket too', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'rpc-client-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const path = join(dir, 'socket');
  const { port } = await servePrograms(t, [echo]);
  const server = createServer(socket => {
    void connectSocket(port).then(other => socket.pipe(other).pipe(socket));
  }).listen(path);
  t.teardown(() => server.close());
  await once(server, 'listening');
  const client = await RpcClient.connect({ target: { path }, timeoutMs: 2000 });
  t.teardown(() => client.close());
  t.equal((await client.ask(PLAIN, Buffer.from('hello'))).toString(), 'hello');
});

async function connectSocket(port: number): Promise<Socket> {
  const { connect } = await import('node:net');
  return connect(port, '127.0.0.1');
}

t.test('what the server refuses is an error that says so', async t => {
  const { port } = await servePrograms(t, [echo]);
  const client = await connect(t, port);
  await t.rejects(client.ask({ ...NULL, prog: 7 }, undefined), { code: 'PROG_UNAVAIL' });
  const mismatch = { code: 'PROG_MISMATCH', versions: { low: 2, high: 2 }, message: /versions 2 to 2/ };
  await t.rejects(client.ask({ ...NULL, vers: 9 }, undefined), mismatch);
  await t.rejects(client.ask({ ...NULL, proc: 99 }, undefined), { code: 'PROC_UNAVAIL', message: /ECHO NULL/ });
  await t.rejects(client.ask({ ...PLAIN, args: uint32, res: bytes } as never, 5 as never), { code: 'GARBAGE_ARGS' });
  await t.rejects(client.ask({ ...NULL, proc: 3 }, undefined), { code: 'SYSTEM_ERR' });
  await t.rejects(client.ask({ ...NULL, proc: 6 }, undefined), {
    code: 'AUTH_ERROR',
    why: auth_stat.AUTH_TOOWEAK,
    message: /AUTH_TOOWEAK/,
  });
  t.equal(await client.ask(NULL, undefined), undefined, 'and the connection goes on');
});

t.test('credentials go with each call', async t => {
  const { port } = await servePrograms(t, [echo]);
  const parms = { stamp: 0, machinename: 'h', uid: 0, gid: 0, gids: [] };
  const cred = { flavor: auth_flavor.AUTH_SYS, body: encode(authsys_parms, parms) };
  const client = await connect(t, port, { cred });
  t.equal(await client.ask({ ...NULL, proc: 6 }, undefined), undefined);
});

t.test('no answer in time: that call fails, others go on, and its late answer is dropped', async t => {
  const { port } = await servePrograms(t, [echo]);
  const client = await connect(t, port);
  await t.rejects(client.ask(NEVER, undefined, { timeoutMs: 20 }), {
    code: 'TIMED_OUT',
    message: /NEVER.*127\.0\.0\.1.*20 ms/,
  });
  await t.rejects(client.ask(LATER, Buffer.from('x'), { timeoutMs: 1 }), { code: 'TIMED_OUT' });
  t.equal((await client.ask(LATER, Buffer.from('y'))).toString(), 'y');
});

t.test('more calls than may wait: BUSY', async t => {
  const { port } = await servePrograms(t, [echo]);
  const client = await connect(t, port, { callsMax: 2 });
  const waiting = [client.ask(LATER, Buffer.from('a')), client.ask(LATER, Buffer.from('b'))];
  await t.rejects(client.ask(NULL, undefined), { code: 'BUSY' });
  await Promise.all(waiting);
  t.equal(await client.ask(NULL, undefined), undefined);
});

t.test('closed by the other side, or by this one: calls fail at once, and so do later ones', async t => {
  const port = await socketServer(t, socket => socket.once('data', () => socket.destroy()));
  const client = await connect(t, port);
  await t.rejects(client.ask(NULL, undefined), { code: 'CLOSED' });
  await t.rejects(client.ask(NULL, undefined), { code: 'CLOSED' });
  const silent = await connect(t, await socketServer(t, () => {}));
  const call = t.rejects(silent.ask(NULL, undefined), { code: 'CLOSED' });
  await silent.close();
  await call;
  await silent.close();
});

t.test('given up by a signal', async t => {
  const stop = new AbortController();
  const client = await connect(t, await socketServer(t, () => {}), { signal: stop.signal });
  const call = t.rejects(client.ask(NULL, undefined), { code: 'ABORTED' });
  stop.abort();
  await call;
  await t.rejects(connect(t, 1, { signal: stop.signal }), { code: 'ABORTED' });
});

t.test('nobody there', async t => {
  const { port } = await servePrograms(t, [echo]);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const free = (server.address() as AddressInfo).port;
  server.close();
  await once(server, 'close');
  await t.rejects(connect(t, free), { code: 'CANNOT_CONNECT', message: /ECONNREFUSED/ });
  await t.rejects(RpcClient.connect({ target: { path: '/nowhere/socket' }, timeoutMs: 100 }), {
    code: 'CANNOT_CONNECT',
    message: /^\/nowhere\/socket: .*ENOENT/,
  });
  t.ok(await connect(t, port));
});

const xidOf = (record: Buffer) => record.subarray(4, 8);
const success = hex('00000001 00000000 00000000 00000000 00000000');

t.test('an answer in fragments, a byte at a time', async t => {
  const port = await socketServer(t, socket => {
    socket.once('data', (call: Buffer) => {
      const reply = Buffer.concat([xidOf(call), success, hex('00000003 61626300')]);
      const parts = [mark(reply.subarray(0, 7), false), mark(Buffer.alloc(0), false), mark(reply.subarray(7))];
      const bytes = Array.from(Buffer.concat(parts));
      socket.setNoDelay(true);
      const next = () => {
        const byte = bytes.shift();
        if (byte !== undefined) socket.write(Buffer.of(byte), () => setImmediate(next));
      };
      next();
    });
  });
  const client = await connect(t, port);
  t.equal((await client.ask(PLAIN, Buffer.alloc(0))).toString(), 'abc');
});

const answered = (t: Test, answer: (xid: Buffer) => Buffer, options: Options = {}) =>
  socketServer(t, socket => void socket.on('data', (call: Buffer) => socket.write(answer(xidOf(call))))).then(port =>
    connect(t, port, options),
  );

t.test('RPC_MISMATCH, and answers to calls that were not made', async t => {
  const denied = hex('00000001 00000001 00000000 00000003 00000004');
  const mismatched = await answered(t, xid => mark(Buffer.concat([xid, denied])));
  await t.rejects(mismatched.ask(NULL, undefined), { code: 'RPC_MISMATCH', versions: { low: 3, high: 4 } });
  const stray = Buffer.concat([hex('00000000'), success]);
  const client = await answered(t, xid => Buffer.concat([mark(stray), mark(Buffer.concat([xid, success]))]));
  t.equal(await client.ask(NULL, undefined), undefined);
});

t.test('results that are not what the type says: that call fails, the connection goes on', async t => {
  const client = await answered(t, xid => mark(Buffer.concat([xid, success, hex('00000009 61')])));
  await t.rejects(client.ask(PLAIN, Buffer.alloc(0)), { code: 'BAD_REPLY', message: /ECHO/ });
  await t.rejects(client.ask(NULL, undefined), { code: 'BAD_REPLY', message: /bytes after/ });
});

t.test('what is no reply, or too long: the connection ends', async t => {
  const noReply = await answered(t, xid => mark(Buffer.concat([xid, hex('00000000')])));
  await t.rejects(noReply.ask(NULL, undefined), { code: 'BAD_REPLY' });
  await t.rejects(noReply.ask(NULL, undefined), { code: 'BAD_REPLY' });
  const long = await answered(t, () => hex('ffffffff'), { recordBytesMax: 1024 });
  await t.rejects(long.ask(NULL, undefined), { code: 'BAD_REPLY', message: /at most 1024/ });
});
