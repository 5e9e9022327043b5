/** A connection that sends bytes as they are, and hands each reply to the call with the same xid. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { authsys_parms } from '#protocols/auth-sys.ts';
import { auth_flavor, call_header, msg_type, NO_AUTH, type opaque_auth, RPC_VERSION } from '#protocols/rpc.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { XdrWriter } from '#protocols/xdr/stream.ts';
import type { RemoteProcedure } from '#src/rpcclnt/client.ts';
import type { Random } from './random.ts';

const LAST_FRAGMENT = 0x8000_0000;
/** Fewer than the 512 fragments that the server accepts in one record. */
const FRAGMENTS_MAX = 500;

/** The port of the server, and the address of this machine from which it is called. */
export interface Route {
  readonly port: number;
  readonly from: string;
}

export function authSys(uid: number, gid: number, gids: readonly number[] = []): opaque_auth {
  return {
    flavor: auth_flavor.AUTH_SYS,
    body: encode(authsys_parms, { stamp: 7, machinename: 'soak', uid, gid, gids: [...gids] }),
  };
}

const writer = new XdrWriter(Buffer.allocUnsafeSlow(128 * 1024));

/** A call as a record, without its mark. */
export function recordOf<A>(procedure: RemoteProcedure<A, any>, args: A, xid: number, cred: opaque_auth): Buffer {
  const { prog, vers, proc } = procedure;
  writer.truncate(0, 0);
  call_header.encode(writer, {
    xid,
    mtype: msg_type.CALL,
    rpcvers: RPC_VERSION,
    prog,
    vers,
    proc,
    cred,
    verf: NO_AUTH,
  });
  procedure.args.encode(writer, args);
  return writer.toBuffer();
}

function fragment(bytes: Buffer, last: boolean): Buffer {
  const mark = Buffer.allocUnsafe(4);
  mark.writeUInt32BE((last ? LAST_FRAGMENT : 0) + bytes.length);
  return Buffer.concat([mark, bytes]);
}

/** A record in one fragment. */
export const marked = (record: Buffer): Buffer => fragment(record, true);

/** A record cut into fragments at random places, some of them with one byte or none, as RFC 5531, 11 allows. */
export function fragmented(record: Buffer, random: Random): Buffer {
  const parts: Buffer[] = [];
  const bytewise = record.length < FRAGMENTS_MAX && random.chance(0.3);
  let at = 0;
  while (at < record.length && parts.length < FRAGMENTS_MAX) {
    const half = Math.ceil((record.length - at) / 2);
    const length = bytewise ? 1 : random.chance(0.2) ? 0 : random.between(1, half);
    parts.push(fragment(record.subarray(at, at + length), false));
    at += length;
  }
  parts.push(fragment(record.subarray(at), true));
  return Buffer.concat(parts);
}

interface Waiting {
  resolve(reply: Buffer): void;
  reject(error: Error): void;
}

export class Line {
  readonly socket: Socket;
  /** Resolves when the connection is closed, with the number of replies that no call was waiting for. */
  readonly closed: Promise<number>;
  readonly #waiting = new Map<number, Waiting>();
  #rest: Buffer | undefined;
  #strays = 0;
  /** How many bytes of replies were received, including their marks. */
  received = 0;

  private constructor({ port, from }: Route) {
    this.socket = connect({ port, host: '127.0.0.1', localAddress: from });
    this.socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.socket.on('error', () => {}); // A reset is an end as well.
    this.closed = new Promise(resolve => {
      this.socket.once('close', () => {
        for (const waiting of this.#waiting.values()) waiting.reject(new Error('the server closed the connection'));
        this.#waiting.clear();
        resolve(this.#strays);
      });
    });
  }

  static async open(route: Route): Promise<Line> {
    const line = new Line(route);
    await once(line.socket, 'connect');
    line.socket.setNoDelay(true);
    return line;
  }

  /** Waits for the reply to `xid`, and returns it without its mark. */
  reply(xid: number): Promise<Buffer> {
    if (this.#waiting.has(xid)) throw new Error(`xid ${xid} already has a call waiting`);
    return new Promise((resolve, reject) => this.#waiting.set(xid, { resolve, reject }));
  }

  exchange(xid: number, stream: Buffer): Promise<Buffer> {
    const reply = this.reply(xid);
    this.socket.write(stream);
    return reply;
  }

  #take(chunk: Buffer): void {
    this.received += chunk.length;
    let bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 8) {
      const end = 4 + (bytes.readUInt32BE() & ~LAST_FRAGMENT);
      if (bytes.length < end) break;
      this.#give(bytes.subarray(4, end));
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes.length > 0 ? bytes : undefined;
  }

  #give(reply: Buffer): void {
    const xid = reply.readUInt32BE();
    const waiting = this.#waiting.get(xid);
    if (waiting === undefined) this.#strays++;
    else {
      this.#waiting.delete(xid);
      waiting.resolve(reply);
    }
  }
}
