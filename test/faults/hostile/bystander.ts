/** Another client, which goes on with its work. It measures how long its calls take. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { NFSPROC3, nfsstat3 } from '#protocols/nfs3/constants.ts';
import { READ3args } from '#protocols/nfs3/file.ts';
import { GETATTR3args } from '#protocols/nfs3/object.ts';
import { nfsRecord, Session } from '../../bench/session.ts';

/** The offset of a reply's status: after mark, xid, REPLY, MSG_ACCEPTED, an empty verifier and SUCCESS. */
const STATUS_AT = 28;
const READ_BYTES = 4096;
const CALL_MS_MAX = 30_000;

export interface Latencies {
  readonly calls: number;
  /** In milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Ground {
  readonly root: Buffer;
  /** The handle of a file of some MiB. */
  readonly file: Buffer;
}

/** Makes a file to read, over the wire. */
export async function prepare(port: number, bytes: number): Promise<Ground> {
  const session = await Session.mount({ host: '127.0.0.1', port, mountport: port, export: '/data' });
  const file = await session.file(session.root, 'large', bytes);
  session.close();
  return { root: session.root, file };
}

/** A connection with one call at a time. */
class Caller {
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  #xid = 1;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(port: number): Promise<Caller> {
    const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.1' });
    await once(socket, 'connect', { signal: AbortSignal.timeout(CALL_MS_MAX) });
    return new Caller(socket.setNoDelay(true));
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Makes a call. Returns the milliseconds until the whole reply has arrived. */
  async call(record: Buffer): Promise<number> {
    const since = performance.now();
    record.writeUInt32BE(this.#xid++, 4);
    this.#socket.write(record);
    const bytes = () => 4 + (this.#bytes.readUInt32BE(0) & 0x7fff_ffff);
    while (this.#bytes.length < 4 || this.#bytes.length < bytes()) {
      const signal = AbortSignal.timeout(CALL_MS_MAX);
      const [chunk] = (await once(this.#socket, 'data', { signal })) as [Buffer];
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    }
    if (this.#bytes.length > STATUS_AT + 3 && this.#bytes.readUInt32BE(STATUS_AT) !== nfsstat3.NFS3_OK) {
      throw new Error(`a call failed: status ${this.#bytes.readUInt32BE(STATUS_AT)}`);
    }
    this.#bytes = this.#bytes.subarray(bytes());
    return performance.now() - since;
  }
}

/** Makes GETATTR and READ calls in turns for `ms`, at least `callsMin` of them, each hundredth on a new connection. */
export async function work(port: number, { root, file }: Ground, ms: number, callsMin = 300): Promise<Latencies> {
  const getattr = nfsRecord(NFSPROC3.GETATTR, GETATTR3args, { object: root });
  const read = nfsRecord(NFSPROC3.READ, READ3args, { file, offset: 0, count: READ_BYTES });
  const times: number[] = [];
  const until = performance.now() + ms;
  let caller: Caller | undefined;
  for (let i = 0; performance.now() < until || i < callsMin; i++) {
    const since = performance.now();
    let connecting = 0;
    if (i % 100 === 0) {
      caller?.close();
      caller = await Caller.open(port);
      connecting = performance.now() - since;
    }
    times.push(connecting + (await caller!.call(i % 2 === 0 ? getattr : read)));
  }
  caller?.close();
  times.sort((a, b) => a - b);
  const at = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))]!;
  return { calls: times.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
