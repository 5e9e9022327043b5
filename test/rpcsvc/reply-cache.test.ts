import t from 'tap';
import { type CallKey, checksumOf, ReplyCache } from '#src/rpcsvc/reply-cache.ts';
import { nothing, uint32 } from '#protocols/xdr/codec.ts';
import type { Program } from '#src/rpcsvc/actor.ts';
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

t.test('the same call is found, any other is not', async t => {
  const cache = new ReplyCache(10_000);
  const entry = cache.begin(key());
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
  const twin = cache.begin(key({ checksum: 98 }));
  t.equal(cache.find(key({ checksum: 98 })), twin, 'two calls of one xid');
  cache.drop(entry);
  t.equal(cache.find(key()), undefined);
  t.equal(cache.find(key({ checksum: 98 })), twin);
});

t.test('no more is kept than its bytes, the youngest at that', async t => {
  const cache = new ReplyCache(50_000);
  for (let xid = 0; xid < 1000; xid++) {
    cache.end(cache.begin(key({ xid })), Buffer.alloc(100));
    t.ok(cache.bytes <= 50_000);
  }
  t.equal(cache.size, 166);
  t.ok(cache.find(key({ xid: 999 })));
  t.notOk(cache.find(key({ xid: 0 })));
  for (let xid = 0; xid < 1000; xid++) {
    const entry = cache.find(key({ xid }));
    if (entry) cache.drop(entry);
  }
  t.equal(cache.bytes, 0);
});

t.test('a reply that comes when its entry was dropped is not counted', async t => {
  const cache = new ReplyCache(300);
  const slow = cache.begin(key());
  cache.begin(key({ xid: 8 }));
  cache.end(slow, Buffer.alloc(100));
  t.ok(cache.bytes <= 300);
});

t.test('the checksum knows length and content', async t => {
  const bytes = Buffer.alloc(1000);
  const first = checksumOf(bytes, 0, 500);
  t.not(checksumOf(bytes, 0, 504), first);
  bytes[255] = 1;
  t.not(checksumOf(bytes, 0, 500), first);
  t.equal(checksumOf(Buffer.concat([bytes, bytes]), 1000, 1500), checksumOf(bytes, 0, 500), 'wherever it stands');
});

t.test('a call that comes again, on another connection as well, is answered the same and not done again', async t => {
  let done = 0;
  const counter: Program = {
    name: 'COUNTER',
    number: 0x2000_0001,
    version: 2,
    minAuth: 0,
    contextOf: call => call,
    actors: {
      0: { name: 'COUNT', args: uint32, res: uint32, idempotent: false, run: async () => ++done },
      1: { name: 'READ', args: nothing, res: uint32, idempotent: true, run: async () => done },
    },
  };
  const served = await servePrograms(t, [counter], undefined, new ReplyCache(10_000));
  const count = hex(
    '0000002a 00000000 00000002 20000001 00000002 00000000 00000000 00000000 00000000 00000000 00000009',
  );
  const client = served.connect();
  const first = await client.exchange(count);
  t.ok((await client.exchange(count)).equals(first));
  t.ok((await served.connect().exchange(count)).equals(first));
  t.equal(done, 1);
  const other = Buffer.from(count);
  other[43] = 8;
  t.equal((await client.exchange(other)).readUInt32BE(24), 2, 'other arguments: another call');
  const garbage = Buffer.concat([count, Buffer.alloc(4)]);
  t.equal((await client.exchange(garbage)).readUInt32BE(20), 4);
  t.equal((await client.exchange(garbage)).readUInt32BE(20), 4, 'garbage is not kept');
  const xid = Buffer.from(count);
  xid[3] = 43;
  client.socket.write(Buffer.concat([mark(xid), mark(xid)]));
  t.equal((await client.reply()).readUInt32BE(24), 3, 'twice at once: answered once');
});
