/** The control socket: what it takes, who may, and what becomes of its file. */
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
  t.ok(text.endsWith('\n'), 'the answer is a line');
  return JSON.parse(text);
}

t.test('a request and its answer, in pieces too', async t => {
  const control = await started(t);
  t.strictSame(await sent(control, '{"method":"echo","params":{"a":"ö"}}\n'), { result: { a: 'ö' } });
  t.strictSame(await sent(control, '{"method":', '"echo"}', '\n'), { result: {} });
});

t.test('what is refused, and what fails', async t => {
  const control = await started(t);
  t.strictSame(await sent(control, 'status\n'), { error: 'expected a line of JSON' });
  t.strictSame(await sent(control, 'null\n'), { error: 'expected {"method": …}' });
  const unknown = { error: 'expected one of echo, wait, refuse, break as method' };
  t.strictSame(await sent(control, '{"method":"constructor"}\n'), unknown);
  t.strictSame(await sent(control, '{"method":"refuse"}\n'), { error: 'not this' });
  t.strictSame(await sent(control, '{"method":"break"}\n'), { error: 'the server failed at it: a bug' });
});

t.test('a request is bounded', async t => {
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
  t.pass('those that have been silent longest are closed');
  await once(silent[39]!, 'close');
  t.pass('and the last one in time');
});

t.test('requests that are being answered are bounded', async t => {
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

t.test('for its owner alone, and gone when it stops', async t => {
  const control = await started(t);
  t.equal(statSync(control.path).mode & 0o777, 0o600);
  const idle = await open(control);
  const closed = once(idle.resume(), 'close');
  await control.close();
  await closed;
  t.notOk(existsSync(control.path));
});

t.test('in place of a socket that nobody answers at, and of nothing else', async t => {
  const control = await started(t);
  const inUse = `another server is listening at ${control.path}`;
  await t.rejects(ControlSocket.start(control.path, methods, silent), { message: inUse });

  const stale = `${control.path}.stale`;
  const server = createServer();
  server.listen(`${control.path}.gone`);
  await once(server, 'listening');
  renameSync(`${control.path}.gone`, stale); // or it would be unlinked
  await new Promise(resolve => server.close(resolve));
  const next = await ControlSocket.start(stale, methods, silent);
  t.strictSame(await sent(next, '{"method":"echo"}\n'), { result: {} });
  await next.close();

  const file = `${control.path}.file`;
  writeFileSync(file, 'mine');
  await t.rejects(ControlSocket.start(file, methods, silent), /expected a socket or nothing at/);
  t.ok(existsSync(file), 'it stays');
});

t.test('a path that does not fit into a socket address', async t => {
  await t.rejects(
    ControlSocket.start(`/tmp/${'x'.repeat(120)}`, methods, silent),
    /expected a path of at most 98 bytes/,
  );
});
