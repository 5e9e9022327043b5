/**
 * Calls to other RPC servers (RFC 5531) over a stream: TCP, TLS, or a unix socket. Many calls may be under way at once;
 * those of one turn of the event loop go out with one write.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { call_header, msg_type, NO_AUTH, type RemoteProcedure } from '#protocols/rpc.ts';
import { XdrError, XdrReader } from '#protocols/xdr/stream.ts';
import { Budget, Share } from '../rpc/budget.ts';
import { Outgoing } from '../rpc/outgoing.ts';
import { type PendingCall, PendingCalls, type AnyProcedure, writeCall } from './calls.ts';
import { type Credential, fixedCredential } from './credential.ts';
import { Departures } from './departures.ts';
import { EarlyAnswers } from './early-answers.ts';
import { RpcError } from './error.ts';
import { Incoming } from './incoming.ts';
import type { CallOptions, RpcClientOptions } from './options.ts';
import { isSmallIn, PlacedReply, readRefusal, type RemoteReply } from './reply.ts';
import { isLocal, openStream, type StreamOptions, targetText, tune, writeApart } from './socket.ts';
import { Watch } from './watch.ts';

export type { RemoteProcedure } from '#protocols/rpc.ts';

const RECORD_BYTES_MAX = 4 * 1024 * 1024;
const FRAGMENTS_MAX = 4096;
const CALLS_MAX = 1024;
/** What a server's clients may take is limited by their own budgets; a client sends what it is given. */
const UNLIMITED = new Budget(Infinity, Infinity);

const NO_OPTIONS: CallOptions = {};
const NO_CREDENTIAL = fixedCredential(NO_AUTH);

/** Reads the records of all clients of this thread. What is read is decoded before anything else runs. */
const reader = new XdrReader(Buffer.alloc(0));

/** The functions of the promise that is being made: a promise then costs no further closure. */
let resolveOf: (value: any) => void;
let rejectOf: (error: unknown) => void;
const keep = (resolve: (value: any) => void, reject: (error: unknown) => void): void => {
  resolveOf = resolve;
  rejectOf = reject;
};

