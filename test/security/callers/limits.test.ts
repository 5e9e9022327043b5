/** How much clients can make the server keep, and what happens to connections that do nothing with it. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Actor } from '#src/rpcsvc/actor.ts';
import { echo } from '../../support/rpc/echo.ts';
import { hex } from '../../support/hex.ts';
import { AUTH_ROOT, serveNfs } from '../../support/nfs.ts';
import { LIMITS, mark, type ServedPrograms, servePrograms } from '../../support/rpc/service.ts';

const MiB = 1024 * 1024;

/** A connection from another client than the test's own. */
async function stranger(t: Test, port: number, address: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: address });
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(5);
}

const NULL_CALL = hex('00000001 00000000 00000002 20000001 00000002 00000000 00000000 00000000 00000000 00000000');
/** A call of ECHO's procedure `proc` without arguments. */
const bare = (proc: number) =>
  Buffer.concat([NULL_CALL.subarray(0, 20), Buffer.of(0, 0, 0, proc), NULL_CALL.subarray(24)]);

t.test(
  'READs whose replies are never read take no more than a part of the budget, and other clients are served',
  async t => {
    const served = await serveNfs(t);
    writeFileSync(join(served.dir, 'large'), Buffer.alloc(2 * MiB, 1));
    const file = await served.handle('large');
    const read = mark(
      hex(`00000001 00000000 00000002 000186a3 00000003 00000006 ${AUTH_ROOT}${(file.length / 2).toString(16).padStart(8, '0')}${file}
         00000000 00000000 00100000`),
    );
    const { budgets } = served.clients;
    let most = 0;
    for (let i = 0; i < 40; i++) {
      const socket = await stranger(t, served.port, '127.0.0.7');
      socket.pause().write(Buffer.concat(Array.from({ length: 64 }, () => read)));
      most = Math.max(most, budgets.replies.used);
    }
    for (let i = 0; i < 50; i++) {
      const reply = await served.exchange(read.subarray(4));
      t.equal(reply.readUInt32BE(24), 0);
      most = Math.max(most, budgets.replies.used);
    }
    t.ok(most <= budgets.replies.max / 4 + 2 * MiB, `${most} bytes of ${budgets.replies.max}`);
  },
);

/** ECHO with one more procedure, which tells that it has started, and answers with 1 MiB when it is released. */
function withLarge(started: () => void, released: Promise<void>) {
  const large: Actor<unknown, void, Buffer> = {
    ...(echo.actors[1] as Actor<unknown, void, Buffer>),
    args: echo.actors[0]!.args,
    replyBytes: () => MiB,
    async run() {
      started();
      await released;
      return Buffer.alloc(MiB);
    },
  };
  return { ...echo, actors: { ...echo.actors, 8: large } };
}

t.test('a call is not started while there is no room for its answer', async t => {
  let begun = 0;
  let release: () => void = () => {};
  const released = new Promise<void>(resolve => (release = resolve));
  const programs = [withLarge(() => begun++, released)];
  const served = await servePrograms(t, programs, { ...LIMITS, replyBytesTotal: 20 * MiB, unsentBytesMax: 100 * MiB });
  const sockets = await Promise.all(Array.from({ length: 8 }, () => stranger(t, served.port, '127.0.0.7')));
  for (const socket of sockets) socket.write(Buffer.concat(Array.from({ length: 10 }, () => mark(bare(8)))));
  await until(() => begun > 2);
  await sleep(50);
  t.ok(begun <= 5, `${begun} of 80 calls are started`);
  t.ok(served.clients.budgets.replies.used <= 5 * MiB);
  const other = await stranger(t, served.port, '127.0.0.8');
  other.write(mark(bare(0)));
  await once(other, 'data');
  t.pass('another client is answered');
  for (const socket of sockets) socket.resume();
  release();
  await until(() => begun === 80);
  t.pass('all calls are answered once the replies are read');
  for (const socket of [...sockets, other]) socket.destroy();
  await until(() => served.stage.connections === 0);
  t.equal(served.clients.budgets.replies.used, 0, 'nothing of the budget is left in use');
  t.equal(served.clients.budgets.received.used, 0);
});

const halfOf = (size: number) => mark(Buffer.alloc(size, 1)).subarray(0, size);

