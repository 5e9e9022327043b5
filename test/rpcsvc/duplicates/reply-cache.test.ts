import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type CallKey, checksumOf } from '#src/rpcsvc/duplicates/call-key.ts';
import { ReplyCache } from '#src/rpcsvc/duplicates/reply-cache.ts';
import { encode, nothing, payload, uint32 } from '#protocols/xdr/codec.ts';
import type { Program } from '#src/rpcsvc/actor.ts';
import { Origin } from '#src/rpcsvc/duplicates/origin.ts';
import { hex } from '../../support/hex.ts';
import { mark, servePrograms } from '../../support/rpc/service.ts';

const key = (of: Partial<CallKey> = {}): CallKey => ({
  client: '10.0.0.1',
  xid: 7,
  program: 100_003,
  version: 3,
  procedure: 12,
  caller: '1:0:0:',
  length: 40,
  checksum: 99,
  ...of,
});

/** The connection that calls come over. */
const line = new Origin(700);

/** A cache whose clock stands still, with calls of `client` that have been answered. */
function cacheWith(bytesMax: number) {
  let now = 1000;
  const cache = new ReplyCache(bytesMax, () => now);
  const answer = (of: Partial<CallKey>, reply = Buffer.alloc(100)) => {
    const entry = cache.begin(key(of), line);
    cache.end(entry, reply);
    return entry;
  };
  return { cache, answer, pass: (ms: number) => (now += ms) };
}

t.test('the same call is found, any other is not', async t => {
  const cache = new ReplyCache(10_000);
  const entry = cache.begin(key(), line);
  t.equal(cache.find(key(), line), entry);
  t.equal(entry.reply, undefined, 'under way');
  cache.end(entry, Buffer.from('gone'));
  t.equal(cache.find(key(), line)?.reply?.toString(), 'gone');
  for (const other of [
    { client: '10.0.0.2' },
    { xid: 8 },
    { procedure: 13 },
    { checksum: 98 },
    { version: 4 },
    { program: 1 },
    { length: 44 },
    { caller: '1:1000:1000:' },
    { caller: '0:0:0:' },
    { caller: '1:0:0:0' },
  ]) {
    t.equal(cache.find(key(other), line), undefined, Object.keys(other)[0]!);
  }
  t.strictSame(cache.stats(), { kept: 1, bytes: cache.bytes, bytesMax: 10_000, hits: 2 });
});

t.test('calls of one xid are told apart, and leave one by one', async t => {
  const cache = new ReplyCache(10_000);
  const three = [1, 2, 3].map(checksum => cache.begin(key({ checksum }), line));
  for (const drop of [1, 2, 0]) {
    t.equal(cache.find(key({ checksum: drop + 1 }), line), three[drop]);
    cache.drop(three[drop]!);
    t.equal(cache.find(key({ checksum: drop + 1 }), line), undefined);
  }
  t.equal(cache.size, 0);
  t.equal(cache.bytes, 0);
});

t.test('no more is kept than its bytes, and the newest replies are kept', async t => {
  const { cache, answer } = cacheWith(50_000);
  for (let xid = 0; xid < 1000; xid++) {
    answer({ xid });
    t.ok(cache.bytes <= 50_000);
  }
  t.equal(cache.size, 131);
  t.ok(cache.find(key({ xid: 999 }), line));
  t.notOk(cache.find(key({ xid: 0 }), line));
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
    const found = cache.find(key({ xid, client: `10.0.0.${xid % 3}` }), line);
    if (!found!.reply!.equals(reply(xid))) t.fail(`the reply to ${xid}`);
  }
});

t.test('busy clients do not push out what a silent client may ask for again', async t => {
  const { cache, answer } = cacheWith(100_000);
  for (let xid = 0; xid < 20; xid++) answer({ client: 'silent', xid });
  for (let xid = 0; xid < 5000; xid++) answer({ client: `busy ${xid % 3}`, xid });
  t.ok(cache.bytes <= 100_000);
  for (let xid = 0; xid < 20; xid++) t.ok(cache.find(key({ client: 'silent', xid }), line));
  for (const xid of [4997, 4998, 4999]) t.ok(cache.find(key({ client: `busy ${xid % 3}`, xid }), line));
  for (let xid = 0; xid < 5000; xid++) answer({ client: 'one more', xid });
  const kept = Array.from({ length: 5000 }, (_, xid) => cache.find(key({ client: 'one more', xid }), line)).filter(
    Boolean,
  );
  t.ok(kept.length > 40, `who was busy before gives up his share: ${kept.length} kept of one more`);
});

t.test('thousands of clients: the room is kept to, the youngest are remembered', async t => {
  const { cache, answer } = cacheWith(100_000);
  for (let xid = 0; xid < 5000; xid++) {
    answer({ client: `client ${xid}`, xid });
    if (cache.bytes > 100_000) t.fail(`${cache.bytes} bytes`);
  }
  t.ok(cache.find(key({ client: 'client 4999', xid: 4999 }), line));
  t.notOk(cache.find(key({ client: 'client 0', xid: 0 }), line));
});

t.test('what is under way is not dropped, or a retry would do it twice', async t => {
  const { cache, answer } = cacheWith(20_000);
  const slow = cache.begin(key({ xid: 1 }), line);
  for (let xid = 2; xid < 1000; xid++) answer({ xid });
  t.equal(cache.find(key({ xid: 1 }), line), slow);
  cache.end(slow, Buffer.from('late'));
  t.equal(cache.find(key({ xid: 1 }), line)?.reply?.toString(), 'late');
});

