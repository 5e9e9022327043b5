/**
 * A bad network in front of a server. It passes on RPC records (RFC 5531, 11) and loses, doubles, delays and thereby reorders
 * them, and cuts connections, as often as it is told to.
 *
 *     node test/faults/proxy/proxy.ts --listen 127.0.0.1:2050 --to 127.0.0.1:2049 --loss 0.05 --dup 0.05
 *
 * The server sees the proxy's own ports, so it must accept ports from 1024 on (`--insecure`).
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { NFS_PROGRAM } from '#protocols/nfs3/constants.ts';
import { marked } from '../../soak/model/line.ts';
import { Random } from '../../soak/model/random.ts';
import { reset } from '../../support/rpc/reset.ts';
import { takeRecords } from './records.ts';

/** The probability that each fault happens to a record. */
export interface Faults {
  readonly lostCalls: number;
  readonly lostReplies: number;
  readonly doubledCalls: number;
  readonly doubledReplies: number;
  /** The record waits for up to `delayMsMax`, and others overtake it. So does the second copy of a doubled record. */
  readonly delayed: number;
  readonly delayMsMax: number;
  /** The connection ends in the middle of the record. */
  readonly cut: number;
}

export const NO_FAULTS: Faults = {
  lostCalls: 0,
  lostReplies: 0,
  doubledCalls: 0,
  doubledReplies: 0,
  delayed: 0,
  delayMsMax: 0,
  cut: 0,
};

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface ProxyOptions {
  readonly listen?: Endpoint;
  readonly to: Endpoint;
  readonly faults: Faults;
  readonly seed: number;
}

/** Counts of the records and connections, and of the faults that happened to them. */
export class ProxyCounts {
  connections = 0;
  calls = 0;
  replies = 0;
  lostCalls = 0;
  lostReplies = 0;
  doubledCalls = 0;
  doubledReplies = 0;
  delayed = 0;
  cut = 0;
}

export class FaultyProxy implements AsyncDisposable {
  readonly counts = new ProxyCounts();
  /** The faults. They may be changed at any time. */
  faults: Faults;
  readonly #server: Server;
  readonly #to: Endpoint;
  readonly #passages = new Set<Passage>();

  private constructor({ to, faults, seed }: ProxyOptions) {
    this.#to = to;
    this.faults = faults;
    let seeds = seed;
    this.#server = createServer(client => this.#take(client, new Random(seeds++)));
  }

