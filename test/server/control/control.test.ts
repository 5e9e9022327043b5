/** The control socket: the requests that it accepts, who may send them, and the file of the socket. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { silent } from '#src/log.ts';
import { ControlError, type ControlMethods, ControlSocket } from '#src/server/control/control.ts';

let release: () => void = () => {};
const released = new Promise<void>(resolve => (release = resolve));

const methods: ControlMethods = {
  echo: params => params,
  wait: () => released.then(() => ({ waited: true })),
  refuse() {
    throw new ControlError('not this');
  },
  break() {
    throw new Error('a bug');
  },
};

async function started(t: Test): Promise<ControlSocket> {
  const dir = mkdtempSync(join(tmpdir(), 'bricknfs-'));
  const control = await ControlSocket.start(join(dir, 'control.sock'), methods, silent);
  t.teardown(async () => {
    await control.close();
    rmSync(dir, { recursive: true });
  });
  return control;
}

async function open({ path }: ControlSocket): Promise<Socket> {
  const socket = connect(path).setEncoding('utf8');
  await once(socket, 'connect');
  return socket;
}

async function sent(control: ControlSocket, ...parts: string[]): Promise<unknown> {
  const socket = await open(control);
  for (const part of parts) {
    socket.write(part);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  const text = (await socket.toArray()).join('');
  t.ok(text.endsWith('\n'), 'the answer is one line');
  return JSON.parse(text);
}

t.test('a request is answered, also when it comes in pieces', async t => {
  const control = await started(t);
  t.strictSame(await sent(control, '{"method":"echo","params":{"a":"ö"}}\n'), { result: { a: 'ö' } });
  t.strictSame(await sent(control, '{"method":', '"echo"}', '\n'), { result: {} });
});

t.test('refused and failing requests are answered with errors', async t => {
  const control = await started(t);
  t.strictSame(await sent(control, 'status\n'), { error: 'expected a line of JSON' });
  t.strictSame(await sent(control, 'null\n'), { error: 'expected {"method": …}' });
  const unknown = { error: 'expected one of echo, wait, refuse, break as method' };
  t.strictSame(await sent(control, '{"method":"constructor"}\n'), unknown);
  t.strictSame(await sent(control, '{"method":"refuse"}\n'), { error: 'not this' });
  t.strictSame(await sent(control, '{"method":"break"}\n'), { error: 'the server failed at it: a bug' });
});

t.test('the length of a request is limited', async t => {
  const control = await started(t);
  const socket = await open(control);
  socket.write('x'.repeat(65_537));
  t.match(JSON.parse((await socket.toArray()).join('')), { error: 'expected a line of at most 65536 characters' });
});

t.test('silent connections keep no request waiting, however many they are', async t => {
  const control = await started(t);
  const silent = await Promise.all(Array.from({ length: 40 }, () => open(control)));
  const closed = silent.map(socket => once(socket.resume(), 'close'));
  t.strictSame(await sent(control, '{"method":"echo"}\n'), { result: {} });
  await Promise.all(closed.slice(0, 20));
  t.pass('the connections that have been silent longest are closed');
  await once(silent[39]!, 'close');
  t.pass('the last one is closed in time');
});

t.test('the number of requests under way is limited', async t => {
  const control = await started(t);
  const askers = await Promise.all(Array.from({ length: 17 }, () => open(control)));
  const replies = askers.map(async socket => {
    socket.write('{"method":"wait"}\n');
    return (await socket.toArray()).join('');
  });
  const first = await Promise.race(replies);
  t.match(first, /16 requests are being answered/);
  release();
  t.equal((await Promise.all(replies)).filter(reply => reply === '{"result":{"waited":true}}\n').length, 16);
});

t.test('the socket is for its owner alone, and removed when the server stops', async t => {
  const control = await started(t);
  t.equal(statSync(control.path).mode & 0o777, 0o600);
  const idle = await open(control);
  const closed = once(idle.resume(), 'close');
  await control.close();
  await closed;
  t.notOk(existsSync(control.path));
});

t.test('the socket replaces a dead one, and nothing else', async t => {
  const control = await started(t);
  const inUse = `another server is listening at ${control.path}`;
  await t.rejects(ControlSocket.start(control.path, methods, silent), { message: inUse });

  const stale = `${control.path}.stale`;
  const server = createServer();
  server.listen(`${control.path}.gone`);
  await once(server, 'listening');
  renameSync(`${control.path}.gone`, stale); // Otherwise the close would unlink it.
  await new Promise(resolve => server.close(resolve));
  const next = await ControlSocket.start(stale, methods, silent);
  t.strictSame(await sent(next, '{"method":"echo"}\n'), { result: {} });
  await next.close();

  const file = `${control.path}.file`;
  writeFileSync(file, 'mine');
  await t.rejects(ControlSocket.start(file, methods, silent), /expected a socket or nothing at/);
  t.ok(existsSync(file), 'the file stays');
});

t.test('a path that does not fit into a socket address is refused', async t => {
  await t.rejects(
    ControlSocket.start(`/tmp/${'x'.repeat(120)}`, methods, silent),
    /expected a path of at most 98 bytes/,
  );
});
