import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type CallKey, checksumOf } from '#src/rpcsvc/call-key.ts';
import { ReplyCache } from '#src/rpcsvc/reply-cache.ts';
import { encode, nothing, payload, uint32 } from '#protocols/xdr/codec.ts';
import type { Program } from '#src/rpcsvc/actor.ts';
import type { Transport } from '#src/rpcsvc/transport.ts';
import { callFrom } from '../support/call.ts';
import { hex } from '../support/hex.ts';
import { mark, servePrograms } from '../support/rpc.ts';

const key = (of: Partial<CallKey> = {}): CallKey => ({
  client: '10.0.0.1',
  xid: 7,
  program: 100_003,
  version: 3,
  procedure: 12,
  checksum: 99,
  ...of,
});

/** A sender of whom nothing is asked here. */
const sender: Transport = {
  peer: callFrom('10.0.0.1').peer,
  lastAuth: undefined,
  began: () => undefined,
  ended() {},
  reply() {},
};

/** A cache whose clock stands still, with calls of `client` that have been answered. */
function cacheWith(bytesMax: number) {
  let now = 1000;
  const cache = new ReplyCache(bytesMax, () => now);
  const answer = (of: Partial<CallKey>, reply = Buffer.alloc(100)) => {
    const entry = cache.begin(key(of), sender);
    cache.end(entry, reply);
    return entry;
  };
  return { cache, answer, pass: (ms: number) => (now += ms) };
}

t.test('the same call is found, any other is not', async t => {
  const cache = new ReplyCache(10_000);
  const entry = cache.begin(key(), sender);
  t.equal(cache.find(key()), entry);
  t.equal(entry.reply, undefined, 'under way');
  cache.end(entry, Buffer.from('gone'));
  t.equal(cache.find(key())?.reply?.toString(), 'gone');
  for (const other of [
    { client: '10.0.0.2' },
    { xid: 8 },
    { procedure: 13 },
    { checksum: 98 },
    { version: 4 },
    { program: 1 },
  ]) {
    t.equal(cache.find(key(other)), undefined, Object.keys(other)[0]!);
  }
  t.strictSame(cache.stats(), { kept: 1, bytes: cache.bytes, bytesMax: 10_000, hits: 2 });
});

t.test('calls of one xid are told apart, and leave one by one', async t => {
  const cache = new ReplyCache(10_000);
  const three = [1, 2, 3].map(checksum => cache.begin(key({ checksum }), sender));
  for (const drop of [1, 2, 0]) {
    t.equal(cache.find(key({ checksum: drop + 1 })), three[drop]);
    cache.drop(three[drop]!);
    t.equal(cache.find(key({ checksum: drop + 1 })), undefined);
  }
  t.equal(cache.size, 0);
  t.equal(cache.bytes, 0);
});

t.test('no more is kept than its bytes, the youngest at that', async t => {
  const { cache, answer } = cacheWith(50_000);
  for (let xid = 0; xid < 1000; xid++) {
    answer({ xid });
    t.ok(cache.bytes <= 50_000);
  }
  t.equal(cache.size, 133);
  t.ok(cache.find(key({ xid: 999 })));
  t.notOk(cache.find(key({ xid: 0 })));
  answer({ xid: 1000 }, Buffer.alloc(60_000));
  t.equal(cache.size, 0, 'a reply that has no room at all');
  t.equal(cache.bytes, 0);
});

t.test('each reply stays what it was', async t => {
  const { cache, answer } = cacheWith(1_000_000);
  const reply = (xid: number) => Buffer.alloc(1 + ((xid * 97) % 6000), xid);
  const scratch = Buffer.alloc(8192);
  for (let xid = 0; xid < 100; xid++) {
    const { length } = reply(xid);
    reply(xid).copy(scratch);
    answer({ xid, client: `10.0.0.${xid % 3}` }, scratch.subarray(0, length));
  }
  for (let xid = 0; xid < 100; xid++) {
    const found = cache.find(key({ xid, client: `10.0.0.${xid % 3}` }));
    if (!found!.reply!.equals(reply(xid))) t.fail(`the reply to ${xid}`);
  }
});