export class RpcClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #options: RpcClientOptions;
  readonly #cred: Credential;
  readonly #callsMax: number;
  readonly #incoming: Incoming;
  readonly #out: Outgoing;
  readonly #calls = new PendingCalls();
  readonly #early: EarlyAnswers;
  readonly #departures: Departures;
  readonly #watch: Watch;
  /** When something was last received, on the clock of `performance.now()`. */
  #receivedAt = 0;
  /** Why no more calls are taken. */
  #ended: RpcError | undefined;

  /** @throws {RpcError} CANNOT_CONNECT, TIMED_OUT, ABORTED */
  static async connect(options: RpcClientOptions): Promise<RpcClient> {
    const incoming = incomingOf(options);
    const { target, timeoutMs, signal } = options;
    const socket = await openStream(target, timeoutMs, signal, { ...options, onread: incoming.onread });
    return new RpcClient(socket, options, incoming);
  }

  /** Takes over a connected socket. {@link connect} also says how it receives: by `incoming`. */
  constructor(socket: Socket, options: RpcClientOptions, incoming?: Incoming) {
    this.#socket = socket;
    this.#options = options;
    this.#cred = options.cred === undefined ? NO_CREDENTIAL : fixedCredential(options.cred);
    this.#callsMax = options.callsMax ?? CALLS_MAX;
    this.#incoming = incoming ?? incomingOf(options);
    this.#out = new Outgoing(socket, new Share(UNLIMITED), () => this.#early.sent(), socket instanceof TLSSocket);
    this.#departures = new Departures(this.#out);
    this.#early = new EarlyAnswers(this.#calls, position => this.#out.hasSent(position));
    if (socket instanceof TLSSocket) writeApart(socket);
    this.#watch = new Watch(() => options.ping?.ms ?? Infinity, {
      calls: () => this.#calls.size,
      earliest: () => this.#calls.earliest(),
      overdue: now => this.#overdue(now),
      lifeAt: () => this.#out.tookAt,
      ping: () => this.#ping(),
      dead: ms => this.#end(new RpcError('TIMED_OUT', `${this.#there}: no sign of life for ${ms} ms`)),
    });
    const abort = () =>
      this.#end(new RpcError('ABORTED', `${this.#there}: given up`, { cause: options.signal?.reason }));
    options.signal?.addEventListener('abort', abort, { once: true });
    socket.on('error', cause => this.#end(new RpcError('CLOSED', `${this.#there}: ${cause.message}`, { cause })));
    socket.on('close', () => {
      options.signal?.removeEventListener('abort', abort);
      this.#end(new RpcError('CLOSED', `${this.#there} closed the connection`));
      this.#out.close();
    });
    this.#incoming.start(() => this.#received());
    if (incoming === undefined) this.#incoming.listen(socket);
    if (options.signal?.aborted) abort();
  }

  /** Whether the server is on this machine. */
  get isLocal(): boolean {
    return isLocal(this.#socket);
  }

  /** Why the connection has ended; `undefined` while it takes calls. */
  get ended(): RpcError | undefined {
    return this.#ended;
  }

  /** How many calls are waiting for an answer. */
  get pending(): number {
    return this.#calls.size;
  }

  /**
   * Calls a procedure. Its results are views into what was received until they are released. The payloads of `args` must
   * stay as they are until the call is answered.
   * @throws {RpcError} the server refused the call or did not answer, see `code`
   */
  call<Args, Res>(
    procedure: RemoteProcedure<Args, Res>,
    args: Args,
    how: CallOptions = NO_OPTIONS,
  ): Promise<RemoteReply<Res>> {
    return this.#start(procedure, args, how, false);
  }

  /** Calls a procedure as {@link call} does. The results belong to the caller, and need not be released. */
  ask<Args, Res>(procedure: RemoteProcedure<Args, Res>, args: Args, how: CallOptions = NO_OPTIONS): Promise<Res> {
    return this.#start(procedure, args, how, true);
  }

  /** Changes how the kernel watches the connection. */
  tune(options: Pick<StreamOptions, 'keepAlive' | 'userTimeoutMs'>): void {
    tune(this.#socket, options);
  }

  /** Sends the calls that are {@link CallOptions.unhurried}. */
  hurry(): void {
    this.#departures.soon();
  }

  /** Closes the connection; calls under way fail with CLOSED. Safe to call twice. */
  async close(): Promise<void> {
    this.#end(new RpcError('CLOSED', 'the connection has been closed on this side'));
    if (!this.#socket.closed) await new Promise<void>(resolve => this.#socket.once('close', () => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #there(): string {
    return targetText(this.#options.target);
  }

  #start<Args>(procedure: RemoteProcedure<Args, any>, args: Args, how: CallOptions, alone: boolean): Promise<any> {
    if (this.#ended !== undefined) return Promise.reject(this.#errorOf(this.#ended));
    if (this.#calls.size >= this.#callsMax) {
      const message = `${procedure.name}: ${this.#calls.size} calls wait for an answer already`;
      return Promise.reject(this.#errorOf(new RpcError('BUSY', message)));
    }
    const xid = this.#calls.nextXid();
    const to = this.#out.begin();
    const splices = to.splices.length;
    let spliced = false;
    try {
      writeCall(to, xid, procedure);
      (how.cred ?? this.#cred).writeTo(to);
      NO_CREDENTIAL.writeTo(to); // the verifier
      procedure.args.encode(to, args);
      spliced = to.splices.length > splices;
    } catch (error) {
      this.#out.undo();
      return Promise.reject(error as Error);
    }
    this.#out.end();
    const promise = new Promise<any>(keep);
    const timeoutMs = how.timeoutMs ?? this.#options.timeoutMs;
    const beganAt = this.#watch.began(timeoutMs, this.#calls.size === 0);
    const end = this.#out.position;
    const viewless = how.viewless === true;
    const resolve = resolveOf;
    const reject = rejectOf;
    this.#calls.add({ xid, procedure, timeoutMs, beganAt, end, spliced, alone, viewless, resolve, reject });
    if (how.unhurried === true) this.#departures.later();
    else this.#departures.soon();
    return promise;
  }

  #received(): void {
    this.#receivedAt = this.#watch.received();
    const { records } = this.#incoming;
    try {
      while (this.#ended === undefined && records.next()) this.#take();
    } catch (cause) {
      this.#end(new RpcError('BAD_REPLY', `${this.#there}: ${(cause as Error).message}`, { cause }));
    }
    if (this.#ended === undefined) this.#incoming.makeRoom();
  }

  /** @throws {XdrError} the record is no RPC message: what comes next cannot be trusted */
  #take(): void {
    const { buffer, from, to } = this.#incoming.records;
    reader.reset(buffer.bytes, from, to);
    const xid = reader.uint32();
    const type = reader.uint32();
    if (type === msg_type.REPLY) {
      this.#answer(xid);
      return;
    }
    const { onCall } = this.#options;
    if (type !== msg_type.CALL || onCall === undefined) throw new XdrError(`no reply but a message of type ${type}`);
    const header = call_header.decode(reader.reset(buffer.bytes, from, to));
    onCall(header, reader);
  }

  #answer(xid: number): void {
    const call = this.#calls.take(xid);
    if (call === undefined) return; // it has been given up
    const { procedure, beganAt, alone, viewless } = call;
    try {
      const refusal = readRefusal(reader, procedure.name);
      if (refusal !== undefined) {
        this.#fail(call, refusal);
        return;
      }
    } catch (cause) {
      this.#fail(call, new RpcError('BAD_REPLY', `${procedure.name}: ${(cause as Error).message}`, { cause }));
      throw cause;
    }
    try {
      const { buffer, from, to } = this.#incoming.records;
      const isCopied = !viewless && (alone || buffer.isLent || isSmallIn(to - from, buffer.bytes.length));
      const value = decodeResults(procedure, isCopied);
      this.#options.answered?.(procedure, value, this.#receivedAt - beganAt);
      const result = alone ? value : new PlacedReply(value, isCopied ? undefined : buffer);
      if (this.#early.isFor(call)) this.#early.add(call, () => call.resolve(result));
      else call.resolve(result);
    } catch (cause) {
      // An error that is none of the decoder's is a bug, but the caller must not wait for ever.
      this.#fail(call, new RpcError('BAD_REPLY', `${procedure.name}: ${(cause as Error).message}`, { cause }));
    }
  }

  #overdue(now: number): void {
    for (const call of this.#calls.takeOverdue(now)) {
      const { procedure, timeoutMs, end } = call;
      const why = new RpcError('TIMED_OUT', `${procedure.name}: no answer from ${this.#there} in ${timeoutMs} ms`);
      this.#fail(call, why);
      if (!this.#out.hasSent(end)) this.#end(why); // the server takes nothing any more
    }
  }

  #ping(): void {
    // What becomes of it shows in whether anything is received.
    this.ask(this.#options.ping!.procedure, undefined, { timeoutMs: Infinity }).catch(() => {});
  }

  #errorOf(why: RpcError): Error {
    return this.#options.errorOf?.(why) ?? why;
  }

  #fail(call: PendingCall, why: RpcError): void {
    this.#options.failed?.(call.procedure);
    call.reject(this.#errorOf(why));
    // Its payload belongs to the caller again, so it must not be sent any more.
    if (this.#early.isFor(call)) this.#end(why);
  }

  #end(why: RpcError): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    this.#socket.destroy();
    this.#watch.stop();
    this.#incoming.close();
    const error = this.#errorOf(why);
    for (const { procedure, reject } of this.#calls.takeAll()) {
      this.#options.failed?.(procedure);
      reject(error);
    }
    this.#options.onEnd?.(why);
  }
}

/** Decodes what is left of the record, where it stands or, with `copied`, in a buffer of its own. */
function decodeResults({ res }: AnyProcedure, copied: boolean): unknown {
  if (copied) {
    const bytes = Buffer.from(reader.buffer.subarray(reader.at, reader.at + reader.left));
    reader.reset(bytes, 0, bytes.length);
  }
  const value: unknown = res.decode(reader);
  if (reader.left > 0) throw new XdrError(`${reader.left} bytes after the results`);
  return value;
}

const incomingOf = ({ recordBytesMax = RECORD_BYTES_MAX }: RpcClientOptions): Incoming =>
  new Incoming({ recordBytesMax, fragmentsMax: FRAGMENTS_MAX });
