/**
 * The whole server. Its parts come up from the disk outwards and go down in the opposite order. This thread accepts
 * connections, distributes them to the stages, and answers for the server as a whole. It makes no call into what is
 * exported, so a disk that hangs cannot keep it from new clients, the control socket or signals.
 */
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import { PeerLog } from '../peer-log.ts';
import { Serial } from '../serial.ts';
import type { Program } from '../rpcsvc/actor.ts';
import { hostPort } from '../rpc/address.ts';
import { Admission } from '../rpcsvc/limits/admission.ts';
import type { Answer } from '../rpcsvc/udp/datagram.ts';
import { type Accepted, Listener } from '../rpcsvc/listener.ts';
import { UdpListener } from '../rpcsvc/udp/udp.ts';
import { PortTable } from '../rpc/port-table.ts';
import { close } from '../sys/libc.ts';
import { fromWire } from '../wire-text.ts';
import { admits } from '../xlators/nfs/server/exports/admits.ts';
import { MountList } from '../xlators/nfs/server/mount/mount-table.ts';
import { WriteVerifiers } from '../master/write-verifiers.ts';
import type { ServerConfig } from './config.ts';
import type { Hang } from './hang-watch.ts';
import { connectionsMax } from './limits.ts';
import type { ObjectQuestion, ObjectReport } from './control/object.ts';
import { changedAtStart, type Planned, planServer } from './plan.ts';
import { startPortmapper } from './portmapper.ts';
import type { DumpSection } from './control/graph-dump.ts';
import type { StageStats } from './stage-messages.ts';
import { Stages } from './stages.ts';
import { StateLock } from './state-lock.ts';
import { handleKey, openStateDir } from './state.ts';

export interface Parts {
  /** Makes the programs of the built-in portmapper. */
  portmapPrograms(ports: PortTable): Program[];
  /** The module that runs a worker stage. */
  readonly workerEntry: URL;
}

/** How many connections may wait until the stages are up. */
const EARLY_MAX = 1024;

export class Server implements AsyncDisposable {
  config: ServerConfig;
  readonly log: Log;
  /** The programs and the ports on which they are served. */
  readonly ports = new PortTable();
  readonly startedAt = new Date();
  readonly verifiers = new WriteVerifiers();
  /** What the operator should know of now about where the volfile comes from, a line each. */
  troubles: () => readonly string[] = () => [];
  readonly #parts: Parts;
  #planned: Planned;
  readonly #peerLog: PeerLog;
  readonly #admission: Admission;
  readonly #running = new AsyncDisposableStack();
  #stages: Stages | undefined;
  #mounts: MountList | undefined;
  #lock: StateLock | undefined;
  #listener: Listener | undefined;
  /** Connections that were accepted before the stages were up. */
  #early: Accepted[] | undefined = [];
  #text: string;
  #stopped: Promise<void> | undefined;
  readonly #reloads = new Serial();
  readonly #failed = Promise.withResolvers<never>();

