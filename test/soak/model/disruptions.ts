/** What clients do to connections: each disruption has a connection of its own, and checks what must follow. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { nfsstat3 as S } from '#protocols/nfs3/constants.ts';
import type { opaque_auth } from '#protocols/rpc.ts';
import type { RemoteProcedure } from '#src/rpcclnt/client.ts';
import { MOUNT3, NFS3 } from '../procedures.ts';
import { holds, resultOf, same, sameStatus } from './answer.ts';
import { nextXid, type Tally } from './caller.ts';
import { Line, marked, recordOf, type Route } from './line.ts';
import type { Random } from './random.ts';

/** Objects that all callers share. They stay unchanged, except for the scratch file. */
export interface Shared {
  readonly root: Buffer;
  /** A directory of many names. */
  readonly dir: Buffer;
  /** A file of many bytes. */
  /** The content of the file. */
  readonly file: Buffer;
  readonly bytes: Buffer;
  /** A file that is written to all the time. */
  readonly scratch: Buffer;
}

export interface Ground {
  readonly routes: readonly Route[];
  readonly random: Random;
  readonly cred: opaque_auth;
  readonly shared: Shared;
}

const CLOSE_MS = 10_000;
const CHUNK = 64 * 1024;

async function closed(line: Line, what: string): Promise<void> {
  const over = new AbortController();
  const late = sleep(CLOSE_MS, 'late', { signal: over.signal }).catch(() => undefined);
  const first = await Promise.race([line.closed, late]);
  over.abort();
  if (first === 'late') line.socket.destroy();
  holds(first !== 'late', `${what}: the connection was left open for ${CLOSE_MS} ms`);
}

/** Calls that are slow to answer or have large replies. */
function someCalls({ random, cred, shared }: Ground, count: number): { xids: number[]; bytes: Buffer } {
  const xids: number[] = [];
  const records = Array.from({ length: count }, () => {
    const xid = nextXid();
    xids.push(xid);
    const offset = random.below(16) * CHUNK;
    const listing = { cookie: 0n, cookieverf: Buffer.alloc(8), dircount: 8192, maxcount: 32_768 };
    const data = random.bytes(random.pick([1, 4096, 20_000]));
    return random.pick([
      () => recordOf(NFS3.READ, { file: shared.file, offset, count: CHUNK }, xid, cred),
      () => recordOf(NFS3.READDIRPLUS, { dir: shared.dir, ...listing }, xid, cred),
      () => recordOf(NFS3.WRITE, { file: shared.scratch, offset, count: data.length, stable: 2, data }, xid, cred),
      () => recordOf(NFS3.COMMIT, { file: shared.scratch, offset: 0, count: 0 }, xid, cred),
      () => recordOf(NFS3.GETATTR, { object: shared.root }, xid, cred),
    ])();
  });
  return { xids, bytes: Buffer.concat(records.map(marked)) };
}

/** Bytes that are not RPC, so that nothing after them can be understood: the connection is closed without an answer. */
function hopeless(what: string, make: (random: Random) => Buffer): Disruption {
  return async ({ routes, random }) => {
    const line = await Line.open(random.pick(routes));
    line.socket.write(make(random));
    await closed(line, what);
    same(line.received, 0, `${what}: bytes were answered`);
    return 1;
  };
}

/** Disrupts once, and returns how many calls it made. @throws {Mismatch} */
type Disruption = (ground: Ground) => Promise<number>;