t.test('after ten minutes the same call is a new one', async t => {
  const { cache, answer, pass } = cacheWith(100_000);
  answer({ xid: 1 });
  answer({ xid: 2, client: 'other' });
  pass(10 * 60_000);
  t.ok(cache.find(key({ xid: 1 }), line));
  pass(1);
  t.notOk(cache.find(key({ xid: 1 }), line));
  const again = answer({ xid: 1 }, Buffer.from('anew'));
  t.equal(cache.find(key({ xid: 1 }), line), again);
  answer({ xid: 3 });
  t.equal(cache.size, 2, 'what is old leaves, whoever it belongs to');
});

const changed = (bytes: Buffer, at: number) => Buffer.from(bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)));

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
  t.equal(sums.size, 10, 'all of it, however long');
  const ends = new Set<number>();
  for (const [at, to] of [
    [2000, 4000],
    [255, 4000],
    [3999, 4000],
    [700, 1024],
    [1023, 1024],
  ] as const) {
    // prettier-ignore
    bytes[at] = 1;
    ends.add(checksumOf(bytes, 0, to, true));
    bytes[at] = 0;
  }
  t.equal(ends.size, 5);
  t.equal(
    checksumOf(bytes, 0, 4000, true),
    checksumOf(changed(bytes, 2000), 0, 4000, true),
    'the ends, where asked to',
  );
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
  while (!what()) await setImmediate();
}

const SYSTEM_ERR = 5;

async function serveCounter(t: Test) {
  const counting = counter();
  const replies = new ReplyCache(100_000);
  return { counting, replies, served: await servePrograms(t, [counting.program], undefined, replies) };
}

t.test('a call that comes again is answered the same and not done again', async t => {
  const { counting, replies, served } = await serveCounter(t);
  const count = callOf(42, 0, Buffer.alloc(1000));
  const client = served.connect();
  const first = await client.exchange(count);
  t.ok((await client.exchange(count)).equals(first));
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

t.test('the same call over another connection while both are open: each is done, and answered there', async t => {
  const { counting, served } = await serveCounter(t);
  const call = callOf(42, 0, Buffer.alloc(8));
  const letGo = counting.hold();
  const [one, two] = [served.connect(), served.connect()];
  const replies = [one.exchange(call), two.exchange(call)];
  await until(() => counting.done === 2);
  letGo();
  await Promise.all(replies);
  t.equal((await two.exchange(callOf(44, 1))).readUInt32BE(0), 44, 'once on each');
  t.equal(served.stage.clients()[0]!.callsUnderWay, 0);
});

t.test('the connection ends while the call is under way: it is answered over the next one', async t => {
  const { counting, served } = await serveCounter(t);
  const rounds = [
    ['before it is done', callOf(42, 0, Buffer.alloc(8))],
    ['before it is done', callOf(45, 0, Buffer.alloc(4096))],
    ['after it is done', callOf(43, 0, Buffer.alloc(8))],
  ] as const;
  for (const [asksAgain, call] of rounds) {
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

t.test('an actor that throws: whoever asked again over the next connection is told as well', async t => {
  const { counting, served } = await serveCounter(t);
  const letGo = counting.hold();
  const broken = served.connect();
  broken.socket.write(mark(callOf(42, 2)));
  await until(() => counting.done === 1);
  broken.socket.resetAndDestroy();
  await until(() => served.stage.connections === 0);
  const client = served.connect();
  client.socket.write(Buffer.concat([mark(callOf(42, 2)), mark(callOf(42, 2))]));
  await until(() => served.stage.clients()[0]?.callsUnderWay === 2);
  letGo();
  t.equal((await client.reply()).readUInt32BE(20), SYSTEM_ERR);
  t.equal((await client.exchange(callOf(44, 1))).readUInt32BE(0), 44, 'once');
  t.equal(counting.done, 1);
});

t.test('calls of one xid: few are kept, the newest, and those under way', async t => {
  const cache = new ReplyCache(1_000_000);
  const slow = cache.begin(key({ checksum: -1 }), line);
  for (let checksum = 0; checksum < 1000; checksum++) {
    cache.end(cache.begin(key({ checksum }), line), Buffer.alloc(100));
    if (cache.size > 18) t.fail(`${cache.size} are kept`);
  }
  t.ok(cache.find(key({ checksum: 999 }), line));
  t.notOk(cache.find(key({ checksum: 0 }), line));
  t.equal(cache.find(key({ checksum: -1 }), line), slow);
  cache.drop(slow);
  for (let checksum = 0; checksum < 1000; checksum++) {
    const kept = cache.find(key({ checksum }), line);
    if (kept !== undefined) cache.drop(kept);
  }
  t.strictSame([cache.size, cache.bytes], [0, 0]);
});

t.test('long credentials count as well', async t => {
  const cache = new ReplyCache(1_000_000);
  const { bytes } = cache;
  cache.begin(key(), line);
  const short = cache.bytes - bytes;
  const groups = '1:0:0:4000000001,4000000002,4000000003,4000000004';
  cache.begin(key({ xid: 8, caller: groups }), line);
  t.equal(cache.bytes - bytes - short, short - 4096 - 512 + groups.length - key().caller.length);
});
