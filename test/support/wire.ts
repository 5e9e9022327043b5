/**
 * What wire tests are written with: headers of calls and replies, and the parts of a reply that only the disk knows.
 * These are made by hand from lstat(2), and not by the codecs under test.
 */
import { type BigIntStats, lstatSync, statfsSync } from 'node:fs';
import type { Test } from 'tap';
import { hex } from './hex.ts';
import { AUTH_ROOT, type ServedNfs } from './nfs.ts';

const PROGRAMS = {
  nfs3: '000186a3 00000003',
  mount3: '000186a5 00000003',
  mount1: '000186a5 00000001',
} as const;
export const XID = '0000002a';

export const word = (value: number): string => value.toString(16).padStart(8, '0');
export const word64 = (value: bigint): string => BigInt.asUintN(64, value).toString(16).padStart(16, '0');

/** A call of procedure `proc`, with its arguments in annotated hex. */
export function call(program: keyof typeof PROGRAMS, proc: number, args: string, auth = AUTH_ROOT): Buffer {
  return hex(`${XID} 00000000 00000002 ${PROGRAMS[program]} ${word(proc)} ${auth} \n ${args}`);
}

/** The header of an accepted reply with SUCCESS. The results follow it. */
export const accepted = `${XID} 00000001 00000000 00000000 00000000 00000000`;
/** Like {@link accepted}, with another accept_stat. */
export const acceptedWith = (stat: number): string => accepted.slice(0, -8) + word(stat);

/** Bytes as a variable-length opaque: length, bytes, padding. `handle` is hex. */
export const opaque = (handle: string): string =>
  `${word(handle.length / 2)} ${handle}${'00'.repeat(-(handle.length / 2) & 3)}`;
/** A name or path as an XDR string. */
export const text = (value: string): string => opaque(Buffer.from(value, 'latin1').toString('hex'));

const TYPES: [keyof BigIntStats, number][] = [
  ['isFile', 1],
  ['isDirectory', 2],
  ['isBlockDevice', 3],
  ['isCharacterDevice', 4],
  ['isSymbolicLink', 5],
  ['isSocket', 6],
  ['isFIFO', 7],
];

/** An nfstime3. */
export const time = (ns: bigint): string => word(Number(ns / 1_000_000_000n)) + word(Number(ns % 1_000_000_000n));

/**
 * The fattr3 of a path (RFC 1813, 2.6), from lstat. The fsid cannot be known from outside: `........` stands for each
 * of its words, and matches anything in {@link expectReply}.
 */
export function fattr3(path: string): string {
  const stat = lstatSync(path, { bigint: true });
  const type = TYPES.find(([is]) => (stat[is] as () => boolean).call(stat))![1];
  const major = Number(((stat.rdev >> 8n) & 0xfffn) | ((stat.rdev >> 32n) & 0xffff_f000n));
  const minor = Number((stat.rdev & 0xffn) | ((stat.rdev >> 12n) & 0xffff_ff00n));
  return [
    word(type), // type
    word(Number(stat.mode) & 0o7777), // mode
    word(Number(stat.nlink)),
    word(Number(stat.uid)),
    word(Number(stat.gid)),
    word64(stat.size),
    word64(stat.blocks * 512n), // used
    word(major) + word(minor), // rdev
    '........ ........', // fsid
    word64(stat.ino), // fileid
    time(stat.atimeNs),
    time(stat.mtimeNs),
    time(stat.ctimeNs),
  ].join(' ');
}

/** The post_op_attr of a path, or the empty one. */
export const postOp = (path?: string): string => (path === undefined ? '00000000' : `00000001 ${fattr3(path)}`);

/** The wcc_attr of a path: size, mtime and ctime (RFC 1813, 2.6). Take it before the call. */
export function wccAttr(path: string): string {
  const stat = lstatSync(path, { bigint: true });
  return `${word64(stat.size)} ${time(stat.mtimeNs)} ${time(stat.ctimeNs)}`;
}

/**
 * A wcc_data. `before` is what {@link wccAttr} returned before the call, if anything. The attributes of `path` are read
 * now.
 */
export const wcc = (before: string | undefined, path?: string): string =>
  `${before === undefined ? '00000000' : `00000001 ${before}`} ${postOp(path)}`;

/** Compares a reply with annotated hex in which `.` is any digit, and tells the first word that differs. */
export function expectReply(t: Test, reply: Buffer, expected: string, message = 'reply'): void {
  const wanted = expected.replaceAll(/\/\/.*$/gm, '').replaceAll(/\s+/g, '');
  const got = reply.toString('hex');
  const differs = wanted.split('').findIndex((digit, i) => digit !== '.' && digit.toLowerCase() !== got[i]);
  if (differs < 0 && wanted.length === got.length) {
    t.pass(message);
    return;
  }
  const at = (differs < 0 ? Math.min(wanted.length, got.length) : differs) & ~7;
  const words = (digits: string) => digits.replaceAll(/(.{8})/g, '$1 ').trimEnd();
  t.strictSame(words(got), words(wanted), `${message}: differs from byte ${at / 2} on`);
}

/** Sends a call of NFS3 as root (or with `auth`) and compares the reply. */
export async function expectNfs3(
  t: Test,
  served: ServedNfs,
  proc: number,
  args: string,
  results: string | (() => string),
  auth = AUTH_ROOT,
): Promise<Buffer> {
  const reply = await served.exchange(call('nfs3', proc, args, auth));
  expectReply(t, reply, `${accepted} ${typeof results === 'string' ? results : results()}`);
  return reply;
}

/** Bytes, files and names of the file system at `path`, for FSSTAT. */
export function statfs(path: string) {
  return statfsSync(path, { bigint: true });
}