function word(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function leave(line: Line, random: Random): void {
  if (random.chance(0.5)) line.socket.destroy();
  else line.socket.resetAndDestroy();
}

const DISRUPTIONS: Record<string, Disruption> = {
  'a record of 4 GiB': hopeless('a record of 4 GiB', random =>
    Buffer.concat([word(random.pick([0xffff_ffff, 0x7fff_ffff, 0x8020_0000])), random.bytes(64)]),
  ),

  'another protocol': hopeless('another protocol', random =>
    Buffer.from(
      random.pick(['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03']),
      'latin1',
    ),
  ),

  'fragments without end': hopeless('fragments without end', random =>
    Buffer.concat(
      Array.from({ length: 600 }, () => (random.chance(0.5) ? word(0) : Buffer.concat([word(1), word(0).subarray(3)]))),
    ),
  ),

  'not a call': hopeless('not a call', random => {
    const bytes = random.bytes(random.between(8, 200));
    bytes.writeUInt32BE(random.pick([1, 2, 0xffff_ffff]), 4);
    return marked(bytes);
  }),

  'a record that is too short to be a call': hopeless('a record that is too short to be a call', random => {
    const head = Buffer.concat([word(1), word(0), word(2), word(100_003), word(3), word(0)]);
    return marked(head.subarray(0, random.below(head.length)));
  }),

  async 'left in the middle of a record'({ routes, random, cred, shared }) {
    const line = await Line.open(random.pick(routes));
    const record = marked(recordOf(NFS3.GETATTR, { object: shared.root }, nextXid(), cred));
    line.socket.write(record.subarray(0, random.below(record.length)));
    if (random.chance(0.3)) await sleep(random.below(20));
    if (random.chance(0.5)) leave(line, random);
    else line.socket.end();
    await closed(line, 'left in the middle of a record');
    same(line.received, 0, 'left in the middle of a record: bytes were answered');
    return 1;
  },

  async 'left in the middle of a large record'({ routes, random, cred, shared }) {
    const line = await Line.open(random.pick(routes));
    const data = Buffer.alloc(1024 * 1024);
    const record = recordOf(
      NFS3.WRITE,
      { file: shared.scratch, offset: 0, count: data.length, stable: 0, data },
      nextXid(),
      cred,
    );
    line.socket.write(marked(record).subarray(0, random.below(record.length)));
    await sleep(random.below(5));
    leave(line, random);
    await closed(line, 'left in the middle of a large record');
    return 1;
  },

  async 'left with calls under way'(ground) {
    const { routes, random } = ground;
    const line = await Line.open(random.pick(routes));
    const { xids, bytes } = someCalls(ground, random.between(1, 24));
    line.socket.write(bytes);
    if (random.chance(0.5)) await sleep(random.below(10));
    leave(line, random);
    await closed(line, 'left with calls under way');
    return xids.length;
  },

  /** A client that has closed its side for writing still gets the replies to its calls. */
  async 'half closed with calls under way'(ground) {
    const line = await Line.open(ground.random.pick(ground.routes));
    const { xids, bytes } = someCalls(ground, ground.random.between(1, 12));
    const replies = Promise.all(xids.map(xid => line.reply(xid)));
    line.socket.end(bytes);
    for (const reply of await replies) same(reply.readUInt32BE(20), 0, 'half closed: accept_stat');
    await closed(line, 'half closed with calls under way');
    return xids.length;
  },

  /** It asks for more than the server keeps for a client that does not read. Then it reads after all, or leaves. */
  async 'replies not read'({ routes, random, cred, shared }) {
    const line = await Line.open(random.pick(routes));
    line.socket.pause();
    const count = random.between(150, 300);
    const asked = Array.from({ length: count }, () => ({ xid: nextXid(), offset: random.below(32) * CHUNK }));
    const replies = asked.map(({ xid }) => line.reply(xid));
    const read = Promise.all(replies).catch((error: Error) => error);
    for (const { xid, offset } of asked) {
      line.socket.write(marked(recordOf(NFS3.READ, { file: shared.file, offset, count: CHUNK }, xid, cred)));
    }
    await sleep(random.between(50, 300));
    if (random.chance(0.5)) {
      leave(line, random);
      await read;
    } else {
      line.socket.resume();
      const found = await read;
      if (found instanceof Error) throw found;
      found.forEach((reply, i) => {
        const result = resultOf(NFS3.READ, reply);
        sameStatus(result, S.NFS3_OK, 'READ');
        const { offset } = asked[i]!;
        const expected = shared.bytes.subarray(offset, offset + CHUNK);
        holds(result.status === S.NFS3_OK && result.data.equals(expected), 'replies not read at first: wrong bytes');
      });
      line.socket.destroy();
    }
    await closed(line, 'replies not read');
    return count;
  },

  async 'a byte at a time'({ routes, random, cred, shared }) {
    const line = await Line.open(random.pick(routes));
    const xid = nextXid();
    const stream = marked(recordOf(NFS3.GETATTR, { object: shared.root }, xid, cred));
    const reply = line.reply(xid);
    for (let at = 0; at < stream.length; at++) {
      line.socket.write(stream.subarray(at, at + 1));
      if (at % 8 === 0) await new Promise(setImmediate);
    }
    sameStatus(resultOf(NFS3.GETATTR, await reply), S.NFS3_OK, 'a byte at a time');
    line.socket.destroy();
    await closed(line, 'a byte at a time');
    return 1;
  },

  async 'an unused connection'({ routes, random }) {
    const line = await Line.open(random.pick(routes));
    if (random.chance(0.5)) await sleep(random.below(50));
    leave(line, random);
    await closed(line, 'an unused connection');
    return 1;
  },

  /** MOUNT is served over UDP. Datagrams of junk get no answer, and the call after them gets one. */
  async 'datagrams of junk'({ routes, random, cred }) {
    const { port, from } = random.pick(routes);
    const socket = createSocket('udp4');
    socket.bind(0, from);
    await once(socket, 'listening');
    for (let i = random.between(1, 5); i > 0; i--)
      socket.send(random.bytes(random.between(0, 1400)), port, '127.0.0.1');
    const procedure: RemoteProcedure<void, void> = MOUNT3.NULL;
    const xid = nextXid();
    const answered = new Promise<Buffer>(resolve => {
      socket.on('message', message => message.length >= 24 && message.readUInt32BE() === xid && resolve(message));
    });
    // UDP may lose a datagram, so the call is sent again.
    const ask = () => socket.send(recordOf(procedure, undefined, xid, cred), port, '127.0.0.1');
    ask();
    const again = setInterval(ask, 500);
    try {
      resultOf(procedure, await answered);
    } finally {
      clearInterval(again);
      socket.close();
    }
    return 1;
  },
};

const COSTLY = new Set(['replies not read', 'left in the middle of a large record']);
const KINDS = Object.keys(DISRUPTIONS).flatMap(kind => Array<string>(COSTLY.has(kind) ? 1 : 6).fill(kind));

/** Disrupts in the given way, or in a random one. @throws {Mismatch} */
export async function disrupt(ground: Ground, tally: Tally, kind = ground.random.pick(KINDS)): Promise<void> {
  tally.countMalformed(kind, await DISRUPTIONS[kind]!(ground));
}
