/** The bad network has the faults that it is told to have. */
import t, { type Test } from 'tap';
import { NFS_PROGRAM } from '#protocols/nfs3/constants.ts';
import { echo } from '../../support/rpc/echo.ts';
import { hex } from '../../support/hex.ts';
import { mark, RecordClient, servePrograms } from '../../support/rpc/service.ts';
import { type Faults, FaultyProxy, NO_FAULTS } from './proxy.ts';

const CALLS = 200;

/** A call of ECHO with its xid as the data. */
function callOf(xid: number, program = NFS_PROGRAM): Buffer {
  const call = hex(
    '00000000 00000000 00000002 00000000 00000002 00000001 00000000 00000000 00000000 00000000 00000004 00000000',
  );
  call.writeUInt32BE(xid, 0);
  call.writeUInt32BE(program, 12);
  call.writeUInt32BE(xid, 44);
  return call;
}

async function behind(t: Test, faults: Partial<Faults>) {
  const { port } = await servePrograms(t, [echo, { ...echo, number: NFS_PROGRAM }]);
  const to = { host: '127.0.0.1', port };
  const proxy = await FaultyProxy.start({ to, faults: { ...NO_FAULTS, ...faults }, seed: 1 });
  t.teardown(() => proxy.close());
  const client = new RecordClient(proxy.port);
  t.teardown(() => client.socket.destroy());
  return { proxy, client };
}

/**
 * The xids of the replies to `CALLS` calls, in the order in which they come. All have come when a last call is
 * answered.
 */
async function work(client: RecordClient): Promise<number[]> {
  const xids = Array.from({ length: CALLS }, (_, xid) => xid);
  client.socket.write(Buffer.concat([...xids.map(xid => mark(callOf(xid))), mark(callOf(CALLS, echo.number))]));
  const found: number[] = [];
  for (;;) {
    const reply = await client.reply();
    const xid = reply.readUInt32BE(0);
    if (xid === CALLS) return found;
    found.push(xid);
    if (reply.readUInt32BE(28) !== xid) throw new Error(`the reply to ${xid} has other data`);
  }
}

t.test('without faults each call has its reply, in order', async t => {
  const { proxy, client } = await behind(t, {});
  const found = await work(client);
  t.strictSame(
    found,
    Array.from({ length: CALLS }, (_, xid) => xid),
  );
  t.equal(proxy.counts.calls, CALLS + 1);
});

t.test('calls and replies are lost', async t => {
  for (const faults of [{ lostCalls: 0.25 }, { lostReplies: 0.25 }]) {
    const { proxy, client } = await behind(t, faults);
    const found = await work(client);
    const { lostCalls, lostReplies } = proxy.counts;
    t.equal(found.length, CALLS - lostCalls - lostReplies);
    t.ok(found.length > CALLS * 0.6 && found.length < CALLS * 0.9, `${found.length} left`);
    t.equal(lostReplies === 0, 'lostCalls' in faults);
  }
});

t.test('calls and replies are doubled', async t => {
  for (const faults of [{ doubledCalls: 0.25 }, { doubledReplies: 0.25 }]) {
    const { proxy, client } = await behind(t, faults);
    const found = await work(client);
    const { doubledCalls, doubledReplies } = proxy.counts;
    t.equal(found.length, CALLS + doubledCalls + doubledReplies);
    t.equal(new Set(found).size, CALLS);
    t.ok(found.length > CALLS * 1.1 && found.length < CALLS * 1.4, `${found.length} in all`);
  }
});

t.test('delayed records are overtaken, and arrive', async t => {
  const { proxy, client } = await behind(t, { delayed: 0.5, delayMsMax: 30 });
  const found = await work(client);
  while (found.length < CALLS) found.push((await client.reply()).readUInt32BE(0));
  t.equal(new Set(found).size, CALLS);
  t.ok(proxy.counts.delayed > CALLS / 2, 'calls and replies are delayed');
  t.ok(found.filter((xid, i) => xid < (found[i - 1] ?? 0)).length > 10, 'replies come out of order');
});

t.test('connections are cut in the middle of a record', async t => {
  const { proxy, client } = await behind(t, { cut: 0.05 });
  let bytes = 0;
  client.socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
  client.socket.write(Buffer.concat(Array.from({ length: CALLS }, (_, xid) => mark(callOf(xid)))));
  // The proxy resets the connection, which a client sees as an error.
  const closed = new Promise(resolve => client.socket.once('close', resolve));
  client.socket.on('error', () => {});
  await closed;
  t.equal(proxy.counts.cut, 1);
  t.ok(bytes < CALLS * 36);
  await proxy.close();
  t.pass('the proxy closes whether connections are open or not');
});

t.test('calls of other programs are passed on unchanged', async t => {
  const { client } = await behind(t, { lostCalls: 1, lostReplies: 1, cut: 1 });
  for (const xid of [1, 2, 3]) {
    t.equal((await client.exchange(callOf(xid, echo.number))).readUInt32BE(0), xid);
  }
});
