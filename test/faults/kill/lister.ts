/** Lists a directory in small pages while names and servers come and go. Cookies stay valid throughout. */
import { nfsstat3 as S } from '#protocols/nfs3/constants.ts';
import type { fattr3 } from '#protocols/nfs3/types.ts';
import { createmode3 } from '#protocols/nfs3/constants.ts';
import { holds, same } from '../../soak/model/answer.ts';
import { NOTHING } from '../../soak/model/worker.ts';
import { NFS3 } from '../../soak/procedures.ts';
import type { SurvivingCaller } from './caller.ts';

const PAGE_BYTES = { min: 600, max: 4000 } as const;
const COMING_MAX = 200;
const CHANGES = 0.5;

/** The counts of all listers together. */
export class Listings {
  whole = 0;
  /** Listings during which a server ended. */
  acrossEnds = 0;
  pages = 0;
}

interface Page {
  readonly entries: readonly { readonly name: string; readonly fileid: bigint; readonly cookie: bigint }[];
  readonly eof: boolean;
}

export class Lister {
  readonly caller: SurvivingCaller;
  readonly #dir: Buffer;
  /** Names that are there all the time, with their file ids. */
  readonly #staying: ReadonlyMap<string, bigint>;
  readonly #counts: Listings;
  readonly #coming = new Set<string>();
  #nth = 0;
  readonly #prefix: string;

  constructor(caller: SurvivingCaller, dir: Buffer, staying: ReadonlyMap<string, bigint>, counts: Listings, n: number) {
    this.caller = caller;
    this.#dir = dir;
    this.#staying = staying;
    this.#counts = counts;
    this.#prefix = `coming-${n}-`;
  }

  /** Lists once. @throws {Mismatch} if a name that stayed is not there exactly once */
  async step(): Promise<void> {
    const { random } = this.caller;
    const plus = random.chance(0.5);
    const found = new Map<string, bigint>();
    let cookie = 0n;
    let cookieverf = Buffer.alloc(8);
    let first: number | undefined;
    let ended = false;
    for (let eof = false; !eof;) {
      const count = random.between(PAGE_BYTES.min, PAGE_BYTES.max);
      const at = { dir: this.#dir, cookie, cookieverf };
      const page = plus
        ? await this.caller.expect(NFS3.READDIRPLUS, { ...at, dircount: count, maxcount: count * 4 }, S.NFS3_OK)
        : await this.caller.expect(NFS3.READDIR, { ...at, count }, S.NFS3_OK);
      if (page.status !== S.NFS3_OK) return;
      first ??= this.caller.sentTo;
      ended ||= this.caller.answeredBy !== first;
      const { entries } = page.reply as Page;
      this.#counts.pages++;
      for (const { name, fileid } of entries) this.#took(found, name, fileid);
      ({ eof } = page.reply);
      cookie = entries.at(-1)?.cookie ?? cookie;
      cookieverf = Buffer.from(page.cookieverf);
      if (random.chance(CHANGES)) await this.change();
    }
    for (const name of this.#staying.keys()) holds(found.has(name), `${name} is there, but was not listed`);
    this.#counts.whole++;
    if (ended) this.#counts.acrossEnds++;
  }

  #took(found: Map<string, bigint>, name: string, fileid: bigint): void {
    // A name that goes and comes back may be listed again, at another place.
    if (name.startsWith('coming-')) return;
    holds(!found.has(name), `${name} is listed twice`);
    found.set(name, fileid);
    const expected = this.#staying.get(name);
    if (expected !== undefined) same(fileid, expected, `the file id of ${name}`);
    else holds(name === '.' || name === '..', `${name} is listed, but was never there`);
  }

  /** Adds or removes a name. */
  async change(): Promise<void> {
    const { random } = this.caller;
    if (this.#coming.size < COMING_MAX && random.chance(0.5)) {
      const name = `${this.#prefix}${this.#nth++}`;
      const how = { mode: createmode3.GUARDED, obj_attributes: { ...NOTHING, mode: 0o644 } };
      await this.caller.expect(NFS3.CREATE, { where: { dir: this.#dir, name }, how }, S.NFS3_OK);
      this.#coming.add(name);
      return;
    }
    const [name] = this.#coming;
    if (name === undefined) return;
    await this.caller.expect(NFS3.REMOVE, { object: { dir: this.#dir, name } }, S.NFS3_OK);
    this.#coming.delete(name);
  }

  /** Removes the names that were added. */
  async clear(): Promise<void> {
    for (const name of this.#coming) {
      await this.caller.expect(NFS3.REMOVE, { object: { dir: this.#dir, name } }, S.NFS3_OK);
    }
    this.#coming.clear();
  }
}

/** Creates `count` names in `dir` through the server. Returns them with their file ids. */
export async function fillDirectory(caller: SurvivingCaller, dir: Buffer, count: number): Promise<Map<string, bigint>> {
  const names = new Map<string, bigint>();
  const how = { mode: createmode3.UNCHECKED, obj_attributes: { ...NOTHING, mode: 0o644 } };
  for (let i = 0; i < count; i++) {
    const name = `staying-${i}`;
    const made = await caller.expect(NFS3.CREATE, { where: { dir, name }, how }, S.NFS3_OK);
    names.set(name, (made as { obj_attributes: fattr3 }).obj_attributes.fileid);
  }
  return names;
}

/** Removes `names` from `dir` through the server. */
export async function emptyDirectory(caller: SurvivingCaller, dir: Buffer, names: Iterable<string>): Promise<void> {
  for (const name of names) {
    await caller.expect(NFS3.REMOVE, { object: { dir, name } }, S.NFS3_OK);
  }
}