t.test(
  'incomplete records take no more than a part of the budget, and a record of another client gets through',
  async t => {
    const served = await servePrograms(t, [echo]);
    const { received } = served.clients.budgets;
    const half = halfOf(2 * MiB - 1000);
    const sockets = await Promise.all(Array.from({ length: 60 }, () => stranger(t, served.port, '127.0.0.7')));
    for (const socket of sockets) socket.write(half);
    const data = Buffer.alloc(MiB, 7);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(MiB);
    for (let i = 0; i < 20; i++) {
      const reply = await served.exchange(Buffer.concat([bare(1), length, data]));
      t.equal(reply.readUInt32BE(24), MiB);
      t.ok(received.used <= received.max / 2, `${received.used} of ${received.max}`);
    }
    for (const socket of sockets) socket.destroy();
    await until(() => served.stage.connections === 1);
    t.equal(received.used, 0, 'nothing of the budget is left in use');
  },
);

t.test('many records that all wait for memory are all answered in the end', async t => {
  const served = await servePrograms(t, [echo], { ...LIMITS, receivedBytesTotal: 6 * MiB, replyBytesTotal: 6 * MiB });
  const length = Buffer.alloc(4);
  length.writeUInt32BE(MiB);
  const record = Buffer.concat([bare(1), length, Buffer.alloc(MiB, 7)]);
  const clients = Array.from({ length: 60 }, () => served.connect());
  const replies = await Promise.all(clients.map(client => client.exchange(record)));
  t.ok(replies.every(reply => reply.length === MiB + 28));
});

/** Lets the stage check its connections as if this much time had passed. */
const later = ({ stage }: ServedPrograms, ms: number) => stage.check(performance.now() + ms);

t.test(
  'a connection that holds memory that others wait for is closed, the largest one first, and no other is',
  async t => {
    const served = await servePrograms(t, [echo], { ...LIMITS, receivedBytesTotal: 5 * MiB });
    const large = await stranger(t, served.port, '127.0.0.7');
    const small = await stranger(t, served.port, '127.0.0.8');
    large.resume().write(halfOf(2 * MiB - 1000));
    small.resume().write(halfOf(MiB - 1000));
    const { received } = served.clients.budgets;
    await until(() => received.used >= 3 * MiB);
    later(served, 30_000);
    t.equal(served.stage.connections, 2, 'none is closed as long as no connection waits');
    const waiting = served.connect();
    waiting.socket.write(halfOf(2 * MiB - 1000));
    await until(() => received.awaited);
    later(served, 1000);
    t.equal(served.stage.connections, 3, 'none is closed when it has only just stopped');
    later(served, 3000);
    await once(large, 'close');
    await until(() => served.stage.connections === 2);
    t.notOk(small.closed);
    t.notOk(waiting.socket.closed);
  },
);

t.test('a connection that never made a call is closed much sooner than an idle one', async t => {
  const served = await servePrograms(t, [echo], { ...LIMITS, silentMs: 1000, idleMs: 100_000 });
  const [silent, pinged, client] = await Promise.all(
    ['127.0.0.7', '127.0.0.8', '127.0.0.9'].map(address => stranger(t, served.port, address)),
  );
  pinged!.write(mark(bare(0)));
  await once(pinged!, 'data');
  const empty = Buffer.concat([bare(1), Buffer.alloc(4)]);
  client!.write(mark(empty));
  await once(client!, 'data');
  later(served, 2000);
  await Promise.all([silent!, pinged!].map(socket => once(socket.resume(), 'close')));
  await until(() => served.stage.connections === 1);
  t.equal(client!.readyState, 'open');
  later(served, 200_000);
  await once(client!, 'close');
});

t.test('calls at full speed on many connections leave other clients their turns', async t => {
  const served = await servePrograms(t, [echo]);
  const many = Buffer.concat(Array.from({ length: 500 }, () => mark(bare(0))));
  const sockets = await Promise.all(Array.from({ length: 16 }, () => stranger(t, served.port, '127.0.0.7')));
  let answered = 0;
  for (const socket of sockets) {
    socket.on('data', (chunk: Buffer) => (answered += chunk.length));
    socket.write(many);
  }
  const before = answered;
  t.equal((await served.exchange(bare(0))).readUInt32BE(0), 1);
  const share = (answered - before) / (28 * 500 * sockets.length);
  t.ok(share < 0.5, `${Math.round(share * 100)} % of the others' calls came first`);
});