  private constructor(config: ServerConfig, planned: Planned, parts: Parts, log: Log) {
    this.config = config;
    this.#planned = planned;
    this.log = log;
    this.#peerLog = new PeerLog(log);
    this.#admission = new Admission({
      connectionsMax: connectionsMax(planned.settings),
      perClientMax: planned.settings['nfs.connections-per-client'],
      spare: address => {
        if (this.#early === undefined) this.#stages!.of(address).spare(address);
      },
    });
    this.#parts = parts;
    this.#text = config.text;
    this.#failed.promise.catch(() => {}); // a stage may die before `failed` is awaited
  }

  /**
   * Starts the server. If that fails, nothing is left running. @throws {VolfileError}, or what keeps it from listening
   */
  static async start(config: ServerConfig, parts: Parts, log: Log): Promise<Server> {
    const server = new Server(config, await planServer(config), parts, log);
    server.#note();
    try {
      await server.#takePlace();
      const keyFile = server.#planned.settings['nfs.handle-key-file'];
      await server.#startStages(await handleKey(server.config.stateDir, keyFile));
      await server.#listen();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** The plan of the volfile that is served now. */
  get planned(): Planned {
    return this.#planned;
  }

  /** The mount table, one for all stages. */
  get mounts(): MountList {
    return this.#mounts!;
  }

  get address(): AddressInfo {
    return this.#listener!.address;
  }

  /** The volfile that is served now. */
  get text(): string {
    return this.#text;
  }

  /** Rejects when a stage has died. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  stats(): Promise<StageStats[]> {
    return this.#stages!.stats();
  }

  /** The bricks whose file systems do not answer. */
  get hangs(): readonly Hang[] {
    return this.#stages!.hangs;
  }

  /**
   * Ends all connections and releases the lock on the state directory, for an exit that does not wait for the stages. A
   * thread that cannot be killed keeps the process, and all its open files, until its call returns.
   */
  async abandon(): Promise<void> {
    this.#stages?.abandon();
    await this.#lock?.[Symbol.asyncDispose]().catch(() => {}); // closed already when the server has stopped in time
  }

  /** The stages' parts of a state dump. */
  dump(): Promise<DumpSection[][]> {
    return this.#stages!.dump();
  }

  /** Reports what a caller finds at a path. The stage of its client looks it up. */
  objectAt(question: ObjectQuestion): Promise<ObjectReport> {
    return this.#stages!.of(question.client).objectAt(question);
  }

  /**
   * Replaces the volfile in all stages or in none. The new one is read when earlier reloads have ended, so that the
   * later one of two reloads never brings an older text. If it fails, nothing has changed. With `ifOther`, a text that is
   * the same as the present one changes nothing either.
   * @throws {VolfileError}, or what `read` throws
   */
  reload(read: () => Promise<string>, ifOther = false): Promise<void> {
    return this.#reloads.run(async () => {
      const text = await read();
      if (!ifOther || text !== this.#text) await this.#reload(text);
    });
  }

  /** Takes no new calls, answers those under way, and closes everything. Safe to call twice. */
  stop(): Promise<void> {
    for (const { fd } of this.#early?.splice(0) ?? []) close(fd);
    return (this.#stopped ??= this.#running.disposeAsync());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Runs `stop` when the server stops, before everything that is up now. */
  beforeStop(stop: () => Promise<unknown> | void): void {
    this.#running.defer(async () => void (await stop()));
  }

  /**
   * Binds the port, then takes the lock on the state directory; from then on both belong to this server alone. Nothing
   * in the directory is read or written before.
   */
  async #takePlace(): Promise<void> {
    const { settings, exports } = this.#planned;
    const at = { host: settings['nfs.bind-address'], port: settings['nfs.port'] };
    this.#listener = await Listener.start(at, accepted => this.#take(accepted), this.#peerLog, {
      admits: one => this.#admits(one),
      failed: one => this.#admission.left(one),
    });
    this.#running.use(this.#listener);
    const stateDir = await openStateDir(this.config.stateDir);
    const paths = exports.flatMap(({ paths: [path] }) => (path === undefined ? [] : fromWire(path)));
    const { address, port } = this.address;
    this.#lock = this.#running.use(await StateLock.take(stateDir, paths, hostPort(address, port)));
    this.config = { ...this.config, stateDir };
  }

  async #startStages(key: Buffer): Promise<void> {
    const { config, verifiers, log } = this;
    const rmtab = this.#planned.settings['nfs.mount-rmtab'] ?? join(config.stateDir, 'rmtab');
    const mounts = await MountList.open({ log, rmtab });
    this.#mounts = mounts;
    this.#running.use(mounts);
    const shared = { handleKey: key, verifiers: verifiers.shared };
    const died = (error: Error) => this.#failed.reject(error);
    const left = (address: string) => this.#admission.left(address);
    const options = { entry: this.#parts.workerEntry, config, shared, mounts, log, left, died };
    const stages = await Stages.start(options, this.#planned);
    this.#stages = stages;
    this.#running.defer(() => stages.stop());
  }

  async #listen(): Promise<void> {
    const { settings } = this.#planned;
    this.#running.use(this.#listener!); // closed before the stages stop
    const { address, port } = this.address; // a host name has been resolved
    const { programs } = this.#stages!.first;
    this.ports.announce('tcp', address, port, programs);
    if (settings['nfs.mount-udp']) {
      const answer: Answer = (datagram, from) => this.#stages!.of(from.address).answer(datagram, from);
      this.#running.use(await UdpListener.start({ host: address, port }, answer, this.#peerLog));
      this.ports.announce(
        'udp',
        address,
        port,
        programs.filter(({ udp }) => udp),
      );
    }
    const { portmapperPort } = this.config;
    if (portmapperPort !== undefined) {
      const options = {
        host: address,
        port: portmapperPort,
        programs: this.#parts.portmapPrograms(this.ports),
        ports: this.ports,
        log: this.#peerLog,
        graceMs: this.config.graceMs,
      };
      await startPortmapper(options, this.#running).catch((error: Error) => {
        throw Object.assign(error, { isPortmapper: true }); // the error message then gives other advice
      });
    }
    const early = this.#early!;
    this.#early = undefined;
    for (const accepted of early) this.#stages!.deal(accepted);
  }

  /** Hands an accepted connection to its stage, or keeps it until the stages are up. */
  #take(accepted: Accepted): void {
    if (this.#early === undefined) this.#stages!.deal(accepted);
    else if (this.#early.length < EARLY_MAX && this.#stopped === undefined) this.#early.push(accepted);
    else {
      close(accepted.fd);
      this.#admission.left(accepted.address);
    }
  }

  /** Whether one more connection of `address` is accepted. Nothing has been spent on the connection yet. */
  #admits(address: string): boolean {
    if (!admits(this.#planned.exports, address)) {
      this.#peerLog.warn({ client: address }, 'connection refused: this address may use no export');
      return false;
    }
    if (this.#admission.admit(address)) return true;
    this.#peerLog.warn(
      { client: address, connections: this.#admission.total },
      'connection refused: there are too many connections',
    );
    return false;
  }

  async #reload(text: string): Promise<void> {
    if (this.#stopped) throw new Error('the server is stopping');
    const { file, overrides } = this.config;
    const planned = await planServer({ text, file, overrides });
    await this.#stages!.reload(text, planned);
    const before = this.#planned;
    this.#planned = planned;
    this.#text = text;
    if (before.plan.note !== planned.plan.note) this.#note();
    const options = changedAtStart(before.settings, planned.settings);
    if (options.length > 0)
      this.log.warn({ file, options }, 'the new values of these options take effect when the server is restarted');
    this.log.info({ file }, 'the new volfile has taken over');
  }

  /** Says what in the volfile has no effect. */
  #note(): void {
    const { note } = this.#planned.plan;
    if (note !== undefined) this.log.info(note);
  }
}
