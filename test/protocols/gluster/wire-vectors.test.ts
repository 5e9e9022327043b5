/** Records of a client of GlusterFS 10.3, with what another decoder made of the replies. */
import { entryplusOf, glusterFops } from '#protocols/gluster/fops/fops.ts';
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { PORTBYBRICK } from '#protocols/gluster/brick-port.ts';
import { CALLBACKS } from '#protocols/gluster/callbacks.ts';
import { GF_DATA_TYPE, GLUSTER_CBK } from '#protocols/gluster/constants.ts';
import {
  AUTH_GLUSTERFS,
  auth_glusterfs_parms_v2,
  auth_glusterfs_parms_v3,
  encodeCredential,
} from '#protocols/gluster/credentials.ts';
import { gfx_dict, TypedValue } from '#protocols/gluster/dict.ts';
import { DUMP, PING } from '#protocols/gluster/dump.ts';
import { GET_VOLUME_INFO, GETSPEC, SETVOLUME } from '#protocols/gluster/handshake.ts';
import { gfx_iattx } from '#protocols/gluster/iatt.ts';
import { type RemoteProcedure, accept_stat, call_header, opaque_auth, reply_header } from '#protocols/rpc.ts';
import { type Codec, decode, encode } from '#protocols/xdr/codec.ts';
import { XdrReader, XdrWriter } from '#protocols/xdr/stream.ts';

interface Exchange {
  readonly name: string;
  readonly what?: string;
  readonly call?: string;
  readonly reply?: string;
  readonly fields?: unknown;
  readonly callback?: string;
}

const file = new URL('../../captures/gluster/wire-vectors.json', import.meta.url);
const { exchanges } = JSON.parse(readFileSync(file, 'utf8')) as { exchanges: Exchange[] };

const procedures = Object.values<RemoteProcedure<any, any>>({
  ...glusterFops(gfx_iattx, gfx_dict, entryplusOf(gfx_iattx, gfx_dict)),
  DUMP,
  PING,
  GETSPEC,
  SETVOLUME,
  GET_VOLUME_INFO,
  PORTBYBRICK,
});

/** Takes the record mark off, which says that the record is one fragment. */
function recordOf(t: Test, text: string): Buffer {
  const bytes = Buffer.from(text, 'hex');
  const record = bytes.subarray(4);
  t.equal(bytes.readUInt32BE(0), 0x8000_0000 + record.length, 'the record is whole');
  return record;
}

const TYPE_NAMES = Object.fromEntries(Object.entries(GF_DATA_TYPE).map(([name, type]) => [type, name]));

/** The value of a pair, as the file has it: with its type in the dicts of the fops, and without in others. */
function pairJson(value: unknown, typed: boolean): unknown {
  if (!typed) return jsonOf(value, typed);
  if (value instanceof TypedValue) {
    const { type, value: inner } = value;
    const json = type === GF_DATA_TYPE.IATT ? decode(gfx_iattx, inner as Buffer) : inner;
    return [TYPE_NAMES[type], jsonOf(json, typed)];
  }
  const type = typeof value === 'string' ? 'STR' : Buffer.isBuffer(value) ? 'PTR' : 'INT';
  return [type, jsonOf(value, typed)];
}

/** A decoded value in the form in which the file has it. */
function jsonOf(value: unknown, typed: boolean): unknown {
  if (value === undefined) return null;
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (typeof value === 'bigint') return value > Number.MAX_SAFE_INTEGER ? String(value) : Number(value);
  if (Array.isArray(value)) return value.map(one => jsonOf(one, typed));
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, one]) => [key, pairJson(one, typed)]));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, jsonOf(one, typed)]));
  }
  return value;
}

/** What the file says of a reply. It has names in hexadecimal digits, and the data of READ as what was left. */
function expected({ name, fields }: Exchange): unknown {
  const { _rest: rest, ...said } = JSON.parse(JSON.stringify(fields), (key, value: unknown) =>
    ['name', 'path', 'progname'].includes(key) ? Buffer.from(String(value), 'hex').toString('latin1') : value,
  ) as Record<string, unknown>;
  return name === 'READ' ? { ...said, data: rest } : said;
}

