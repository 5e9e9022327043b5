/**
 * Replies and callbacks as no brick would send them: those of real ones, with words changed, cut, doubled and exchanged.
 * GLUSTER_FUZZ is the number of inputs, GLUSTER_FUZZ_SEED repeats a run.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { PORTBYBRICK } from '#protocols/gluster/brick-port.ts';
import { CALLBACKS } from '#protocols/gluster/callbacks.ts';
import { gfx_dict } from '#protocols/gluster/dict.ts';
import { DUMP, PING } from '#protocols/gluster/dump.ts';
import { entryplusOf, glusterFops } from '#protocols/gluster/fops/fops.ts';
import { GET_VOLUME_INFO, GETSPEC, SETVOLUME } from '#protocols/gluster/handshake.ts';
import { gfx_iattx } from '#protocols/gluster/iatt.ts';
import { call_header, reply_header } from '#protocols/rpc.ts';
import { type Codec, encode } from '#protocols/xdr/codec.ts';
import { XdrError, XdrReader } from '#protocols/xdr/stream.ts';
import { FOPS } from '#src/xlators/protocol/client/fops.ts';
import { arbitraryOf } from '../../support/codecs/arbitrary.ts';

const INPUTS = Number(process.env['GLUSTER_FUZZ'] ?? 20_000);
const SEED = Number(process.env['GLUSTER_FUZZ_SEED'] ?? Date.now() % 1_000_000);
/** What the decoded values of one input may take, as a multiple of its bytes. */
const GROWTH_MAX = 100;
/** How often each decoder is tried: what the first time takes for itself is not taken again. */
const TIMES = 3;

/** A generator of numbers from 0 to 1 that a seed determines (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Decoder {
  readonly name: string;
  readonly codec: Codec<unknown>;
}

const exact = glusterFops(gfx_iattx, gfx_dict, entryplusOf(gfx_iattx, gfx_dict));
const decoders: Decoder[] = [
  ...Object.entries(FOPS).map(([name, { res }]) => ({ name, codec: res as Codec<unknown> })),
  ...[DUMP, PING, GETSPEC, SETVOLUME, GET_VOLUME_INFO, PORTBYBRICK].map(({ name, res }) => ({ name, codec: res })),
  ...Object.entries(CALLBACKS).map(([proc, codec]) => ({ name: `callback ${proc}`, codec })),
];

/** Bytes that are right for some decoder: those of real replies, and encoded values of each type. */
function seeds(): Buffer[] {
  const file = new URL('../../captures/gluster/wire-vectors.json', import.meta.url);
  const { exchanges } = JSON.parse(readFileSync(file, 'utf8')) as {
    exchanges: { reply?: string; callback?: string }[];
  };
  const found: Buffer[] = [];
  for (const { reply, callback } of exchanges) {
    if (reply === undefined && callback === undefined) continue;
    const record = Buffer.from((reply ?? callback)!, 'hex').subarray(4);
    const from = new XdrReader(record);
    (reply === undefined ? call_header : reply_header).decode(from);
    found.push(Buffer.from(record.subarray(from.at)));
  }
  const codecs: Codec<any>[] = [
    ...Object.values(exact).map(({ res }) => res),
    ...[DUMP, GETSPEC, SETVOLUME, GET_VOLUME_INFO].map(({ res }) => res),
    ...Object.values(CALLBACKS),
  ];
  for (const codec of codecs) {
    for (const value of fc.sample(arbitraryOf(codec), { numRuns: 8, seed: SEED })) found.push(encode(codec, value));
  }
  return found;
}

const WORDS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 255, 4096, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/** Changes the bytes once; most changes are of whole words, in which counts, lengths and types stand. */
function changed(random: () => number, bytes: Buffer, other: Buffer): Buffer {
  const below = (n: number) => Math.floor(random() * n);
  const at = below(bytes.length >>> 2) * 4;
  switch (below(8)) {
    case 0:
      return bytes.subarray(0, below(bytes.length + 1));
    case 1:
      return Buffer.concat([bytes.subarray(0, at), other.subarray(below(other.length >>> 2) * 4)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(bytes.length >>> 2) * 4)]);
    case 3:
      if (bytes.length > 0) bytes[below(bytes.length)] = below(256);
      return bytes;
    default:
      if (bytes.length >= 4) bytes.writeUInt32BE(WORDS[below(WORDS.length)]!, at);
      return bytes;
  }
}

function refusesOrDecodes({ name, codec }: Decoder, bytes: Buffer): boolean {
  try {
    codec.decode(new XdrReader(bytes));
    return true;
  } catch (error) {
    assert.ok(error instanceof XdrError, `seed ${SEED}: ${name} of ${bytes.toString('hex')}: ${String(error)}`);
    return false;
  }
}

t.test(`${INPUTS} replies and callbacks are decoded or refused (seed ${SEED})`, async t => {
  const random = randomFrom(SEED);
  const right = seeds();
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  let decoded = 0;
  for (let i = 0; i < INPUTS; i++) {
    let bytes: Buffer = Buffer.from(pick(right));
    for (let changes = Math.floor(random() * 4); changes >= 0; changes--) bytes = changed(random, bytes, pick(right));
    if (refusesOrDecodes(pick(decoders), bytes)) decoded++;
  }
  // The share says that the inputs are neither all right nor all refused at their first word.
  t.ok(decoded > INPUTS / 20 && decoded < INPUTS * 0.95, `${decoded} were decoded`);
});

/** The bytes of memory that a function takes, or more: a compiler may be at work meanwhile. */
function takenBy(work: () => unknown): number {
  const before = process.memoryUsage();
  work();
  const after = process.memoryUsage();
  return after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers;
}

t.test('each decoder refuses whatever counts and lengths say, before it takes memory for them', async t => {
  for (const { name, codec } of decoders) {
    for (const word of WORDS) {
      // Each unit of the record says the same, so that every count and length there is has this value.
      const bytes = Buffer.alloc(4096);
      for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32BE(word, at);
      const grown = Math.min(
        ...Array.from({ length: TIMES }, () => takenBy(() => refusesOrDecodes({ name, codec }, bytes))),
      );
      if (grown > bytes.length * GROWTH_MAX) t.fail(`${name}, ${word}: ${grown} bytes`);
    }
  }
});
