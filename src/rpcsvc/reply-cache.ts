/**
 * The duplicate request cache: a client that has not seen a reply sends its call again, and a REMOVE that has been done
 * must then not answer NOENT (RFC 1813, 4.5). Replies of calls that are not idempotent are kept and given again to the
 * same call: same client, xid, program, version, procedure and arguments.
 *
 * The client's port does not count: a retry after a broken connection comes from another. The arguments do, since an
 * xid may come up again by chance, and their checksum tells.
 */

/** As much of the arguments as the checksum covers: names and handles, and the beginning of what is written. */
const CHECKED_BYTES_MAX = 256;
/** What an entry takes besides its reply, roughly. */
const ENTRY_BYTES = 200;

export interface CallKey {
  readonly client: string;
  readonly xid: number;
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly checksum: number;
}

export class CachedReply {
  readonly key: CallKey;
  /** Absent as long as the call is under way. */
  reply: Buffer | undefined;
  /** Neighbours in the order of the calls; `kept` until it is dropped. */
  older: CachedReply | undefined;
  newer: CachedReply | undefined;
  kept = true;

  constructor(key: CallKey) {
    this.key = key;
  }
}

/** FNV-1a over the length and the first bytes. */
export function checksumOf(bytes: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5 ^ (to - from);
  const end = Math.min(to, from + CHECKED_BYTES_MAX);
  for (let at = from; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}

function same(a: CallKey, b: CallKey): boolean {
  return (
    a.xid === b.xid &&
    a.checksum === b.checksum &&
    a.procedure === b.procedure &&
    a.program === b.program &&
    a.version === b.version &&
    a.client === b.client
  );
}

export class ReplyCache {
  readonly #bytesMax: number;
  readonly #byXid = new Map<number, CachedReply[]>();
  /**
   * The ends of a list in the order of the calls: the oldest go first. (A Set keeps that order as well, but finding its
   * first entry takes the longer the more have been deleted before it.)
   */
  #oldest: CachedReply | undefined;
  #newest: CachedReply | undefined;
  #size = 0;
  #bytes = 0;
  #hits = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Calls that were answered from here. */
  get hits(): number {
    return this.#hits;
  }

  /** What is known of this call: its reply, or that it is under way; `undefined` if it is new. */
  find(key: CallKey): CachedReply | undefined {
    const found = this.#byXid.get(key.xid)?.find(entry => same(entry.key, key));
    if (found !== undefined) this.#hits++;
    return found;
  }

  /** A new call has begun. */
  begin(key: CallKey): CachedReply {
    const entry = new CachedReply(key);
    const others = this.#byXid.get(key.xid);
    if (others === undefined) this.#byXid.set(key.xid, [entry]);
    else others.push(entry);
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.#size++;
    this.#bytes += ENTRY_BYTES;
    this.#trim();
    return entry;
  }

  /** `reply` is what it was answered with, a buffer of its own. */
  end(entry: CachedReply, reply: Buffer): void {
    if (!entry.kept) return; // it took so long that it was dropped
    entry.reply = reply;
    this.#bytes += reply.length;
    this.#trim();
  }

  /** The call came to nothing that a retry should be told: it is to be tried anew. */
  drop(entry: CachedReply): void {
    if (!entry.kept) return;
    entry.kept = false;
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    entry.older = entry.newer = undefined;
    this.#size--;
    this.#bytes -= ENTRY_BYTES + (entry.reply?.length ?? 0);
    const others = this.#byXid.get(entry.key.xid)!;
    if (others.length === 1) this.#byXid.delete(entry.key.xid);
    else others.splice(others.indexOf(entry), 1);
  }

  #trim(): void {
    while (this.#bytes > this.#bytesMax && this.#oldest !== undefined) this.drop(this.#oldest);
  }
}