function procedureOf({ prog, vers, proc }: Pick<call_header, 'prog' | 'vers' | 'proc'>): RemoteProcedure<any, any> {
  return procedures.find(one => one.prog === prog && one.vers === vers && one.proc === proc)!;
}

/** Returns the procedure that is called. */
function testCall(t: Test, record: Buffer): RemoteProcedure<any, any> {
  const from = new XdrReader(record);
  const header = call_header.decode(from);
  const procedure = procedureOf(header);
  const args: unknown = procedure.args.decode(from);
  t.equal(from.left, 0, 'the arguments reach to the end');

  const to = new XdrWriter();
  call_header.encode(to, header);
  const { flavor, body } = header.cred;
  if (flavor === AUTH_GLUSTERFS.V2) {
    const parms = decode(auth_glusterfs_parms_v2, body);
    t.equal(encode(auth_glusterfs_parms_v2, parms).toString('hex'), body.toString('hex'), 'the same credential');
  } else {
    t.equal(flavor, AUTH_GLUSTERFS.V3);
    to.truncate(24, 0);
    encodeCredential(to, decode(auth_glusterfs_parms_v3, body));
    opaque_auth.encode(to, header.verf);
  }
  procedure.args.encode(to, args);
  t.equal(to.toBuffer().toString('hex'), record.toString('hex'), 'the same call is encoded again');
  return procedure;
}

function testReply(t: Test, { res }: RemoteProcedure<any, any>, exchange: Exchange): void {
  const record = recordOf(t, exchange.reply!);
  const from = new XdrReader(record);
  const header = reply_header.decode(from);
  const accepted = header.reply.data.stat === accept_stat.SUCCESS;
  t.equal(accepted, exchange.name !== 'LOOKUP before SETVOLUME');
  const to = new XdrWriter();
  reply_header.encode(to, header);
  if (accepted) {
    const results: unknown = res.decode(from);
    res.encode(to, results);
    if (exchange.fields) t.strictSame(jsonOf(results, exchange.name !== 'SETVOLUME'), expected(exchange));
  }
  t.equal(from.left, 0, 'the results reach to the end');
  t.equal(to.toBuffer().toString('hex'), record.toString('hex'), 'the same reply is encoded again');
}

for (const [index, exchange] of exchanges.entries()) {
  if (exchange.call === undefined) continue;
  t.test(`${index}: ${exchange.name} (${exchange.what})`, async t => {
    const procedure = testCall(t, recordOf(t, exchange.call!));
    t.match(exchange.name, procedure.name.split(' ').at(-1)!);
    if (exchange.reply !== undefined) testReply(t, procedure, exchange);
  });
}

t.test('callbacks', async t => {
  const bodies = new Map<string, unknown>();
  for (const { name, callback } of exchanges) {
    if (callback === undefined) continue;
    const record = recordOf(t, callback);
    const from = new XdrReader(record);
    const header = call_header.decode(from);
    t.strictSame({ prog: header.prog, vers: header.vers }, GLUSTER_CBK, name);
    const codec: Codec<any> = CALLBACKS[header.proc as keyof typeof CALLBACKS];
    const body: unknown = codec.decode(from);
    t.equal(from.left, 0, `${name}: the arguments reach to the end`);
    const to = new XdrWriter();
    call_header.encode(to, header);
    codec.encode(to, body);
    t.equal(to.toBuffer().toString('hex'), record.toString('hex'), `${name}: the same call is encoded again`);
    bodies.set(name, body);
  }
  t.strictSame([...bodies.keys()], ['callback INODELK_CONTENTION', 'callback FETCHSPEC']);
  t.strictSame(bodies.get('callback INODELK_CONTENTION'), {
    gfid: Buffer.from('ad342730a77b4317807b3914d81f27c5', 'hex'),
    flock: { type: 1, whence: 0, start: 0n, len: 0n, pid: 0, lk_owner: Buffer.alloc(0) },
    pid: 0x1092,
    domain: 'dom',
    xdata: new Map(),
  });
});
