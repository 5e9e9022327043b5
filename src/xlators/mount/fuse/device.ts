/** /dev/fuse: the requests of the kernel, and the replies to them. */
import { closeSync, write, writevSync } from 'node:fs';
import { EXPIRE_ONLY, Notify, Opcode } from '#protocols/fuse/constants.ts';
import {
  fuse_in_header,
  fuse_notify_inval_entry_out,
  fuse_notify_inval_inode_out,
  fuse_out_header,
} from '#protocols/fuse/header.ts';
import type { Struct } from '#protocols/fuse/codec.ts';
import { ERRNO, errnoOf, FsError } from '../../../errno.ts';
import { addressOf, errno, readAt, writeAt } from '../../../sys/libc.ts';
import { type Unwatch, whenReadable } from '../../../sys/sockets/sockets.ts';

/** The most bytes of a READ or WRITE. */
export const IO_BYTES_MAX = 1024 * 1024;
/** More than the headers of any request. */
const HEADERS_MAX = 4096;
const REQUEST_BYTES_MAX = IO_BYTES_MAX + HEADERS_MAX;
/** How many requests are read before other events have their turn. */
const TURN = 32;
/** While requests come one by one, a second one is looked for only in one of so many turns. */
const LOOKS_EACH = 8;
/** How many buffers may be kept for requests whose data the graph still uses. */
const LENT_MAX = 16;
/** Replies with more data are sent without copying the data. */
const COPIED_MAX = 4096;

/** Operations that have no answer. */
const SILENT: ReadonlySet<number> = new Set([Opcode.FORGET, Opcode.BATCH_FORGET, Opcode.INTERRUPT]);

interface RequestBuffer {
  readonly bytes: Buffer;
  readonly address: number;
}

function requestBuffer(): RequestBuffer {
  const memory = new ArrayBuffer(REQUEST_BYTES_MAX);
  return { bytes: Buffer.from(memory), address: addressOf(memory) };
}

export interface DeviceHandlers {
  /** Called for each request, with the header and all other bytes up to `length`. */
  request(header: fuse_in_header, bytes: Buffer, length: number): void;
  /** Called once when the mount is gone, with the error if it is not because of an unmount. */
  ended(error?: Error): void;
}

/** A descriptor of /dev/fuse on which nothing waits: reads that would wait end the turn. */
export class Device {
  readonly fd: number;
  readonly #handlers: DeviceHandlers;
  readonly #free: RequestBuffer[] = [];
  #buffer = requestBuffer();
  #lent = 0;
  /** Whether several requests came at the same time lately. Otherwise the read that finds no second one is saved. */
  #several = false;
  #turns = 0;
  readonly #replyMemory = new ArrayBuffer(REQUEST_BYTES_MAX);
  readonly #reply = Buffer.from(this.#replyMemory);
  readonly #replyAddress = addressOf(this.#replyMemory);
  #unwatch: Unwatch | undefined;
  /** How many messages threads of the pool are writing. */
  #told = 0;
  /** Set when the device is to be closed: resolves when the last of them is written and it is closed. */
  #leaving: PromiseWithResolvers<void> | undefined;

  constructor(fd: number, handlers: DeviceHandlers) {
    this.fd = fd;
    this.#handlers = handlers;
  }

