/**
 * A line that does not give up, like that of the Linux client over TCP. A call without an answer is sent again with its
 * xid: on the same connection after a time, and on the next one when a connection has ended.
 */
import { connect, type Socket } from 'node:net';
import { NFS_PROGRAM } from '#protocols/nfs3/constants.ts';
import type { Route } from '../../soak/model/line.ts';
import { KEPT } from '../../soak/model/caller.ts';
import { takeRecords } from '../proxy/records.ts';

export interface RetryOptions {
  /** The time until a call is sent again. It grows by as much each time. */
  readonly timeoutMs: number;
  readonly timeoutMsMax: number;
  readonly reconnectMs: number;
  readonly triesMax: number;
}

const RETRIES: RetryOptions = { timeoutMs: 250, timeoutMsMax: 1500, reconnectMs: 10, triesMax: 40 };

/** How many first answers are remembered, with which later ones are compared. */
const REMEMBERED_MAX = 4096;

interface Waiting {
  readonly stream: Buffer;
  readonly kept: boolean;
  tries: number;
  timer: NodeJS.Timeout | undefined;
  resolve(reply: Buffer): void;
  reject(error: Error): void;
}

/** The counts of all lines together. */
export class RetryCounts {
  /** Calls sent again on the same connection. */
  resent = 0;
  /** Calls sent again on the next connection. */
  resentElsewhere = 0;
  reconnects = 0;
  /** Answers to calls that had been answered before. */
  late = 0;
  /** Late answers that differ from the first. */
  readonly differing: string[] = [];
}

export class RetryingLine {
  readonly #route: Route;
  readonly #options: RetryOptions;
  readonly #counts: RetryCounts;
  readonly #waiting = new Map<number, Waiting>();
  readonly #answered = new Map<number, Buffer>();
  #socket: Socket | undefined;
  #closed = false;

  constructor(route: Route, counts: RetryCounts, options = RETRIES) {
    this.#route = route;
    this.#counts = counts;
    this.#options = options;
    this.#connect();
  }

  /** Waits for the reply to `xid`, whose call is `stream`: a record in one fragment or several. */
  exchange(xid: number, stream: Buffer): Promise<Buffer> {
    if (this.#waiting.has(xid)) throw new Error(`xid ${xid} already has a call waiting`);
    // A caller that deliberately repeats an xid must not be taken for a late answer to its earlier call.
    this.#answered.delete(xid);
    return new Promise((resolve, reject) => {
      const waiting = { stream, kept: isKept(stream), tries: 0, timer: undefined, resolve, reject };
      this.#waiting.set(xid, waiting);
      this.#send(xid, waiting);
    });
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(new Error('the line was closed'));
    }
    this.#waiting.clear();
  }

  #connect(): void {
    const { port, from } = this.#route;
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {}); // A reset is an end as well.
    takeRecords(socket, reply => this.#take(reply));
    socket.once('close', () => {
      if (this.#closed) return;
      this.#counts.reconnects++;
      this.#socket = undefined;
      setTimeout(() => this.#again(), this.#options.reconnectMs);
    });
  }

  #again(): void {
    if (this.#closed) return;
    this.#connect();
    for (const [xid, waiting] of this.#waiting) {
      this.#counts.resentElsewhere++;
      this.#send(xid, waiting);
    }
  }

  #send(xid: number, waiting: Waiting): void {
    const { timeoutMs, timeoutMsMax, triesMax } = this.#options;
    if (waiting.tries++ >= triesMax) {
      this.#waiting.delete(xid);
      waiting.reject(new Error(`no answer after ${triesMax} tries`));
      return;
    }
    clearTimeout(waiting.timer);
    this.#socket?.write(waiting.stream);
    const after = Math.min(timeoutMs * waiting.tries, timeoutMsMax);
    waiting.timer = setTimeout(() => {
      this.#counts.resent++;
      this.#send(xid, waiting);
    }, after);
  }

  #take(reply: Buffer): void {
    const xid = reply.readUInt32BE(0);
    const waiting = this.#waiting.get(xid);
    if (waiting !== undefined) {
      clearTimeout(waiting.timer);
      this.#waiting.delete(xid);
      if (waiting.kept) this.#remember(xid, reply);
      waiting.resolve(reply);
      return;
    }
    this.#counts.late++;
    const first = this.#answered.get(xid);
    if (first !== undefined && !first.equals(reply)) {
      this.#counts.differing.push(`${first.toString('hex', 0, 80)}, later ${reply.toString('hex', 0, 80)}`);
    }
  }

  #remember(xid: number, reply: Buffer): void {
    this.#answered.set(xid, reply);
    if (this.#answered.size > REMEMBERED_MAX) this.#answered.delete(this.#answered.keys().next().value!);
  }
}

const KEPT_NUMBERS: ReadonlySet<number> = new Set([...KEPT].map(({ proc }) => proc));

/** Whether a second answer must equal the first. Program and procedure follow the mark and a few words. */
function isKept(stream: Buffer): boolean {
  const whole = stream.length >= 28 && stream.readUInt32BE(0) === 0x8000_0000 + stream.length - 4;
  return whole && stream.readUInt32BE(16) === NFS_PROGRAM && KEPT_NUMBERS.has(stream.readUInt32BE(24));
}
