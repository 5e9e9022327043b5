/** A glusterd that answers what it is told to, and can go away and come back at the same port. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';
import { PORTBYBRICK } from '#protocols/gluster/brick-port.ts';
import { GET_VOLUME, LIST_VOLUME } from '#protocols/gluster/cli.ts';
import { CBK } from '#protocols/gluster/constants.ts';
import { GETSPEC } from '#protocols/gluster/handshake.ts';
import {
  type RemoteProcedure,
  accept_stat,
  call_header,
  msg_type,
  NO_AUTH,
  reply_header,
  reply_stat,
} from '#protocols/rpc.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { XdrReader } from '#protocols/xdr/stream.ts';
import { callback } from './gluster/callback.ts';
import { Records } from './rpc/records.ts';
import { mark } from './rpc/service.ts';

const HOST = '127.0.0.1';
const ENOENT = 2;

type Answers = ReadonlyMap<string, (args: any) => unknown>;

export class FakeGlusterd {
  /** The volfiles by the names of their volumes. */
  readonly specs = new Map<string, string>();
  /** The bricks that run, with their ports. */
  readonly bricks = new Map<string, number>();
  readonly stopped = new Set<string>();
  /** What is told of other servers: `host:port host:port `. */
  peers = '';
  /** The names of the procedures that were called. */
  readonly calls: string[] = [];
  /** If it is set, this is sent in place of every answer. */
  garbage: Buffer | undefined;
  readonly #answers: Answers = this.#answersByNumber();
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  static async start(t: Test, port = 0): Promise<FakeGlusterd> {
    const glusterd = new FakeGlusterd();
    glusterd.#port = port;
    await glusterd.start();
    t.teardown(() => glusterd.stop());
    return glusterd;
  }

  get port(): number {
    return this.#port;
  }

  /** How a volfile names it. */
  get address(): string {
    return `${HOST}:${this.#port}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async start(): Promise<void> {
    this.#server = createServer(socket => this.#take(socket)).listen(this.#port, HOST);
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Ends all connections and takes no more of them. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  }

  /** Tells all clients that volfiles may have changed. */
  notify(proc: (typeof CBK)[keyof typeof CBK] = CBK.FETCHSPEC): void {
    for (const socket of this.#sockets) socket.write(callback(proc));
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    const records = new Records();
    socket
      .on('error', () => {})
      .on('close', () => this.#sockets.delete(socket))
      .on('data', chunk => {
        for (const record of records.take(chunk)) this.#answer(socket, record);
      });
  }

  #answer(socket: Socket, record: Buffer): void {
    const reader = new XdrReader(record);
    const { xid, prog, vers, proc } = call_header.decode(reader);
    const answer = this.#answers.get(`${prog} ${vers} ${proc}`);
    const stat = answer === undefined ? accept_stat.PROG_UNAVAIL : accept_stat.SUCCESS;
    const data = { stat: reply_stat.MSG_ACCEPTED, verf: NO_AUTH, data: { stat } };
    const reply: reply_header = { xid, mtype: msg_type.REPLY, reply: data };
    const body = answer === undefined ? Buffer.alloc(0) : (answer(reader) as Buffer);
    socket.write(this.garbage ?? mark(Buffer.concat([encode(reply_header, reply), body])));
  }

  #answersByNumber(): Answers {
    const on = <A, R>(
      procedure: RemoteProcedure<A, R>,
      answer: (args: A) => R,
    ): [string, (from: XdrReader) => Buffer] => [
      `${procedure.prog} ${procedure.vers} ${procedure.proc}`,
      from => {
        this.calls.push(procedure.name.replace(/^.* /, ''));
        return encode(procedure.res, answer(procedure.args.decode(from)));
      },
    ];
    const ok = { op_ret: 0, op_errno: 0, op_errstr: '' };
    return new Map<string, (from: XdrReader) => Buffer>([
      on(GETSPEC, ({ key, xdata }) => {
        const spec = this.specs.get(key);
        if (spec === undefined || !xdata.has('max-op-version')) {
          return { op_ret: -1, op_errno: spec === undefined ? ENOENT : 95, spec: '', xdata: new Map() };
        }
        const more = this.peers === '' ? [] : [['servers-list', this.peers] as const];
        return { op_ret: spec.length, op_errno: ENOENT, spec, xdata: new Map(more) };
      }),
      on(PORTBYBRICK, ({ brick }) => {
        const port = this.bricks.get(brick);
        return { op_ret: port === undefined ? -1 : 0, op_errno: 0, status: 0, port: port ?? 0 };
      }),
      on(LIST_VOLUME, () => {
        const names = [...this.specs.keys()].map((name, i) => [`volume${i}`, name] as const);
        return { ...ok, dict: new Map([['count', `${names.length}`], ...names]) };
      }),
      on(GET_VOLUME, ({ dict }) => {
        const status = this.stopped.has(dict.get('volname') as string) ? 2 : 1;
        return {
          ...ok,
          dict: new Map([
            ['count', '1'],
            ['volume0.status', `${status}`],
          ]),
        };
      }),
    ]);
  }
}
