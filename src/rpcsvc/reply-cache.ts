/**
 * The duplicate request cache: a client that has not seen a reply sends its call again, and a REMOVE that has been done
 * must then not answer NOENT (RFC 1813, 4.5). Replies of calls that are not idempotent are kept and given again to the
 * same call: same client, xid, program, version, procedure and arguments.
 *
 * The client's port does not count: a retry after a broken connection comes from another. The arguments do, since an
 * xid may come up again by chance, and their checksum tells.
 *
 * There is room for so many bytes, shared fairly: a client whose connection is broken asks again when it is back, which
 * may be after others have made thousands of calls. What is under way is never dropped, or a retry would do it twice; it
 * is bounded by the calls that a client may have under way.
 */
import { type CallKey, sameCall } from './call-key.ts';
import { CachedReply, CLIENT_BYTES, ClientReplies } from './client-replies.ts';
import type { Transport } from './transport.ts';

/** What an entry takes besides its reply, roughly. */
const ENTRY_BYTES = 240;
/** A client may have as much, or as the others when they are many; what he has more, he gives up first. */
const SHARE_BYTES_MIN = 16 * 1024;
/** Nobody sends a call again after so long, but who counts xids from 1 after each start may come to the same one. */
const AGE_MS_MAX = 10 * 60_000;
/** More than come, and not so many that anyone waits for it. */
const EXPIRED_AT_ONCE = 2;

const isOld = ({ endedAt }: CachedReply, now: number): boolean => now - endedAt > AGE_MS_MAX;

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
  /** The ends of the list of clients that have replies here. */
  #silent: ClientReplies | undefined;
  #latest: ClientReplies | undefined;
  /** Goes round it. */
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

  /** What is known of this call: its reply, or that it is under way; `undefined` if it is new. */
  find(key: CallKey): CachedReply | undefined {
    let entry = this.#clients.get(key.client)?.byXid.get(key.xid);
    while (entry !== undefined && !sameCall(entry.key, key)) entry = entry.twin;
    if (entry === undefined || isOld(entry, this.#now())) return undefined;
    this.#hits++;
    return entry;
  }

  /** A new call has begun; its reply goes to `transport`. */
  begin(key: CallKey, transport: Transport): CachedReply {
    let client = this.#clients.get(key.client);
    if (client === undefined) {
      client = new ClientReplies(key.client);
      this.#clients.set(key.client, client);
      this.#bytes += CLIENT_BYTES;
    }
    const entry = new CachedReply(key, client, transport);
    entry.twin = client.byXid.get(key.xid);
    client.byXid.set(key.xid, entry);
    this.#size++;
    this.#count(client, ENTRY_BYTES);
    return entry;
  }

  /** It has been answered with `reply`, which is copied. */
  end(entry: CachedReply, reply: Buffer): void {
    const client = entry.owner;
    const now = this.#now();
    entry.endedAt = now;
    client.add(entry, reply);
    this.#count(client, reply.length);
    this.#moveToEnd(client);
    this.#trim(client, now);
  }

  /** A call under way came to nothing that a retry should be told: it is to be tried anew. */
  drop(entry: CachedReply): void {
    const client = entry.owner;
    client.forget(entry);
    this.#size--;
    this.#count(client, -ENTRY_BYTES - entry.replyBytes);
    if (client.byXid.size > 0) return;
    this.#clients.delete(client.address);
    this.#bytes -= CLIENT_BYTES;
  }

  #count(client: ClientReplies, bytes: number): void {
    client.bytes += bytes;
    this.#bytes += bytes;
  }

  #dropOldest(client: ClientReplies): void {
    const entry = client.shift();
    if (client.oldest === undefined) this.#unlink(client);
    this.drop(entry);
  }

  #trim(client: ClientReplies, now: number): void {
    for (let i = 0; i < EXPIRED_AT_ONCE; i++) {
      if (isOld(client.oldest!, now)) this.#dropOldest(client);
      if (isOld(this.#silent!.oldest!, now)) this.#dropOldest(this.#silent!);
    }
    while (this.#bytes > this.#bytesMax && this.#silent !== undefined) this.#dropOldest(this.#giver(client));
  }

  /** Who gives up his oldest reply for one of `client`: who has more than his share, or was silent for longest. */
  #giver(client: ClientReplies): ClientReplies {
    const share = Math.max(this.#bytesMax / this.#clients.size, SHARE_BYTES_MIN);
    if (client.bytes > share && client.oldest !== undefined) return client;
    // With so many clients, none of them has much; who was busy before will be silent for longest.
    if (this.#clients.size * SHARE_BYTES_MIN > this.#bytesMax) return this.#silent!;
    for (let left = this.#clients.size; left > 0; left--) {
      // It stays with whom it finds, so that the next look is short.
      if (this.#hand !== undefined && this.#hand.bytes > share) return this.#hand;
      this.#hand = this.#hand?.after ?? this.#silent;
    }
    return this.#silent!;
  }

  #moveToEnd(client: ClientReplies): void {
    if (this.#latest === client) return;
    this.#unlink(client);
    client.before = this.#latest;
    if (this.#latest === undefined) this.#silent = client;
    else this.#latest.after = client;
    this.#latest = client;
  }

  #unlink(client: ClientReplies): void {
    if (this.#hand === client) this.#hand = client.after;
    if (this.#silent === client) this.#silent = client.after;
    if (this.#latest === client) this.#latest = client.before;
    if (client.before !== undefined) client.before.after = client.after;
    if (client.after !== undefined) client.after.before = client.before;
    client.before = client.after = undefined;
  }
}