  static async start(options: ProxyOptions): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(options);
    proxy.#server.listen(options.listen ?? { host: '127.0.0.1', port: 0 });
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve));
    for (const passage of this.#passages) passage.end();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(client: Socket, random: Random): void {
    this.counts.connections++;
    const from = client.remoteAddress?.replace(/^::ffff:/, '') ?? '';
    // A client that calls from another address of this machine is another client to the server as well.
    const localAddress = from.startsWith('127.') && this.#to.host.startsWith('127.') ? from : undefined;
    const server = connect({ ...this.#to, ...(localAddress && { localAddress }) });
    const passage = new Passage(this, client, server, random);
    this.#passages.add(passage);
    client.once('close', () => this.#passages.delete(passage));
  }
}

/** The connection of a client, and the one to the server that belongs to it. */
class Passage {
  readonly #proxy: FaultyProxy;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #random: Random;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** The xids of calls of other programs, which meet no faults: a failing MOUNT is not what the proxy is for. */
  readonly #sheltered = new Set<number>();
  #over = false;

  constructor(proxy: FaultyProxy, client: Socket, server: Socket, random: Random) {
    this.#proxy = proxy;
    this.#client = client;
    this.#server = server;
    this.#random = random;
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => {}); // A reset is an end as well.
      socket.once('close', () => this.end());
    }
    takeRecords(client, record => this.#over || this.#call(record));
    takeRecords(server, record => this.#over || this.#reply(record));
  }

  end(): void {
    this.#over = true;
    this.#client.destroy();
    this.#server.destroy();
    this.#forget();
  }

  /**
   * Ends both connections as a failing network does: with a reset, and without the FIN of a peer that has closed its
   * side.
   */
  #break(): void {
    this.#over = true;
    reset(this.#client);
    reset(this.#server);
    this.#forget();
  }

  #forget(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #call(record: Buffer): void {
    const { faults, counts } = this.#proxy;
    counts.calls++;
    if (record.length < 24 || record.readUInt32BE(12) !== NFS_PROGRAM) {
      if (record.length >= 4) this.#sheltered.add(record.readUInt32BE(0));
      this.#write(this.#client, this.#server, marked(record));
      return;
    }
    if (this.#random.chance(faults.lostCalls)) {
      counts.lostCalls++;
      return;
    }
    this.#pass(this.#client, this.#server, record);
    if (this.#random.chance(faults.doubledCalls)) {
      counts.doubledCalls++;
      this.#pass(this.#client, this.#server, record);
    }
  }

  #reply(record: Buffer): void {
    const { faults, counts } = this.#proxy;
    counts.replies++;
    if (record.length < 4 || this.#sheltered.delete(record.readUInt32BE(0))) {
      this.#write(this.#server, this.#client, marked(record));
      return;
    }
    if (this.#random.chance(faults.lostReplies)) {
      counts.lostReplies++;
      return;
    }
    this.#pass(this.#server, this.#client, record);
    if (this.#random.chance(faults.doubledReplies)) {
      counts.doubledReplies++;
      this.#pass(this.#server, this.#client, record);
    }
  }

  #pass(from: Socket, to: Socket, record: Buffer): void {
    const { faults, counts } = this.#proxy;
    const bytes = marked(record);
    if (this.#random.chance(faults.cut)) {
      counts.cut++;
      this.#over = true; // Records that arrive in the meantime are lost, too.
      to.write(bytes.subarray(0, this.#random.between(1, bytes.length - 1)), () => this.#break());
    } else if (this.#random.chance(faults.delayed)) {
      counts.delayed++;
      const timer = setTimeout(
        () => {
          this.#timers.delete(timer);
          this.#write(from, to, bytes);
        },
        this.#random.between(1, faults.delayMsMax),
      );
      this.#timers.add(timer);
    } else this.#write(from, to, bytes);
  }

  #write(from: Socket, to: Socket, bytes: Buffer): void {
    if (this.#over || to.write(bytes)) return;
    from.pause();
    to.once('drain', () => from.resume());
  }
}

function endpoint(text: string): Endpoint {
  const found = /^(.+):(\d+)$/.exec(text);
  if (found === null) throw new Error(`expected HOST:PORT, found ${text}`);
  return { host: found[1]!, port: Number(found[2]) };
}

/** Command-line options for the faults. `lossy.ts` has them, too. */
export const FAULT_OPTIONS = {
  loss: { type: 'string', default: '0.05' },
  'loss-calls': { type: 'string' },
  dup: { type: 'string', default: '0.05' },
  'dup-replies': { type: 'string', default: '0' },
  delay: { type: 'string', default: '0.02' },
  'delay-ms': { type: 'string', default: '300' },
  cut: { type: 'string', default: '0.0005' },
  seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
} as const;

/**
 * The faults by the options. `--loss` applies to replies, and to calls unless `--loss-calls` is given. @throws {Error}
 * if a value is not a number
 */
export function faultsOf(values: Partial<Record<keyof typeof FAULT_OPTIONS, string>>): Faults {
  const number = (name: keyof typeof FAULT_OPTIONS, otherwise = '0') => {
    const value = Number(values[name] ?? otherwise);
    if (!(value >= 0)) throw new Error(`expected a number as --${name}, found ${values[name]}`);
    return value;
  };
  return {
    lostReplies: number('loss'),
    lostCalls: number('loss-calls', values.loss),
    doubledCalls: number('dup'),
    doubledReplies: number('dup-replies'),
    delayed: number('delay'),
    delayMsMax: number('delay-ms'),
    cut: number('cut'),
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { ...FAULT_OPTIONS, listen: { type: 'string', default: '127.0.0.1:2050' }, to: { type: 'string' } },
  });
  if (values.to === undefined) throw new Error('expected --to HOST:PORT, the server');
  const options = { listen: endpoint(values.listen), to: endpoint(values.to), seed: Number(values.seed) };
  const proxy = await FaultyProxy.start({ ...options, faults: faultsOf(values) });
  process.stdout.write(`a bad network on ${values.listen}, seed ${values.seed}\n`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      process.stdout.write(`${JSON.stringify(proxy.counts)}\n`);
      void proxy.close();
    });
  }
}
