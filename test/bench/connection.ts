/**
 * One connection of the load generator. It encodes nothing: calls are sent as they were prepared, with a new xid, and only the
 * header and the status of a reply are read.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const RECEIVE_BYTES = 256 * 1024;
const SEND_BYTES = 64 * 1024;
/** The size of the header: record mark, xid, REPLY, MSG_ACCEPTED, verifier (flavor, length 0), SUCCESS. */
const HEADER_BYTES = 28;
const LAST_FRAGMENT = 0x8000_0000;
const SLOT_BITS = 8;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The calls of each slot, which repeats its list. `payload` is sent behind each call. */
export interface Calls {
  readonly lists: readonly (readonly Buffer[])[];
  readonly payload?: Buffer | undefined;
}

interface Slot {
  readonly calls: readonly Buffer[];
  next: number;
  xid: number;
}

/** What all connections of a run share. */
export interface Tally {
  /** How many calls have been answered. */
  done: number;
  /** No more calls are sent. */
  stopping: boolean;
  /** Called when a connection has failed, or was closed too early. */
  readonly fail: (error: Error) => void;
}

export class Connection {
  readonly #socket: Socket;
  readonly #slots: Slot[];
  readonly #replyBytesMin: number;
  readonly #payload: Buffer | undefined;
  readonly #tally: Tally;
  readonly #headBytes: number;
  readonly #head: Buffer;
  #headFilled = 0;
  /** How many bytes of the current record are still to come. */
  #skip = 0;
  #slot = -1;
  #out: Buffer = Buffer.allocUnsafeSlow(SEND_BYTES);
  #outFilled = 0;
  #waiting = 0;
  #idle: () => void = () => {};

  /** `lists` has the calls of each slot. A reply of less than `replyBytesMin` bytes is no success. */
  constructor({ host, port }: Address, replyBytesMin: number, { lists, payload }: Calls, tally: Tally) {
    this.#replyBytesMin = replyBytesMin;
    this.#payload = payload;
    this.#tally = tally;
    this.#slots = lists.map((calls, i) => ({ calls, next: 0, xid: i }));
    // A reply to NULL has no status after the header.
    this.#headBytes = replyBytesMin < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + 4;
    this.#head = Buffer.alloc(this.#headBytes);
    const buffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
    const callback = (count: number) => {
      this.#take(buffer, count);
      return true;
    };
    this.#socket = connect({ host, port, onread: { buffer, callback } });
    this.#socket.on('error', tally.fail);
    this.#socket.on('close', () => tally.stopping || tally.fail(new Error('the server closed a connection')));
  }

  async start(): Promise<void> {
    await once(this.#socket, 'connect');
    this.#socket.setNoDelay(true);
    for (const slot of this.#slots) this.#send(slot);
    this.#flush();
  }

  /** Resolves when no call waits for its reply. The run must be stopping. */
  async idle(): Promise<void> {
    if (this.#waiting > 0) await new Promise<void>(resolve => (this.#idle = resolve));
  }

  end(): void {
    this.#socket.destroy();
  }

  #take(buffer: Buffer, end: number): void {
    let at = 0;
    while (at < end) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, end - at);
        this.#skip -= passed;
        at += passed;
      } else {
        let head = buffer;
        let headAt = at;
        if (this.#headFilled > 0 || end - at < this.#headBytes) {
          const copied = buffer.copy(
            this.#head,
            this.#headFilled,
            at,
            Math.min(end, at + this.#headBytes - this.#headFilled),
          );
          this.#headFilled += copied;
          at += copied;
          if (this.#headFilled < this.#headBytes) break;
          head = this.#head;
          headAt = 0;
          this.#headFilled = 0;
        } else {
          at += this.#headBytes;
        }
        this.#skip = this.#check(head, headAt);
      }
      if (this.#skip === 0) this.#finish();
    }
    this.#flush();
  }

  /** Reads the header of a reply. Returns how many bytes of its record follow it. */
  #check(head: Buffer, at: number): number {
    const length = head.readUInt32BE(at) - LAST_FRAGMENT;
    if (length < this.#replyBytesMin) throw new Error(`a reply of ${length} bytes, or in several fragments`);
    const xid = head.readUInt32BE(at + 4);
    this.#slot = xid & ((1 << SLOT_BITS) - 1);
    const slot = this.#slots[this.#slot];
    if (slot === undefined || slot.xid !== xid) throw new Error(`a reply without a call: xid ${xid}`);
    for (let i = 12; i < this.#headBytes; i += 4) {
      if (head.readUInt32BE(at + i) !== 0)
        throw new Error(`a call failed: ${head.toString('hex', at, at + this.#headBytes)}`);
    }
    return length + 4 - this.#headBytes;
  }

  #finish(): void {
    this.#tally.done++;
    this.#waiting--;
    if (!this.#tally.stopping) this.#send(this.#slots[this.#slot]!);
    else if (this.#waiting === 0) this.#idle();
  }

  #send(slot: Slot): void {
    const call = slot.calls[slot.next]!;
    if (++slot.next === slot.calls.length) slot.next = 0;
    slot.xid = (slot.xid + (1 << SLOT_BITS)) >>> 0;
    this.#waiting++;
    const payload = this.#payload;
    if (payload !== undefined && payload.length > SEND_BYTES / 8) {
      // A large call: its header and bytes are sent as they are. The slot owns its call, and does not send it again
      // before the reply.
      call.writeUInt32BE(slot.xid, 4);
      this.#socket.cork();
      this.#socket.write(call);
      this.#socket.write(payload);
      process.nextTick(() => this.#socket.uncork());
      return;
    }
    const bytes = call.length + (payload?.length ?? 0);
    if (this.#outFilled + bytes > SEND_BYTES) this.#flush();
    const at = this.#outFilled;
    this.#out.set(call, at);
    if (payload !== undefined) this.#out.set(payload, at + call.length);
    this.#out.writeUInt32BE(slot.xid, at + 4);
    this.#outFilled = at + bytes;
  }

  #flush(): void {
    if (this.#outFilled === 0) return;
    this.#socket.write(this.#out.subarray(0, this.#outFilled));
    // The kernel has not taken all of the buffer, so it is still in use.
    if (this.#socket.writableLength > 0) this.#out = Buffer.allocUnsafeSlow(SEND_BYTES);
    this.#outFilled = 0;
  }
}
