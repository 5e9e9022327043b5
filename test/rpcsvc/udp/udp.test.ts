import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { silent } from '#src/log.ts';
import { AuthRegistry } from '#src/rpcsvc/auth/registry.ts';
import { answering } from '#src/rpcsvc/udp/datagram.ts';
import { ProgramRegistry } from '#src/rpcsvc/registry.ts';
import { UdpListener } from '#src/rpcsvc/udp/udp.ts';
import { echo } from '../../support/rpc/echo.ts';
import { hex } from '../../support/hex.ts';

const call = (proc: string, args = '') =>
  hex(`0000002a 00000000 00000002 20000001 00000002 ${proc} 00000000 00000000 00000000 00000000 ${args}`);
const accepted = '0000002a00000001000000000000000000000000';

async function serve(t: Test) {
  const service = { programs: new ProgramRegistry([echo]), auth: new AuthRegistry(), log: silent };
  const listener = await UdpListener.start({ host: '127.0.0.1', port: 0 }, answering(service), silent);
  const socket = createSocket('udp4');
  t.teardown(async () => {
    await listener.close();
    socket.close();
  });
  const replies: string[] = [];
  socket.on('message', reply => replies.push(reply.toString('hex')));
  const send = (datagram: Buffer) => socket.send(datagram, listener.address.port, '127.0.0.1');
  return { send, replies, next: () => once(socket, 'message').then(([reply]) => (reply as Buffer).toString('hex')) };
}

t.test('a call in a datagram is answered in one', async t => {
  const { send, next } = await serve(t);
  send(call('00000000'));
  t.equal(await next(), `${accepted}00000000`);
  send(call('00000002', '00000001 61000000'));
  t.equal(await next(), `${accepted}000000000000000161000000`);
});

t.test('a datagram that is no call is not answered; the next call is', async t => {
  const { send, next, replies } = await serve(t);
  for (const junk of ['', '00', 'ffffffffffffffff', '0000002a 00000001 00000000', '0000002a 00000000']) send(hex(junk));
  send(call('00000000'));
  await next();
  await sleep(20);
  t.equal(replies.length, 1);
});

t.test('a reply as large as a datagram is sent, in place of a larger one SYSTEM_ERR', async t => {
  const { send, next } = await serve(t);
  const fits = 60_000;
  const bytes = Buffer.concat([call('00000001'), Buffer.alloc(4), Buffer.alloc(fits)]);
  bytes.writeUInt32BE(fits, 40);
  send(bytes);
  t.equal((await next()).length, (24 + 4 + fits) * 2);
  send(call('00000008'));
  t.equal(await next(), `${accepted}00000005`);
});

t.test(
  'a client whose calls are never answered leaves room for the others, and is served again after a while',
  async t => {
    const stuck = '127.0.0.3';
    const service = { programs: new ProgramRegistry([echo]), auth: new AuthRegistry(), log: silent };
    const answer = answering(service);
    let asked = 0;
    const never = new Promise<undefined>(() => {});
    const listener = await UdpListener.start(
      { host: '127.0.0.1', port: 0 },
      (datagram, from) => (from.address === stuck && ++asked <= 300 ? never : answer(datagram, from)),
      silent,
      { answerMs: 200 },
    );
    const sockets = ['127.0.0.1', stuck].map(() => createSocket('udp4'));
    t.teardown(async () => {
      await listener.close();
      for (const socket of sockets) socket.close();
    });
    const [other, hanging] = sockets as [(typeof sockets)[0], (typeof sockets)[0]];
    hanging.bind(0, stuck);
    await once(hanging, 'listening');
    const send = (socket: typeof other) => socket.send(call('00000000'), listener.address.port, '127.0.0.1');
    for (let i = 0; i < 300; i++) {
      send(hanging);
      // Otherwise the socket's buffer would overflow.
      if (i % 20 === 0) await new Promise(setImmediate);
    }
    send(other);
    await once(other, 'message');
    t.ok(asked > 0 && asked < 256, `${asked} calls of the one client are under way`);
    asked = 300;
    const answered = once(hanging, 'message');
    const again = setInterval(() => send(hanging), 20);
    t.teardown(() => clearInterval(again));
    await answered;
    t.pass('the client is answered once its first calls have been given up');
  },
);

t.test('when closed it answers no more', async t => {
  const service = { programs: new ProgramRegistry([echo]), auth: new AuthRegistry(), log: silent };
  const listener = await UdpListener.start({ host: '127.0.0.1', port: 0 }, answering(service), silent);
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  socket.connect(listener.address.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.send(call('00000000'));
  await once(socket, 'message');
  await Promise.all([listener.close(), listener.close()]);
  socket.on('message', () => t.fail('a datagram is answered after the end'));
  socket.send(call('00000000'));
  // The kernel says so when nothing listens on the port.
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  t.equal(error.code, 'ECONNREFUSED');
});
