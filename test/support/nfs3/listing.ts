/** Calls of READDIR and READDIRPLUS, and their replies, parsed by hand (RFC 1813, 3.3.16 and 3.3.17). */
import assert from 'node:assert/strict';
import type { Test } from 'tap';
import { AUTH_ROOT, type ServedNfs } from '../nfs.ts';
import { call, opaque, word, word64 } from '../wire.ts';

export const READDIR = 16;
export const READDIRPLUS = 17;
export const MAX = 0xffff_ffff;
export const NO_VERF = '0000000000000000';

export interface Listed {
  readonly fileid: bigint;
  /** In latin1, one character per byte. */
  readonly name: string;
  readonly cookie: bigint;
  /** The fattr3 of a READDIRPLUS entry as hex. Undefined if the reply has none. */
  readonly attributes?: string | undefined;
  /** The handle of a READDIRPLUS entry as hex. Undefined if the reply has none. */
  readonly handle?: string | undefined;
}

export interface Page {
  readonly status: number;
  /** The directory's fattr3 as hex. */
  readonly attributes: string | undefined;
  readonly verifier: string;
  readonly entries: Listed[];
  readonly eof: boolean;
  /** The size of the READDIR3resok or READDIRPLUS3resok. */
  readonly bytes: number;
  readonly reply: Buffer;
}

/** READDIR3args: handle, cookie, cookieverf, count. */
export const readdirArgs = (dir: string, cookie: bigint, count: number, verifier = NO_VERF) =>
  `${opaque(dir)} ${word64(cookie)} ${verifier} ${word(count)}`;

/** READDIRPLUS3args: handle, cookie, cookieverf, dircount, maxcount. */
export const readdirplusArgs = (
  dir: string,
  cookie: bigint,
  { dircount = MAX, maxcount = MAX } = {},
  verifier = NO_VERF,
) => `${opaque(dir)} ${word64(cookie)} ${verifier} ${word(dircount)} ${word(maxcount)}`;

class Words {
  readonly #buf: Buffer;
  at: number;

  constructor(buf: Buffer, at: number) {
    this.#buf = buf;
    this.at = at;
  }

  hex(bytes: number): string {
    this.at += bytes;
    assert.ok(this.at <= this.#buf.length, 'the reply is cut short');
    return this.#buf.toString('hex', this.at - bytes, this.at);
  }

  word(): number {
    return Number.parseInt(this.hex(4), 16);
  }

  bool(): boolean {
    const value = this.word();
    assert.ok(value < 2, `a boolean of ${value}`);
    return value === 1;
  }

  opaque(): string {
    const length = this.word();
    const bytes = this.hex(length);
    assert.match(this.hex(-length & 3), /^0*$/, 'padding is zero');
    return bytes;
  }
}

function take(words: Words, plus: boolean): Listed {
  const fileid = BigInt(`0x${words.hex(8)}`);
  const name = Buffer.from(words.opaque(), 'hex').toString('latin1');
  const cookie = BigInt(`0x${words.hex(8)}`);
  if (!plus) return { fileid, name, cookie };
  const attributes = words.bool() ? words.hex(84) : undefined;
  const handle = words.bool() ? words.opaque() : undefined;
  return { fileid, name, cookie, attributes, handle };
}

/** Parses a reply, and checks that nothing follows it. */
export function pageOf(reply: Buffer, plus: boolean): Page {
  assert.equal(reply.toString('hex', 4, 24), `00000001${'00000000'.repeat(4)}`, 'accepted');
  const words = new Words(reply, 24);
  const status = words.word();
  const attributes = words.bool() ? words.hex(84) : undefined;
  const page = {
    status,
    attributes,
    verifier: '',
    entries: [] as Listed[],
    eof: false,
    bytes: reply.length - 28,
    reply,
  };
  if (status === 0) {
    page.verifier = words.hex(8);
    while (words.bool()) page.entries.push(take(words, plus));
    page.eof = words.bool();
  }
  assert.equal(words.at, reply.length, 'nothing follows the reply');
  return page;
}

export async function readdir(
  served: ServedNfs,
  dir: string,
  { cookie = 0n, count = MAX, verifier = NO_VERF, auth = AUTH_ROOT } = {},
): Promise<Page> {
  return pageOf(await served.exchange(call('nfs3', READDIR, readdirArgs(dir, cookie, count, verifier), auth)), false);
}

export async function readdirplus(
  served: ServedNfs,
  dir: string,
  { cookie = 0n, dircount = MAX, maxcount = MAX, verifier = NO_VERF, auth = AUTH_ROOT } = {},
): Promise<Page> {
  const args = readdirplusArgs(dir, cookie, { dircount, maxcount }, verifier);
  return pageOf(await served.exchange(call('nfs3', READDIRPLUS, args, auth)), true);
}

/** Reads pages from `cookie` on to the end of the directory. */
export async function pages(next: (cookie: bigint) => Promise<Page>, cookie = 0n): Promise<Page[]> {
  const all: Page[] = [];
  for (let at = cookie; ;) {
    const page = await next(at);
    assert.equal(page.status, 0, `status ${page.status} at cookie ${at}`);
    all.push(page);
    if (page.eof) return all;
    assert.ok(page.entries.length > 0, 'a page without an end has entries');
    assert.ok(all.length < 100_000, 'the listing ends');
    at = page.entries.at(-1)!.cookie;
  }
}

export const entriesOf = (all: readonly Page[]): Listed[] => all.flatMap(({ entries }) => entries);
export const namesOf = (entries: readonly Listed[]): string[] => entries.map(({ name }) => name);

/** Tests that `entries` has each of `names` once, and `.` and `..`. */
export function eachOnce(t: Test, entries: readonly Listed[], names: readonly string[]): void {
  t.strictSame(namesOf(entries).sort(), ['.', '..', ...names].sort(), `${names.length} names, each once`);
}

const padded = (length: number) => length + (-length & 3);
/** The size of a READDIR3resok without entries: post_op_attr, verifier, end of the list, eof. */
export const LIST_BYTES = 88 + 8 + 4 + 4;
/** What an entry3 adds: TRUE, fileid, name, cookie. */
export const entryBytes = ({ name }: Listed): number => 4 + 8 + 4 + padded(name.length) + 8;
/** What an entryplus3 adds: an entry3 with post_op_attr and post_op_fh3. */
export const entryplusBytes = (entry: Listed): number =>
  entryBytes(entry) +
  (entry.attributes === undefined ? 4 : 88) +
  (entry.handle === undefined ? 4 : 8 + padded(entry.handle.length / 2));
