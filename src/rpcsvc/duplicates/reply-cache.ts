/**
 * The duplicate request cache: a client that has not seen a reply sends its call again, and a REMOVE that has been done
 * must then not answer NOENT (RFC 1813, 4.5). Replies of calls that are not idempotent are kept and given again to the
 * same call: same client, xid, program, version, procedure, credentials and arguments, from a connection whose call it
 * may be ({@link mayAskAgain}).
 *
 * The arguments count, since an xid may come up again by chance, or at each call of a simple client. They are summed as a
 * whole, but for those of long WRITEs: summing them would cost half of what writing them costs. Of these the ends are
 * summed; while such a call is under way, another copy is compared with it byte by byte, and later the actor decides (see
 * `Actor.repeats`).
 *
 * The cache has room for a number of bytes, which clients share fairly: a client whose connection is broken sends its
 * calls again when it is back, which may be after others have made thousands of calls. A call under way is never dropped,
 * since a retry would then be carried out a second time; the number of calls that a client may have under way bounds
 * these entries.
 */
import { Linked } from '../../linked.ts';
import { type CallKey, sameCall } from './call-key.ts';
import { CachedReply, CLIENT_BYTES, ClientReplies } from './client-replies.ts';
import { mayAskAgain, type Origin } from './origin.ts';

/** The approximate memory of an entry besides its reply. */
const ENTRY_BYTES = 240;
/** Each client may keep at least this much. A client over its fair share loses its own oldest replies first. */
const SHARE_BYTES_MIN = 16 * 1024;
/** A call is not sent again after this, even over the same connection: Linux waits for 10 minutes at most. */
const AGE_MS_MAX = 10 * 60_000;
/** Expired entries dropped per new one: more than one, so that the backlog shrinks; few, so that no call is delayed. */
const EXPIRED_AT_ONCE = 2;
/**
 * Answered calls of a client with one xid. Clients that share an address may have the same xids; one that uses a single
 * xid for all its calls has no use for their replies, and must not make each new call look through all of them.
 */
const SAME_XID_MAX = 16;

const isOld = ({ endedAt }: CachedReply, now: number): boolean => now - endedAt > AGE_MS_MAX;

/** Whether `args` are known to differ from those of the call under way. */
const areOther = (args: Buffer | undefined, { args: begun }: CachedReply): boolean =>
  args !== undefined && begun !== undefined && !begun.equals(args);

export interface ReplyCacheStats {
  /** Calls whose replies are kept, or that are under way. */
  readonly kept: number;
  readonly bytes: number;
  readonly bytesMax: number;
  /** Calls that were answered from here, or found to be under way. */
  readonly hits: number;
}

export class ReplyCache {
  readonly #bytesMax: number;
  readonly #now: () => number;
  readonly #clients = new Map<string, ClientReplies>();
  /** The clients that have replies here, in the order of their last replies. */
  readonly #answered = new Linked<ClientReplies>();
  /** Where the last search for a client over its share stopped. */
  #hand: ClientReplies | undefined;
  #size = 0;
  #bytes = 0;
  #hits = 0;

