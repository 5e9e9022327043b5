/** A brick that answers as it is told to, for what a real one does rarely or never. */
import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { Test } from 'tap';
import { gf_setvolume_req, gf_setvolume_rsp, SETVOLUME } from '#protocols/gluster/handshake.ts';
import { CBK } from '#protocols/gluster/constants.ts';
import type { OldDictValue } from '#protocols/gluster/old-dict.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { XdrReader } from '#protocols/xdr/stream.ts';
import { callback } from './callback.ts';
import { answer, type Call, callServer } from '../rpc/call-server.ts';

type Answer = readonly [op_ret: number, op_errno: number, dict: ReadonlyMap<string, OldDictValue>];

export const VOLUME_ID = '77a69505-2bfd-48f1-90b0-1968cbece7bb';

/** The answer of a brick that takes the client. */
export const taken = (changes: Readonly<Record<string, string>> = {}): Answer => [
  0,
  22,
  new Map(Object.entries({ 'volume-id': VOLUME_ID, 'process-uuid': 'process 1', child_up: '1', ...changes })),
];

export const refused = (op_errno: number, text: string): Answer => [-1, op_errno, new Map([['ERROR', text]])];

export class FakeBrick {
  /** What clients have said of themselves, in the order of their connections. */
  readonly introductions: ReadonlyMap<string, OldDictValue>[] = [];
  /** The answer to the next clients; `undefined`: none. */
  answer: Answer | Buffer | undefined = taken();
  /** What is done with the calls of fops; they are not answered unless it does so. */
  onFop: (call: Call, socket: Socket) => void = () => {};
  port = 0;
  #socket: Socket | undefined;

  static async start(t: Test, tls?: TlsOptions): Promise<FakeBrick> {
    const brick = new FakeBrick();
    const take = (socket: Socket, calls: readonly Call[]) => {
      brick.#socket = socket;
      for (const call of calls) brick.#take(socket, call);
    };
    brick.port = await callServer(t, take, tls);
    return brick;
  }

  /** Ends the last connection. */
  drop(): void {
    this.#socket!.destroy();
  }

  /** Sends a callback on the last connection. */
  tell(proc: (typeof CBK)[keyof typeof CBK], body: Buffer = Buffer.alloc(0)): void {
    this.send(callback(proc, body));
  }

  send(bytes: Buffer): void {
    this.#socket!.write(bytes);
  }

  #take(socket: Socket, call: Call): void {
    const from = new XdrReader(call.rest);
    from.uint32();
    const isIntroduction = from.opaque(400).length === 0 && call.proc === SETVOLUME.proc;
    if (!isIntroduction) {
      this.onFop(call, socket);
      return;
    }
    from.uint32();
    from.uint32();
    this.introductions.push(gf_setvolume_req.decode(from).dict);
    if (this.answer instanceof Buffer) socket.write(this.answer);
    else if (this.answer !== undefined) {
      const [op_ret, op_errno, dict] = this.answer;
      socket.write(answer(call, encode(gf_setvolume_rsp, { op_ret, op_errno, dict })));
    }
  }
}