  /** Begins to read requests, or goes on after a {@link pause}. */
  start(): void {
    if (this.#leaving === undefined) this.#unwatch ??= whenReadable(this.fd, () => this.#read());
  }

  /** Reads no requests until {@link start}: callers wait. */
  pause(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  /**
   * Ends the connection with the kernel. A message that is being written keeps the connection, and may wait for the answer
   * to a request: until it is written, requests are answered with ENOTCONN. Those that were read before are the caller's.
   */
  close(): Promise<void> {
    if (this.#leaving === undefined) {
      this.#leaving = Promise.withResolvers<void>();
      if (this.#told === 0) this.#closeNow();
    }
    return this.#leaving.promise;
  }

  #closeNow(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    closeSync(this.fd);
    this.#leaving!.resolve();
  }

  /**
   * Keeps the bytes of the request that is being handled from being overwritten, until the function that is returned has
   * been called.
   */
  lend(): () => void {
    const lent = this.#buffer;
    this.#buffer = this.#free.pop() ?? requestBuffer();
    this.#lent++;
    return () => {
      this.#free.push(lent);
      if (this.#lent-- === LENT_MAX) setImmediate(() => this.#read());
    };
  }

  /** Answers a request with a structure. False if the kernel no longer wants the answer. */
  answer<T>(unique: number, codec: Struct<T>, value: T): boolean {
    codec.encode(this.#reply, fuse_out_header.size, value);
    return this.#send(unique, 0, codec.size);
  }

  /** Answers with what `fill` writes into the reply; it returns the number of bytes. */
  answerFilled(unique: number, fill: (reply: Buffer, at: number) => number): boolean {
    return this.#send(unique, 0, fill(this.#reply, fuse_out_header.size));
  }

  /** Answers with bytes, of which at most {@link IO_BYTES_MAX} are sent. */
  answerBytes(unique: number, data: Buffer): boolean {
    const { size } = fuse_out_header;
    if (data.length <= COPIED_MAX) {
      data.copy(this.#reply, size);
      return this.#send(unique, 0, data.length);
    }
    fuse_out_header.encode(this.#reply, 0, { len: size + data.length, error: 0, unique });
    try {
      writevSync(this.fd, [this.#reply.subarray(0, size), data]);
      return true;
    } catch (error) {
      return this.#refused(ERRNO[errnoOf(error) ?? 'EIO']);
    }
  }

  /** Answers with nothing, or with an errno. */
  answerNothing(unique: number, number = 0): boolean {
    return this.#send(unique, number === 0 ? 0 : -number, 0);
  }

  /**
   * Tells the kernel that the attributes of a node have changed. This must be called while a request about the node is
   * not answered, which keeps the kernel's inode: otherwise the write could wait for the end of that inode, which may
   * wait for an answer of this thread. For the same reason data are not invalidated here.
   */
  attributesChanged(nodeid: number): void {
    const { size } = fuse_notify_inval_inode_out;
    fuse_notify_inval_inode_out.encode(this.#reply, fuse_out_header.size, { nodeid, off: -1, len: 0 });
    const len = fuse_out_header.size + size;
    fuse_out_header.encode(this.#reply, 0, { len, error: Notify.INVAL_INODE, unique: 0 });
    writeAt(this.fd, this.#replyAddress, len); // fails if the kernel has no such node any more
  }

  /** Tells the kernel that the attributes of a node and, with `data`, its data have changed. */
  objectChanged(nodeid: number, data: boolean): Promise<void> {
    const message = Buffer.alloc(fuse_out_header.size + fuse_notify_inval_inode_out.size);
    fuse_notify_inval_inode_out.encode(message, fuse_out_header.size, { nodeid, off: data ? 0 : -1, len: 0 });
    return this.#tell(Notify.INVAL_INODE, message);
  }

  /** Tells the kernel that a name may not lead to the same object any more, so that it asks for the name again. */
  nameChanged(parent: number, name: string): Promise<void> {
    const { size } = fuse_out_header;
    const message = Buffer.alloc(size + fuse_notify_inval_entry_out.size + name.length + 1);
    const out = { parent, namelen: name.length, flags: EXPIRE_ONLY };
    fuse_notify_inval_entry_out.encode(message, size, out);
    message.write(name, size + fuse_notify_inval_entry_out.size, 'latin1');
    return this.#tell(Notify.INVAL_ENTRY, message);
  }

  /**
   * Writes a message in a thread of the pool: the write may wait for the answer to a request, which this thread gives. That
   * the kernel knows no such node or name is no error.
   */
  async #tell(kind: number, message: Buffer): Promise<void> {
    if (this.#leaving !== undefined) return;
    fuse_out_header.encode(message, 0, { len: message.length, error: kind, unique: 0 });
    this.#told++;
    await new Promise<void>(resolve => write(this.fd, message, 0, message.length, null, () => resolve()));
    if (--this.#told === 0 && this.#leaving !== undefined) this.#closeNow();
  }

  #send(unique: number, error: number, length: number): boolean {
    const len = fuse_out_header.size + length;
    fuse_out_header.encode(this.#reply, 0, { len, error, unique });
    return writeAt(this.fd, this.#replyAddress, len) >= 0 || this.#refused(errno());
  }

  /** The caller was killed, or the mount is gone; anything else is a bug, and the caller must not wait for ever. */
  #refused(number: number): boolean {
    if (number === ERRNO.ENOENT || number === ERRNO.ENODEV || number === ERRNO.EPERM) return false;
    throw FsError.of(number, 'reply to /dev/fuse');
  }

  #read(): void {
    const most = this.#several || ++this.#turns % LOOKS_EACH === 0 ? TURN : 1;
    for (let i = 0; i < most && this.#unwatch !== undefined && this.#lent < LENT_MAX; i++) {
      const { bytes, address } = this.#buffer;
      const length = readAt(this.fd, address, REQUEST_BYTES_MAX);
      if (most > 1) this.#several = i > 0 && (length >= 0 || i > 1);
      if (length >= fuse_in_header.size) {
        const header = fuse_in_header.decode(bytes, 0);
        if (this.#leaving === undefined) this.#handlers.request(header, bytes, length);
        else if (!SILENT.has(header.opcode)) this.answerNothing(header.unique, ERRNO.ENOTCONN);
        continue;
      }
      const number = length < 0 ? errno() : ERRNO.EIO;
      if (number === ERRNO.EAGAIN) return;
      // ENOENT: the caller of the request was killed before the request could be read.
      if (number === ERRNO.EINTR || number === ERRNO.ENOENT) continue;
      this.#unwatch();
      this.#unwatch = undefined;
      this.#handlers.ended(number === ERRNO.ENODEV ? undefined : FsError.of(number, 'read of /dev/fuse'));
      void this.close(); // the descriptor's number may be used again from here on
      return;
    }
  }
}
