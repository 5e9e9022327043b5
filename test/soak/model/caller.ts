/** A caller makes one call after the other over a line that it shares with others, and counts them. */
import { randomInt } from 'node:crypto';
import { NFSPROC3 } from '#protocols/nfs3/constants.ts';
import type { opaque_auth } from '#protocols/rpc.ts';
import type { RemoteProcedure } from '#src/rpcclnt/client.ts';
import { holds, Mismatch, resultOf, sameStatus } from './answer.ts';
import { fragmented, marked, recordOf } from './line.ts';
import { NFS3 } from '../procedures.ts';
import type { Random } from './random.ts';

/** The counts of all callers together. */
export class Tally {
  calls = 0;
  malformed = 0;
  retries = 0;
  readonly byProcedure = new Map<string, number>();
  /** How often each kind of malformed call was sent, and each kind of misuse done to a connection. */
  readonly byKind = new Map<string, number>();
  readonly mismatches: string[] = [];

  count(procedure: string): void {
    this.calls++;
    this.byProcedure.set(procedure, (this.byProcedure.get(procedure) ?? 0) + 1);
  }

  /** Counts calls of one kind. `calls` is how many were made in this way. */
  countMalformed(kind: string, calls = 1): void {
    this.calls += calls;
    this.malformed += calls;
    this.byKind.set(kind, (this.byKind.get(kind) ?? 0) + 1);
  }

  mismatch(error: unknown, who: string): void {
    const text = error instanceof Mismatch ? error.message : String((error as Error).stack ?? error);
    this.mismatches.push(`${who}: ${text}`);
  }
}

let lastXid = randomInt(0x1_0000_0000);
/** A new xid. No two calls of a run have the same, unless one is the retry of the other. */
export const nextXid = (): number => (lastXid = (lastXid + 1) >>> 0);

/** Procedures whose replies are kept for retries. */
export const KEPT: ReadonlySet<RemoteProcedure<any, any>> = new Set<RemoteProcedure<any, any>>([
  NFS3.SETATTR,
  NFS3.WRITE,
  NFS3.CREATE,
  NFS3.MKDIR,
  NFS3.SYMLINK,
  NFS3.MKNOD,
  NFS3.REMOVE,
  NFS3.RMDIR,
  NFS3.RENAME,
  NFS3.LINK,
]);

const FRAGMENTED = 0.03;
const RETRIED = 0.02;

/** What calls are sent over. */
export interface Exchange {
  /** Returns the reply to `xid`, without its mark. `stream` is the call with its marks. */
  exchange(xid: number, stream: Buffer): Promise<Buffer>;
}

export class Caller {
  readonly line: Exchange;
  readonly random: Random;
  readonly tally: Tally;
  readonly cred: opaque_auth;
  readonly #retried: number;

  /** `retried` is the probability that an answered call is sent once more. */
  constructor(line: Exchange, cred: opaque_auth, random: Random, tally: Tally, retried = RETRIED) {
    this.#retried = retried;
    this.line = line;
    this.cred = cred;
    this.random = random;
    this.tally = tally;
  }

  /**
   * Makes a call and returns its results. @throws {Mismatch} if it was refused, or is not answered with results of the
   * procedure
   */
  async call<A, R>(procedure: RemoteProcedure<A, R>, args: A, cred = this.cred): Promise<R> {
    const xid = nextXid();
    const record = recordOf(procedure, args, xid, cred);
    const reply = await this.exchange(xid, record);
    this.tally.count(procedure.name);
    if (KEPT.has(procedure) && this.random.chance(this.#retried)) await this.#retry(xid, record, reply, procedure.name);
    return resultOf(procedure, reply);
  }

  /** Like {@link call}, and the results must have this status. */
  async expect<A, R>(procedure: RemoteProcedure<A, R>, args: A, status: number, cred = this.cred): Promise<R> {
    const result = await this.call(procedure, args, cred);
    sameStatus(result, status, procedure.name);
    return result;
  }

  exchange(xid: number, record: Buffer): Promise<Buffer> {
    const stream = this.random.chance(FRAGMENTED) ? fragmented(record, this.random) : marked(record);
    return this.line.exchange(xid, stream);
  }

  /** Sends a call again: the answer must be the same, and nothing may be done twice (RFC 1813, 4.5). */
  async #retry(xid: number, record: Buffer, reply: Buffer, name: string): Promise<void> {
    const kept = Buffer.from(reply);
    const again = await this.line.exchange(xid, marked(record));
    this.tally.count(name);
    this.tally.retries++;
    holds(again.equals(kept), `${name} sent again was answered differently`);
  }
}

/** NFS3's procedures except NULL, which is about no object. */
export const ABOUT_SOMETHING = Object.values(NFS3).filter(({ proc }) => proc !== NFSPROC3.NULL);