t.test('what a silent client may ask again, busy ones do not push out', async t => {
  const { cache, answer } = cacheWith(100_000);
  for (let xid = 0; xid < 20; xid++) answer({ client: 'silent', xid });
  for (let xid = 0; xid < 5000; xid++) answer({ client: `busy ${xid % 3}`, xid });
  t.ok(cache.bytes <= 100_000);
  for (let xid = 0; xid < 20; xid++) t.ok(cache.find(key({ client: 'silent', xid })));
  for (const xid of [4997, 4998, 4999]) t.ok(cache.find(key({ client: `busy ${xid % 3}`, xid })));
  for (let xid = 0; xid < 5000; xid++) answer({ client: 'one more', xid });
  const kept = Array.from({ length: 5000 }, (_, xid) => cache.find(key({ client: 'one more', xid }))).filter(Boolean);
  t.ok(kept.length > 40, `who was busy before gives up his share: ${kept.length} kept of one more`);
});

t.test('thousands of clients: the room is kept to, the youngest are remembered', async t => {
  const { cache, answer } = cacheWith(100_000);
  for (let xid = 0; xid < 5000; xid++) {
    answer({ client: `client ${xid}`, xid });
    if (cache.bytes > 100_000) t.fail(`${cache.bytes} bytes`);
  }
  t.ok(cache.find(key({ client: 'client 4999', xid: 4999 })));
  t.notOk(cache.find(key({ client: 'client 0', xid: 0 })));
});

t.test('what is under way is not dropped, or a retry would do it twice', async t => {
  const { cache, answer } = cacheWith(20_000);
  const slow = cache.begin(key({ xid: 1 }), sender);
  for (let xid = 2; xid < 1000; xid++) answer({ xid });
  t.equal(cache.find(key({ xid: 1 })), slow);
  cache.end(slow, Buffer.from('late'));
  t.equal(cache.find(key({ xid: 1 }))?.reply?.toString(), 'late');
});

t.test('after ten minutes the same call is a new one', async t => {
  const { cache, answer, pass } = cacheWith(100_000);
  answer({ xid: 1 });
  answer({ xid: 2, client: 'other' });
  pass(10 * 60_000);
  t.ok(cache.find(key({ xid: 1 })));
  pass(1);
  t.notOk(cache.find(key({ xid: 1 })));
  const again = answer({ xid: 1 }, Buffer.from('anew'));
  t.equal(cache.find(key({ xid: 1 })), again);
  answer({ xid: 3 });
  t.equal(cache.size, 2, 'what is old leaves, whoever it belongs to');
});

t.test('the checksum knows length and content', async t => {
  const bytes = Buffer.alloc(4000);
  const sums = new Set([checksumOf(bytes, 0, 500), checksumOf(bytes, 0, 504), checksumOf(bytes, 0, 503)]);
  for (const [at, to] of [
    [255, 500],
    [499, 500],
    [1023, 1024],
    [700, 1024],
    [0, 4000],
    [255, 4000],
    [3999, 4000],
  ] as const) {
    // prettier-ignore
    bytes[at] = 1;
    sums.add(checksumOf(bytes, 0, to));
    bytes[at] = 0;
  }
  t.equal(sums.size, 10, 'all of what has names in it, beginning and end of what is longer');
  t.equal(checksumOf(Buffer.concat([bytes, bytes]), 4000, 4500), checksumOf(bytes, 0, 500), 'wherever it stands');
});

/** Procedures: 0 counts, when it is let; 1 says how often, with many bytes; 2 throws, when it is let. */
function counter() {
  let done = 0;
  let gate = Promise.resolve();
  const program: Program = {
    name: 'COUNTER',
    number: 0x2000_0001,
    version: 2,
    minAuth: 0,
    contextOf: call => call,
    actors: {
      0: {
        name: 'COUNT',
        args: payload(4096),
        res: uint32,
        idempotent: false,
        run: async () => {
          done++;
          await gate;
          return done;
        },
      },
      1: { name: 'READ', args: nothing, res: payload(65_536), idempotent: true, run: async () => Buffer.alloc(65_536, done) }, // prettier-ignore
      2: {
        name: 'THROW',
        args: nothing,
        res: nothing,
        idempotent: false,
        run: async () => {
          done++;
          await gate;
          throw new Error('a bug');
        },
      },
    },
  };
  return {
    program,
    get done() {
      return done;
    },
    /** Calls wait until the answer is called. */
    hold(): () => void {
      const held = Promise.withResolvers<void>();
      gate = held.promise;
      return () => {
        gate = Promise.resolve();
        held.resolve();
      };
    },
  };
}

