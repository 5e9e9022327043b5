/** A struct msghdr for recvmsg(2) and sendmsg(2), with all it points to. The layout is that of every 64-bit Linux. */
import { addressOf } from '../libc.ts';

/** More than any UDP datagram has. */
export const DATAGRAM_BYTES_MAX = 65_536;

const NAME_LENGTH_AT = 8;
const IOVEC_POINTER_AT = 16;
const IOVEC_COUNT_AT = 24;
const CONTROL_POINTER_AT = 32;
const CONTROL_LENGTH_AT = 40;
// The header is followed by what it points to.
const IOVEC_AT = 64;
const NAME_AT = 80;
/** A struct sockaddr_in6. */
const NAME_BYTES = 28;
const CONTROL_AT = 112;
const CONTROL_BYTES = 64;
const DATA_AT = CONTROL_AT + CONTROL_BYTES;

export class Message {
  /** The address of the struct msghdr, for the system call. */
  readonly address: number;
  readonly #bytes: Buffer;

  constructor() {
    const memory = new ArrayBuffer(DATA_AT + DATAGRAM_BYTES_MAX);
    this.#bytes = Buffer.from(memory);
    this.address = addressOf(memory);
    const point = (at: number, to: number) => this.#bytes.writeBigUInt64LE(BigInt(this.address + to), at);
    point(0, NAME_AT);
    point(IOVEC_POINTER_AT, IOVEC_AT);
    this.#bytes.writeUInt32LE(1, IOVEC_COUNT_AT);
    point(CONTROL_POINTER_AT, CONTROL_AT);
    point(IOVEC_AT, DATA_AT);
  }

  /** Must be called before recvmsg. */
  makeRoom(): void {
    this.#setLengths(NAME_BYTES, CONTROL_BYTES, DATAGRAM_BYTES_MAX);
  }

  /** Must be called before sendmsg, with the receiver's sockaddr, control messages (may be empty), and the datagram. */
  fill(name: Uint8Array, control: Uint8Array, data: Uint8Array): void {
    this.#bytes.set(name, NAME_AT);
    this.#bytes.set(control, CONTROL_AT);
    this.#bytes.set(data, DATA_AT);
    this.#setLengths(name.length, control.length, data.length);
  }

  /** The sender's sockaddr after recvmsg. Like the following getters it returns a view. */
  get name(): Buffer {
    return this.#view(NAME_AT, Math.min(this.#bytes.readUInt32LE(NAME_LENGTH_AT), NAME_BYTES));
  }

  get control(): Buffer {
    return this.#view(CONTROL_AT, Math.min(this.#bytes.readUInt32LE(CONTROL_LENGTH_AT), CONTROL_BYTES));
  }

  /** The datagram after recvmsg, which returned `length`. */
  data(length: number): Buffer {
    return this.#view(DATA_AT, length);
  }

  #view(at: number, length: number): Buffer {
    return this.#bytes.subarray(at, at + length);
  }

  #setLengths(name: number, control: number, data: number): void {
    this.#bytes.writeUInt32LE(name, NAME_LENGTH_AT);
    this.#bytes.writeUInt32LE(control, CONTROL_LENGTH_AT);
    this.#bytes.writeUInt32LE(data, IOVEC_AT + 8);
  }
}
