/** Lists one large directory again and again, whatever happens to the server in the meantime. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nfsstat3 as S } from '#protocols/nfs3/constants.ts';
import type { READDIR3res, READDIRPLUS3res } from '#protocols/nfs3/directory.ts';
import type { opaque_auth } from '#protocols/rpc.ts';
import { statusName } from '../../soak/model/answer.ts';
import { Caller, Tally } from '../../soak/model/caller.ts';
import { Line } from '../../soak/model/line.ts';
import { Random } from '../../soak/model/random.ts';
import { NFS3 } from '../../soak/procedures.ts';

/** How a lister lists. */
export interface Manner {
  readonly plus: boolean;
  /** The size of a reply in bytes. */
  readonly bytes: number;
}

/** Names that are there throughout are `staying-NUMBER`. Other names come or go, and no name comes back. */
export const STAYING = 'staying-';

export interface Outcome {
  readonly manner: Manner;
  pages: number;
  /** The number of entries listed, of all names. */
  entries: number;
  /** The number of READDIRPLUS entries without attributes or handle. */
  bare: number;
  /** The number of pages that were under way when a server ended. */
  repeated: number;
  cookieMax: bigint;
  seconds: number;
  readonly failures: string[];
}

const RETRY_MS = 50;
const FAILURES_MAX = 5;

type Ok = Extract<READDIR3res | READDIRPLUS3res, { status: 0 }>;

export class Lister {
  readonly #port: number;
  readonly #cred: opaque_auth;
  readonly #dir: Buffer;
  readonly #seen: Uint8Array;
  readonly #others = new Set<string>();
  readonly outcome: Outcome;
  #caller: Caller | undefined;
  /** The part of the directory that was listed so far, estimated. */
  progress = 0;

  /** `dir` is the handle of a directory with `staying` names that stay. */
  constructor(port: number, cred: opaque_auth, dir: Buffer, staying: number, manner: Manner) {
    this.#port = port;
    this.#cred = cred;
    this.#dir = dir;
    this.#seen = new Uint8Array(staying);
    const failures: string[] = [];
    this.outcome = { manner, pages: 0, entries: 0, bare: 0, repeated: 0, cookieMax: 0n, seconds: 0, failures };
  }

  /** Lists the directory once, from the start to the end. */
  async list(): Promise<Outcome> {
    const { outcome } = this;
    const since = performance.now();
    let cookie = 0n;
    for (let eof = false; !eof && outcome.failures.length < FAILURES_MAX;) {
      const page = await this.#page(cookie);
      outcome.pages++;
      for (const entry of page.reply.entries) {
        this.#take(entry.name);
        if (entry.cookie > outcome.cookieMax) outcome.cookieMax = entry.cookie;
        if ('name_handle' in entry && (!entry.name_handle || !entry.name_attributes)) outcome.bare++;
      }
      ({ eof } = page.reply);
      if (!eof && page.reply.entries.length === 0) this.#failed('a page without entries that is not the last');
      cookie = page.reply.entries.at(-1)?.cookie ?? cookie;
    }
    this.#seen.forEach((times, i) => {
      if (times !== 1) this.#failed(`${STAYING}${i} was listed ${times} times`);
    });
    outcome.seconds = (performance.now() - since) / 1000;
    this.#caller = undefined;
    return outcome;
  }

  #take(name: string): void {
    this.outcome.entries++;
    if (name.startsWith(STAYING)) {
      const number = Number(name.slice(STAYING.length));
      this.#seen[number]!++;
      this.progress += 1 / this.#seen.length;
    } else if (this.#others.has(name)) {
      this.#failed(`${name} was listed twice`);
    } else {
      this.#others.add(name);
    }
  }

  #failed(what: string): void {
    const { failures, manner } = this.outcome;
    if (failures.length < FAILURES_MAX) failures.push(`${manner.plus ? 'READDIRPLUS' : 'READDIR'} ${manner.bytes}: ${what}`); // prettier-ignore
  }

  /** Asks until a server answers, as clients do (RFC 1813, 4.5). */
  async #page(cookie: bigint): Promise<Ok> {
    const { plus, bytes } = this.outcome.manner;
    // The server ignores the verifier, because its cookies stay valid.
    const at = { dir: this.#dir, cookie, cookieverf: Buffer.from('whatever') };
    for (let tries = 0; ; tries++) {
      try {
        const caller = (this.#caller ??= await this.#connect());
        const page = await (plus
          ? caller.call(NFS3.READDIRPLUS, { ...at, dircount: bytes, maxcount: bytes })
          : caller.call(NFS3.READDIR, { ...at, count: bytes }));
        if (page.status === S.NFS3_OK) return page;
        if (page.status !== S.NFS3ERR_JUKEBOX) {
          this.#failed(statusName(page.status));
          throw new Error(`${statusName(page.status)} after cookie ${cookie}`);
        }
      } catch (error) {
        if (!/closed the connection|ECONNREFUSED|ECONNRESET/.test(String(error))) throw error;
        this.#caller = undefined;
        if (tries === 0) this.outcome.repeated++;
      }
      await sleep(RETRY_MS);
    }
  }

  async #connect(): Promise<Caller> {
    const line = await Line.open({ port: this.#port, from: '127.0.0.1' });
    return new Caller(line, this.#cred, new Random(1), new Tally(), 0);
  }
}