function callOf(xid: number, proc: number, data?: Buffer): Buffer {
  const head = hex('00000000 00000000 00000002 20000001 00000002 00000000 00000000 00000000 00000000 00000000');
  head.writeUInt32BE(xid, 0);
  head.writeUInt32BE(proc, 20);
  return data === undefined ? head : Buffer.concat([head, encode(payload(4096), data)]);
}

async function until(what: () => boolean): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- soon, or the test times out
  while (!what()) await setImmediate();
}

const SYSTEM_ERR = 5;

async function serveCounter(t: Test) {
  const counting = counter();
  const replies = new ReplyCache(100_000);
  return { counting, replies, served: await servePrograms(t, [counting.program], undefined, replies) };
}

t.test('a call that comes again, on another connection as well, is answered the same and not done again', async t => {
  const { counting, replies, served } = await serveCounter(t);
  const count = callOf(42, 0, Buffer.alloc(1000));
  const client = served.connect();
  const first = await client.exchange(count);
  t.ok((await client.exchange(count)).equals(first));
  t.ok((await served.connect().exchange(count)).equals(first));
  t.equal(counting.done, 1);
  const other = Buffer.from(count);
  other[1000] = 8;
  t.equal((await client.exchange(other)).readUInt32BE(24), 2, 'other arguments: another call');
  const { size, bytes } = replies;
  const garbage = Buffer.concat([count, Buffer.alloc(4)]);
  t.equal((await client.exchange(garbage)).readUInt32BE(20), 4);
  t.equal((await client.exchange(garbage)).readUInt32BE(20), 4, 'garbage is not kept');
  t.equal((await client.exchange(callOf(50, 1))).readUInt32BE(24), 65_536);
  t.strictSame({ size, bytes }, { size: replies.size, bytes: replies.bytes }, 'nor what may be done twice');
});

t.test('sent twice at once: done once, answered once', async t => {
  const { counting, served } = await serveCounter(t);
  const client = served.connect();
  const count = mark(callOf(43, 0, Buffer.alloc(8)));
  client.socket.write(Buffer.concat([count, count]));
  t.equal((await client.reply()).readUInt32BE(24), 1);
  t.equal((await client.exchange(callOf(44, 1))).readUInt32BE(0), 44, 'and what comes next is for the next call');
  t.equal(counting.done, 1);
});

t.test('sent again over another connection while it is under way: done once, answered on both', async t => {
  const { counting, served } = await serveCounter(t);
  for (const proc of [0, 2]) {
    const call = proc === 0 ? callOf(42, 0, Buffer.alloc(8)) : callOf(42, 2);
    const done = counting.done;
    const letGo = counting.hold();
    const [one, two] = [served.connect(), served.connect()];
    const first = one.exchange(call);
    await until(() => counting.done === done + 1);
    two.socket.write(Buffer.concat([mark(call), mark(call)]));
    await until(() => served.stage.clients()[0]?.callsUnderWay === 2);
    letGo();
    const replies = [await first, await two.reply()];
    t.ok(replies[0]!.equals(replies[1]!));
    t.equal(replies[0]!.readUInt32BE(20), proc === 0 ? 0 : SYSTEM_ERR);
    t.equal((await two.exchange(callOf(44, 1))).readUInt32BE(0), 44, 'once on each');
    t.equal(counting.done, done + 1);
    t.equal(served.stage.clients()[0]!.callsUnderWay, 0);
  }
});

t.test('the connection ends while the call is under way: it is answered over the next one', async t => {
  const { counting, served } = await serveCounter(t);
  for (const asksAgain of ['before it is done', 'after it is done'] as const) {
    const call = callOf(asksAgain === 'before it is done' ? 42 : 43, 0, Buffer.alloc(8));
    const done = counting.done;
    const connections = served.stage.connections;
    const letGo = counting.hold();
    const broken = served.connect();
    broken.socket.write(mark(call));
    await until(() => counting.done === done + 1);
    broken.socket.resetAndDestroy();
    await until(() => served.stage.connections === connections);
    const client = served.connect();
    if (asksAgain === 'after it is done') {
      letGo();
      await client.exchange(callOf(44, 1));
    }
    const again = client.exchange(call);
    await until(() => asksAgain === 'after it is done' || served.stage.clients()[0]?.callsUnderWay === 2);
    letGo();
    t.equal((await again).readUInt32BE(24), done + 1, asksAgain);
    t.equal(counting.done, done + 1, 'done once');
  }
});
