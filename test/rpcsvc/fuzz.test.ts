/**
 * Records that were good before something happened to them, against a real service over a real directory: whatever comes
 * is answered or ends its connection, nothing is SYSTEM_ERR or SERVERFAULT, and the next good call is answered.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { authsys_parms } from '#protocols/auth-sys.ts';
import { accept_stat, auth_flavor, call_header, msg_type, NO_AUTH, RPC_VERSION } from '#protocols/rpc.ts';
import { encode } from '#protocols/xdr/codec.ts';
import type { RemoteProcedure } from '#src/rpcclnt/client.ts';
import { asServer } from '#src/sys/process/identity.ts';
import { PROCEDURES } from '../soak/procedures.ts';
import { arbitraryOf } from '../support/codecs/arbitrary.ts';
import { hex } from '../support/hex.ts';
import { AUTH_ROOT, serveNfs } from '../support/nfs.ts';
import { LIMITS, mark, type RecordClient } from '../support/rpc/service.ts';
import { accepted, call, opaque } from '../support/wire.ts';

const ANSWER_MS = 5000;
const SERVERFAULT = 10_006;
const SEED = 20_261_122;

const CREDENTIALS = [0, 1000].map(uid => ({
  flavor: auth_flavor.AUTH_SYS,
  body: encode(authsys_parms, { stamp: 0, machinename: 'fuzz', uid, gid: uid, gids: [uid, 7] }),
}));

function recordOf(
  { prog, vers, proc, args }: RemoteProcedure<any, any>,
  value: unknown,
  cred = CREDENTIALS[0]!,
): Buffer {
  const head = { xid: 42, mtype: msg_type.CALL, rpcvers: RPC_VERSION, prog, vers, proc, cred, verf: NO_AUTH };
  return Buffer.concat([encode(call_header, head), encode(args, value)]);
}

/** Fields that are handles, by their names in the RFC. */
const HANDLES = new Set(['object', 'dir', 'file', 'symlink', 'fsroot']);

/** `value` with good handles and short names, so that what it is about is there. */
function pointed(value: unknown, handle: () => Buffer, name: () => string): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  const fields = Object.entries(value).map(([key, field]) => {
    if (HANDLES.has(key) && Buffer.isBuffer(field)) return [key, handle()];
    if (key === 'name') return [key, name()];
    return [key, pointed(field, handle, name)];
  });
  return Object.fromEntries(fields);
}

const WORDS = [0, 1, 2, 7, 0xff, 0x100, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

/** What happens to a record; positions are taken modulo its length. */
type Change =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'word'; readonly at: number; readonly word: number }
  | { readonly kind: 'cut' | 'drop' | 'repeat'; readonly at: number; readonly count: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array };

const at = fc.nat(4096);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at, bit: fc.nat(7) }),
  fc.record({ kind: fc.constant('word' as const), at, word: fc.oneof(fc.constantFrom(...WORDS), fc.nat(0xffff_ffff)) }),
  fc.record({ kind: fc.constantFrom('cut' as const, 'drop' as const, 'repeat' as const), at, count: fc.nat(64) }),
  fc.record({ kind: fc.constant('insert' as const), at, bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }) }),
);

function changed(record: Buffer, change: Change): Buffer {
  if (record.length === 0) return record;
  const at = change.at % record.length;
  const rest = record.subarray(at);
  switch (change.kind) {
    case 'flip': {
      const copy = Buffer.from(record);
      copy[at]! ^= 1 << change.bit;
      return copy;
    }
    case 'word': {
      const copy = Buffer.from(record);
      const unit = Math.min(at & ~3, (record.length & ~3) - 4);
      if (unit >= 0) copy.writeUInt32BE(change.word, unit);
      return copy;
    }
    case 'cut':
      return record.subarray(0, at);
    case 'drop':
      return Buffer.concat([record.subarray(0, at), rest.subarray(change.count)]);
    case 'repeat':
      return Buffer.concat([record.subarray(0, at), rest.subarray(0, change.count), rest]);
    case 'insert':
      return Buffer.concat([record.subarray(0, at), change.bytes, rest]);
  }
}

/**
 * A reply that is no bug of ours: an accepted one's accept_stat is behind 20 bytes, and a status, if any, comes next.
 * Answers whether the call was done.
 */
function checkReply(reply: Buffer): boolean {
  const shown = reply.toString('hex', 0, 64);
  assert.equal(reply.readUInt32BE(4), msg_type.REPLY, shown);
  if (reply.readUInt32BE(8) !== 0) return false;
  const stat = reply.readUInt32BE(20);
  assert.notEqual(stat, accept_stat.SYSTEM_ERR, `SYSTEM_ERR: ${shown}`);
  if (stat !== accept_stat.SUCCESS || reply.length < 28) return stat === accept_stat.SUCCESS;
  assert.notEqual(reply.readUInt32BE(24), SERVERFAULT, `NFS3ERR_SERVERFAULT: ${shown}`);
  return reply.readUInt32BE(24) === 0;
}

function repliesOf(stream: Buffer): Buffer[] {
  const replies: Buffer[] = [];
  for (let at = 0; at < stream.length;) {
    const end = at + 4 + (stream.readUInt32BE(at) & 0x7fff_ffff);
    assert(end <= stream.length, 'a reply that is cut');
    replies.push(stream.subarray(at + 4, end));
    at = end;
  }
  return replies;
}

