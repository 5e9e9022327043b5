/** Calls to other RPC servers (RFC 5531) over a stream: TCP, or a unix socket. Many calls may be under way at once. */
import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import { call_header, msg_type, NO_AUTH, type opaque_auth, reply_header, RPC_VERSION } from '#protocols/rpc.ts';
import type { Codec } from '#protocols/xdr/codec.ts';
import { XdrError, XdrReader, XdrWriter } from '#protocols/xdr/stream.ts';
import { refusalOf, RpcError } from './error.ts';
import { openStream, type RpcTarget, targetText } from './socket.ts';
import { RecordError, RecordReader } from '../rpc/record.ts';

const RECORD_BYTES_MAX = 4 * 1024 * 1024;
const FRAGMENTS_MAX = 4096;
const CALLS_MAX = 1024;
const LAST_FRAGMENT = 0x8000_0000;

export interface RpcClientOptions {
  readonly target: RpcTarget;
  /** The time limit for the connection to be made, and for each answer. */
  readonly timeoutMs: number;
  /** When it is aborted, the connection and all calls under way are given up. */
  readonly signal?: AbortSignal;
  /** Longer answers are not taken; the connection then ends. 4 MiB by default. */
  readonly recordBytesMax?: number;
  /** Calls under way at once; one more fails with BUSY. 1024 by default. */
  readonly callsMax?: number;
  readonly cred?: opaque_auth;
}

/** A procedure of another server's program. */
export interface RemoteProcedure<Args, Res> {
  /** The name in error messages, such as `rpcbind 4 SET`. */
  readonly name: string;
  readonly prog: number;
  readonly vers: number;
  readonly proc: number;
  readonly args: Codec<Args>;
  readonly res: Codec<Res>;
}

interface Pending {
  readonly procedure: RemoteProcedure<any, any>;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: RpcError) => void;
}

export class RpcClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #options: RpcClientOptions;
  readonly #reader: RecordReader;
  readonly #pending = new Map<number, Pending>();
  #xid = randomInt(0x1_0000_0000);
  /** Why no more calls are taken. */
  #ended: RpcError | undefined;

  /** @throws {RpcError} CANNOT_CONNECT, TIMED_OUT, ABORTED */
  static async connect(options: RpcClientOptions): Promise<RpcClient> {
    return new RpcClient(await openStream(options.target, options.timeoutMs, options.signal), options);
  }

  /** Called by {@link connect}. */
  constructor(socket: Socket, options: RpcClientOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new RecordReader({
      recordBytesMax: options.recordBytesMax ?? RECORD_BYTES_MAX,
      fragmentsMax: FRAGMENTS_MAX,
    });
    const there = targetText(options.target);
    const abort = () => this.#end(new RpcError('ABORTED', `${there}: given up`, { cause: options.signal?.reason }));
    options.signal?.addEventListener('abort', abort, { once: true });
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', cause => this.#end(new RpcError('CLOSED', `${there}: ${cause.message}`, { cause })));
    socket.on('close', () => {
      options.signal?.removeEventListener('abort', abort);
      this.#end(new RpcError('CLOSED', `${there} closed the connection`));
    });
    if (options.signal?.aborted) abort();
  }

  /**
   * Calls a procedure and returns its results. Parts of them may be views into a buffer that belongs to them alone.
   * @throws {RpcError} the server refused the call or did not answer, see `code`
   */
  call<Args, Res>(procedure: RemoteProcedure<Args, Res>, args: Args, timeoutMs?: number): Promise<Res> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (this.#pending.size >= (this.#options.callsMax ?? CALLS_MAX)) {
      const message = `${procedure.name}: ${this.#pending.size} calls wait for an answer already`;
      return Promise.reject(new RpcError('BUSY', message));
    }
    const xid = this.#nextXid();
    const record = this.#encode(xid, procedure, args);
    return new Promise<Res>((resolve, reject) => {
      const ms = timeoutMs ?? this.#options.timeoutMs;
      const timer = setTimeout(() => this.#timedOut(xid, ms), ms);
      this.#pending.set(xid, { procedure, timer, resolve: value => resolve(value as Res), reject });
      this.#socket.write(record);
    });
  }

  /** Closes the connection; calls under way fail with CLOSED. Safe to call twice. */
  async close(): Promise<void> {
    this.#end(new RpcError('CLOSED', 'the connection has been closed on this side'));
    if (!this.#socket.closed) await new Promise<void>(resolve => this.#socket.once('close', () => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #encode<Args>(xid: number, { prog, vers, proc, args: codec }: RemoteProcedure<Args, any>, args: Args): Buffer {
    const to = new XdrWriter();
    to.uint32(0); // the record mark, patched below
    const cred = this.#options.cred ?? NO_AUTH;
    call_header.encode(to, { xid, mtype: msg_type.CALL, rpcvers: RPC_VERSION, prog, vers, proc, cred, verf: NO_AUTH });
    codec.encode(to, args);
    const record = to.toBuffer();
    record.writeUInt32BE((LAST_FRAGMENT | (record.length - 4)) >>> 0, 0);
    return record;
  }

  #nextXid(): number {
    do this.#xid = (this.#xid + 1) >>> 0;
    while (this.#pending.has(this.#xid));
    return this.#xid;
  }

  #take(chunk: Buffer): void {
    try {
      this.#reader.take(chunk);
      while (this.#reader.next()) {
        const { bytes } = this.#reader.buffer;
        // What is decoded may be kept for long, and the reader's buffer is used again.
        this.#answer(Buffer.from(bytes.subarray(this.#reader.from, this.#reader.to)));
      }
      this.#reader.rest();
    } catch (error) {
      if (!(error instanceof RecordError || error instanceof XdrError)) throw error;
      this.#end(new RpcError('BAD_REPLY', `${targetText(this.#options.target)}: ${error.message}`, { cause: error }));
    }
  }

  /** @throws {XdrError} the record is no reply at all: what comes next cannot be trusted */
  #answer(record: Buffer): void {
    const from = new XdrReader(record);
    const { xid, reply } = reply_header.decode(from);
    const pending = this.#pending.get(xid);
    if (!pending) return; // its call has been given up
    this.#pending.delete(xid);
    clearTimeout(pending.timer);
    const { procedure } = pending;
    const refusal = refusalOf(procedure.name, reply);
    if (refusal) {
      pending.reject(refusal);
      return;
    }
    try {
      const value: unknown = procedure.res.decode(from);
      if (from.left > 0) throw new XdrError(`${from.left} bytes after the results`);
      pending.resolve(value);
    } catch (cause) {
      if (!(cause instanceof XdrError)) throw cause;
      pending.reject(new RpcError('BAD_REPLY', `${procedure.name}: ${cause.message}`, { cause }));
    }
  }

  #timedOut(xid: number, ms: number): void {
    const pending = this.#pending.get(xid)!;
    this.#pending.delete(xid);
    const there = targetText(this.#options.target);
    pending.reject(new RpcError('TIMED_OUT', `${pending.procedure.name}: no answer from ${there} in ${ms} ms`));
  }

  #end(why: RpcError): void {
    if (this.#ended) return;
    this.#ended = why;
    this.#socket.destroy();
    this.#reader.close();
    for (const { timer, reject } of this.#pending.values()) {
      clearTimeout(timer);
      reject(why);
    }
    this.#pending.clear();
  }
}