  constructor(bytesMax: number, now: () => number = () => performance.now()) {
    this.#bytesMax = bytesMax;
    this.#now = now;
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  stats(): ReplyCacheStats {
    return { kept: this.#size, bytes: this.#bytes, bytesMax: this.#bytesMax, hits: this.#hits };
  }

  /**
   * Finds the entry of this call, answered or under way; `undefined` if the call is new. Pass `args` if the key does
   * not cover them all; an answered entry that is found may then still belong to another call.
   */
  find(key: CallKey, from: Origin, args?: Buffer): CachedReply | undefined {
    const now = this.#now();
    for (let entry = this.#clients.get(key.client)?.newestOf(key.xid); entry !== undefined; entry = entry.twin) {
      const isSame = sameCall(entry.key, key) && !areOther(args, entry);
      if (!isSame && args === undefined) continue;
      // Asked last, since it may cost a system call, and clients that share an address may have many equal xids.
      if (isOld(entry, now) || !mayAskAgain(entry.origin, from, now)) continue;
      // If not, the client has used the xid for another call since, so it no longer indicates a repeated call.
      if (!isSame) return undefined;
      this.#hits++;
      return entry;
    }
    return undefined;
  }

  /** Adds an entry for a new call. `args` are as for {@link find} and must stay unchanged until the call ends. */
  begin(key: CallKey, from: Origin, args?: Buffer): CachedReply {
    let client = this.#clients.get(key.client);
    if (client === undefined) {
      client = new ClientReplies(key.client);
      this.#clients.set(key.client, client);
      this.#bytes += CLIENT_BYTES;
    }
    const entry = new CachedReply(key, client, from, args);
    client.begin(entry);
    this.#size++;
    this.#count(client, ENTRY_BYTES + key.caller.length);
    if (entry.twin !== undefined) this.#dropTwins(entry);
    return entry;
  }

  /** Records that the call was answered with `reply`, which is copied. */
  end(entry: CachedReply, reply: Buffer): void {
    const client = entry.owner;
    const now = this.#now();
    entry.endedAt = now;
    entry.args = undefined;
    client.add(entry, reply);
    this.#count(client, reply.length);
    this.#moveToEnd(client);
    this.#trim(client, now);
  }

  /**
   * Drops the entry, because a retry should not get its result or because its room is needed. A retry is carried out
   * anew.
   */
  drop(entry: CachedReply): void {
    const client = entry.owner;
    client.remove(entry);
    if (client.answered.oldest === undefined) this.#unlist(client);
    this.#size--;
    this.#count(client, -ENTRY_BYTES - entry.key.caller.length - entry.replyBytes);
    if (!client.isEmpty) return;
    this.#clients.delete(client.address);
    this.#bytes -= CLIENT_BYTES;
  }

  #dropTwins(newest: CachedReply): void {
    let answered = 0;
    let last: CachedReply | undefined;
    for (let entry = newest.twin; entry !== undefined; entry = entry.twin) {
      if (entry.underWay) continue;
      answered++;
      last = entry;
    }
    if (answered > SAME_XID_MAX) this.drop(last!);
  }

  #count(client: ClientReplies, bytes: number): void {
    client.bytes += bytes;
    this.#bytes += bytes;
  }

  #trim(client: ClientReplies, now: number): void {
    for (let i = 0; i < EXPIRED_AT_ONCE; i++) {
      for (const one of [client, this.#answered.oldest]) {
        const oldest = one?.answered.oldest;
        if (oldest !== undefined && isOld(oldest, now)) this.drop(oldest);
      }
    }
    while (this.#bytes > this.#bytesMax && this.#answered.oldest !== undefined) {
      this.drop(this.#giver(client).answered.oldest!);
    }
  }

  /**
   * Chooses the client that loses its oldest reply to make room for one of `client`: a client over its share, or else
   * the one that has been silent for longest.
   */
  #giver(client: ClientReplies): ClientReplies {
    const share = Math.max(this.#bytesMax / this.#clients.size, SHARE_BYTES_MIN);
    if (client.bytes > share && client.answered.oldest !== undefined) return client;
    // With so many clients none has much. A client that was busy before will become the one silent for longest.
    if (this.#clients.size * SHARE_BYTES_MIN > this.#bytesMax) return this.#answered.oldest!;
    for (let left = this.#clients.size; left > 0; left--) {
      // `#hand` stays at the client that was found, so that the next search is short.
      if (this.#hand !== undefined && this.#hand.bytes > share) return this.#hand;
      this.#hand = this.#hand?.newer ?? this.#answered.oldest;
    }
    return this.#answered.oldest!;
  }

  #moveToEnd(client: ClientReplies): void {
    if (this.#answered.newest === client) return;
    this.#unlist(client);
    this.#answered.add(client);
  }

  #unlist(client: ClientReplies): void {
    if (!this.#answered.has(client)) return;
    if (this.#hand === client) this.#hand = client.newer;
    this.#answered.remove(client);
  }
}