/** A volume with one of everything, and the handles of all. */
async function fuzzed(t: Parameters<typeof serveNfs>[0]) {
  const served = await serveNfs(t);
  const { dir } = served;
  for (const name of ['dir', 'dir/inner', 'gone']) fs.mkdirSync(join(dir, name));
  fs.writeFileSync(join(dir, 'file'), 'some bytes');
  fs.writeFileSync(join(dir, 'dir', 'a'), '');
  fs.symlinkSync('file', join(dir, 'link'));
  const handles: Buffer[] = [];
  for (const path of ['', 'dir', 'file', 'link', 'gone']) handles.push(Buffer.from(await served.handle(path), 'hex'));
  fs.rmdirSync(join(dir, 'gone'));
  const root = handles[0]!.toString('hex');
  let client: RecordClient | undefined;
  const counts = { done: 0 };

  /** Whether the record was answered, on a connection that is kept as long as the server keeps it. */
  async function answered(bytes: Buffer): Promise<boolean> {
    if (client === undefined || client.socket.destroyed) client = served.connect();
    client.socket.write(bytes);
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error('neither an answer nor an end')), ANSWER_MS);
    try {
      if (checkReply(await Promise.race([client.reply(), late.promise]))) counts.done++;
      return true;
    } catch (error) {
      if (!(error as Error).message.includes('closed the connection')) throw error;
      return false;
    } finally {
      clearTimeout(timer);
      asServer();
    }
  }

  /** NULL and FSINFO of the root, as if nothing had been. */
  async function goesOn(): Promise<void> {
    assert.equal((await served.exchange(call('nfs3', 0, ''))).compare(hex(accepted)), 0);
    const reply = await served.exchange(call('nfs3', 19, opaque(root), AUTH_ROOT));
    assert.equal(reply.subarray(0, 28).compare(hex(`${accepted} 00000000`)), 0);
  }
  return { ...served, handles, answered, goesOn, counts };
}

const NAMES = ['file', 'dir', 'link', 'a', 'new', '.', '..', '', 'x/y', 'n\0', 'z'.repeat(256)];

/** A good record of any procedure: credentials, header and arguments. */
const good = fc.constantFrom(...PROCEDURES).chain(procedure =>
  fc.record({
    procedure: fc.constant(procedure),
    value: arbitraryOf(procedure.args),
    cred: fc.constantFrom(...CREDENTIALS),
    picks: fc.array(fc.nat(1000), { minLength: 4, maxLength: 4 }),
  }),
);

t.test('random changes', { timeout: 60_000 }, async t => {
  const { handles, answered, goesOn, counts } = await fuzzed(t);
  let runs = 0;
  const property = fc.asyncProperty(good, fc.array(change, { maxLength: 4 }), async (of, changes) => {
    const picks = [...of.picks];
    const handle = () => handles[picks.shift()! % handles.length]!;
    const name = () => NAMES[picks.shift()! % NAMES.length]!;
    const record = recordOf(of.procedure, pointed(of.value, handle, name), of.cred);
    const whole = await answered(mark(changes.reduce(changed, record)));
    if (changes.length === 0) assert(whole, 'a good record is answered');
    if (++runs % 16 === 0) await goesOn();
  });
  await fc.assert(property, { numRuns: 3000, seed: SEED });
  await goesOn();
  t.ok(counts.done > runs / 20, `${counts.done} of ${runs} calls were done all the same`);
});

t.test('every word of every procedure, with values that mean something somewhere', { timeout: 60_000 }, async t => {
  const { handles, answered, goesOn } = await fuzzed(t);
  let records = 0;
  for (const procedure of PROCEDURES) {
    const [value] = fc.sample(arbitraryOf(procedure.args), { numRuns: 1, seed: SEED + records });
    let turn = 0;
    const record = recordOf(procedure, pointed(value, () => handles[turn++ % 2]!, () => `name ${turn++}`)); // prettier-ignore
    for (let unit = 0; unit + 4 <= record.length; unit += 4) {
      for (const word of [0, 0x7fff_ffff, 0xffff_ffff]) {
        await answered(mark(changed(record, { kind: 'word', at: unit, word })));
        records++;
      }
    }
    await goesOn();
  }
  t.pass(`${records} records`);
});

t.test('record marks that are not those of the record, and streams that end anywhere', { timeout: 60_000 }, async t => {
  const { handles, connect, goesOn } = await fuzzed(t);
  const record = mark(
    recordOf(
      PROCEDURES.find(({ name }) => name === 'GETATTR')!,
      { object: handles[0] },
    ),
  );
  const property = fc.asyncProperty(
    fc.oneof(fc.constantFrom(...WORDS), fc.nat(400).map(length => 0x8000_0000 + length)), // prettier-ignore
    fc.nat(record.length),
    fc.nat(3),
    async (word, end, before) => {
      const { socket, closed } = connect();
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      const broken = Buffer.from(record);
      broken.writeUInt32BE(word);
      socket.end(Buffer.concat([...Array<Buffer>(before).fill(record), broken.subarray(0, end)]));
      const leftOpen = new Promise((_, reject) => setTimeout(reject, ANSWER_MS, new Error('left open')).unref());
      await Promise.race([closed, leftOpen]);
      asServer();
      const replies = repliesOf(Buffer.concat(chunks));
      for (const reply of replies) checkReply(reply);
      assert(replies.length <= before + 1);
      const length = word & 0x7fff_ffff;
      // What ends in the middle of a record ends in order: the calls before it are answered.
      if (end < 4 || (length > end - 4 && length <= LIMITS.recordBytesMax)) assert.equal(replies.length, before);
    },
  );
  await fc.assert(property, { numRuns: 300, seed: SEED });
  await goesOn();
  t.pass('each ended');
});
