import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Stage } from '#src/rpcsvc/stage.ts';
import { echo } from '../support/rpc/echo.ts';
import { hex } from '../support/hex.ts';
import { LIMITS, mark, type RecordClient, servePrograms } from '../support/rpc/service.ts';

const head = (xid: number, proc: number) => {
  const header = hex('00000000 00000000 00000002 20000001 00000002 00000000 00000000 00000000 00000000 00000000');
  header.writeUInt32BE(xid, 0);
  header.writeUInt32BE(proc, 20);
  return header;
};
const call = (xid: number, proc: number, data?: Buffer) => {
  if (data === undefined) return head(xid, proc);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([head(xid, proc), length, data, Buffer.alloc(-data.length & 3)]);
};
const xidOf = (reply: Buffer) => reply.readUInt32BE(0);

t.test('calls in one write are all answered, in whatever order', async t => {
  const client = (await servePrograms(t, [echo])).connect();
  const wanted = Array.from({ length: 200 }, (_, i) => i);
  client.socket.write(Buffer.concat(wanted.map(xid => mark(call(xid, xid % 2 ? 2 : 1, Buffer.alloc(xid))))));
  const replies = await Promise.all(wanted.map(() => client.reply()));
  t.strictSame(
    replies.map(xidOf).sort((a, b) => a - b),
    wanted,
  );
  t.ok(
    replies.every(reply => reply.readUInt32BE(24) === xidOf(reply)),
    'each with the bytes of its own call',
  );
});

t.test('large payloads go through unharmed, both ways', async t => {
  const client = (await servePrograms(t, [echo])).connect();
  for (const size of [8191, 8193, 65_536, 1_048_576]) {
    const data = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7) & 255));
    for (const proc of [1, 2]) {
      const reply = await client.exchange(call(size, proc, data));
      t.equal(reply.readUInt32BE(24), size);
      t.ok(reply.subarray(28, 28 + size).equals(data), `${size} bytes by procedure ${proc}`);
    }
  }
});

t.test('a call that never ends holds up no other', async t => {
  const client = (await servePrograms(t, [echo])).connect();
  client.socket.write(mark(call(1, 5)));
  t.equal(xidOf(await client.exchange(call(2, 0))), 2);
});

t.test('a client with too many calls waits, and is served when they end; another is not held up', async t => {
  const served = await servePrograms(t, [echo], { ...LIMITS, callsMax: 4 });
  const busy = served.connect();
  busy.socket.write(Buffer.concat(Array.from({ length: 100 }, (_, xid) => mark(call(xid, 2, Buffer.alloc(8))))));
  const replies = [];
  for (let i = 0; i < 100; i++) {
    replies.push(await busy.reply());
    t.ok(served.stage.clients().every(({ callsUnderWay }) => callsUnderWay <= 4));
  }
  t.equal(new Set(replies.map(xidOf)).size, 100);
});

t.test('a client that does not read its replies is not read from', async t => {
  const served = await servePrograms(t, [echo], { ...LIMITS, unsentBytesMax: 1024 * 1024 });
  const deaf = served.connect();
  deaf.socket.pause();
  const record = mark(call(1, 1, Buffer.alloc(256 * 1024)));
  let taken = 0;
  while (deaf.socket.writableLength < 4 * 1024 * 1024 && taken < 400) {
    deaf.socket.write(record);
    taken++;
    await sleep(1);
  }
  t.ok(deaf.socket.writableLength >= 1024 * 1024, 'the socket has filled up');
  t.ok(taken < 400, 'before everything was taken');
  t.equal(xidOf(await served.connect().exchange(call(2, 0))), 2, 'another client is served');
  deaf.socket.resume();
  for (let i = 0; i < taken; i++) t.equal((await deaf.reply()).length, 28 + 256 * 1024);
});

/** Checks that a connection outlives half of a limit of 1,000 ms, and is closed after it has passed. */
async function closesAfterOneSecond(t: Test, stage: Stage, client: RecordClient): Promise<void> {
  const now = performance.now();
  stage.check(now + 500);
  await sleep(20);
  t.equal(stage.connections, 1, 'open within the limit');
  stage.check(now + 1100);
  while (stage.connections > 0) await sleep(1);
  client.socket.resume();
  await client.closed;
}

t.test('a record that does not end closes its connection', async t => {
  const { connect, stage, clients } = await servePrograms(t, [echo], { ...LIMITS, partialMs: 1000 });
  const client = connect();
  client.socket.write(hex('80000010 00'));
  while (clients.budgets.received.used === 0) await sleep(1);
  await closesAfterOneSecond(t, stage, client);
});

t.test('a client that does not read its replies loses its connection', async t => {
  const { connect, stage, clients } = await servePrograms(t, [echo], { ...LIMITS, sendMs: 1000 });
  const client = connect();
  client.socket.pause();
  // More than the kernel's buffers take, and fewer than the server takes before it stops to read.
  for (let xid = 0; xid < 64; xid++) client.socket.write(mark(call(xid, 1, Buffer.alloc(256 * 1024))));
  const { replies } = clients.budgets;
  for (let before = -1; replies.used === 0 || replies.used !== before; await sleep(100)) before = replies.used;
  await closesAfterOneSecond(t, stage, client);
});

t.test('an idle connection is closed, sooner if it has made no call', async t => {
  const called = await servePrograms(t, [echo], { ...LIMITS, idleMs: 1000 });
  const client = called.connect();
  await client.exchange(call(1, 1, Buffer.alloc(4)));
  await closesAfterOneSecond(t, called.stage, client);

  const silent = await servePrograms(t, [echo], { ...LIMITS, silentMs: 1000 });
  const other = silent.connect();
  while (silent.stage.connections === 0) await sleep(1);
  await closesAfterOneSecond(t, silent.stage, other);
});

t.test('a client that has sent its last call still gets its replies', async t => {
  const client = (await servePrograms(t, [echo])).connect();
  client.socket.end(mark(call(7, 2, Buffer.alloc(3))));
  t.equal(xidOf(await client.reply()), 7);
  await client.closed;
});

t.test('stop: what is under way is answered, what comes later is not, and all is closed', async t => {
  const { connect, stage } = await servePrograms(t, [echo]);
  const client = connect();
  client.socket.write(mark(call(1, 2, Buffer.alloc(4))));
  while (stage.clients()[0]?.callsUnderWay !== 1) await sleep(1);
  const stopped = stage.stop(2000);
  client.socket.write(mark(call(2, 0)));
  t.equal(xidOf(await client.reply()), 1);
  await t.rejects(client.reply(), /closed/);
  await stopped;
  t.equal(stage.connections, 0);
});

t.test('stop: a call that never ends is waited for no longer than the grace period', async t => {
  const { connect, stage } = await servePrograms(t, [echo]);
  connect().socket.write(mark(call(1, 5)));
  while (stage.clients()[0]?.callsUnderWay !== 1) await sleep(1);
  await stage.stop(50);
  t.equal(stage.connections, 0);
});
