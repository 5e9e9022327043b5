import { gfidOfText } from '../../../graph/gfid.ts';
import { GLUSTERD_PORT } from '#protocols/gluster/constants.ts';
import type { GraphEvent } from '../../../graph/event.ts';
import { type DumpValues, Xlator, type XlatorConfig, type XlatorSettings } from '../../../graph/xlator.ts';
import { FsError } from '../../../errno.ts';
import { managementTls } from '../../../glusterd/management-tls.ts';
import { portOfBrick } from '../../../glusterd/port-of-brick.ts';
import type { RpcClient } from '../../../rpcclnt/client.ts';
import type { StreamOptions } from '../../../rpcclnt/socket.ts';
import { tlsOptions } from '../../../rpcclnt/tls.ts';
import { CallCounters } from './counters.ts';
import { Link } from './link/link.ts';
import type { CLIENT_OPTIONS, ClientOptions } from './options.ts';
import { Remote } from './remote.ts';

const GLUSTERD_MS = 10_000;
const SECOND = 1000;

/** A brick on another machine: the connection to it, and what is known of it. Fops are made in a subclass. */
export abstract class ConnectedBrick extends Xlator<typeof CLIENT_OPTIONS> {
  static readonly children: readonly [number, number] = [0, 0];

  protected readonly remote: Remote;
  readonly #counters = new CallCounters();
  readonly #link: Link;

  constructor(config: XlatorConfig<typeof CLIENT_OPTIONS>) {
    super(config);
    const { name } = this;
    this.remote = new Remote({
      name,
      timeoutMs: () => this.options['frame-timeout'] * SECOND,
      sendsGroups: () => this.options['send-gids'],
      slot: this.slot,
    });
    const { options } = config;
    this.#link = new Link({
      name,
      host: options['remote-host'],
      port: options['remote-port'],
      subvolume: options['remote-subvolume'],
      username: options.username,
      password: options.password,
      log: this.log,
      pingMs: () => this.options['ping-timeout'] * SECOND || Infinity,
      stream: async () => ({ ...streamOf(this.options), ...(await tlsOf(this.options)) }),
      portOf: signal => this.#portOf(signal),
      restore: client => this.restore(this.remote.by(client)),
      up: (client, restarted) => this.#up(client, restarted),
      down: () => this.#down(),
      upcall: event => this.notify(event),
      answered: (procedure, value, ms) => this.#counters.answered(procedure, value, ms),
      failed: procedure => this.#counters.failed(procedure),
    });
  }

  /**
   * Opens again what was open on the connection before, and takes its locks again, through `remote`. Other calls are not
   * made until this resolves; if it rejects, the connection is given up.
   */
  protected abstract restore(remote: Remote): Promise<void>;

  override notify(event: GraphEvent, from?: Xlator): void {
    if (event.kind === 'parent-up') this.#link.start();
    else super.notify(event, from);
  }

  override async fini(): Promise<void> {
    await this.#link.stop();
    this.remote.busy.dropped();
  }

  override reconfigure(settings: XlatorSettings<typeof CLIENT_OPTIONS>): () => void {
    const change = super.reconfigure(settings);
    return () => {
      change();
      this.#link.client?.tune(streamOf(this.options));
    };
  }

  override get isRemote(): boolean {
    return true;
  }

  override hurry(): void {
    this.#link.client?.hurry();
  }

  override get isLocal(): boolean {
    return this.#link.client?.isLocal ?? false;
  }

  override async volumeId(): Promise<Buffer> {
    const { volumeId } = this.#link.state;
    if (volumeId === undefined) throw new FsError('ENOTCONN', `ENOTCONN: ${this.name} has not been connected yet`);
    return gfidOfText(volumeId)!; // the introduction has taken nothing else
  }

  override get trouble(): string | undefined {
    const { trouble } = this.#link.state;
    const { 'remote-host': host, 'remote-subvolume': subvolume } = this.options;
    return trouble === undefined ? undefined : `brick ${host}:${subvolume}: ${trouble}`;
  }

  override dump(): DumpValues {
    const { phase, port, failures } = this.#link.state;
    const pending = this.#link.client?.pending ?? 0;
    const busyFiles = this.remote.busy.size;
    return { phase, port: port ?? 0, failures, pending, 'busy-files': busyFiles, ...this.#counters.dump() };
  }

  async #portOf(signal: AbortSignal): Promise<number | undefined> {
    const { 'remote-host': host, 'remote-subvolume': subvolume } = this.options;
    const tls = await managementTls();
    const servers = [{ host, port: GLUSTERD_PORT }];
    const options = { timeoutMs: GLUSTERD_MS, signal, ...familyOf(this.options), ...(tls && { tls }) };
    return portOfBrick(servers, subvolume, options);
  }

  #up(client: RpcClient, restarted: boolean): void {
    const { remote } = this;
    const isLost = restarted && remote.hasUnsynced;
    if (restarted) remote.hasUnsynced = false;
    remote.fsid = gfidOfText(this.#link.state.volumeId!)!.readBigUInt64BE(8);
    remote.attach(client);
    if (isLost) this.notify({ kind: 'unstable-lost' });
    this.notify({ kind: 'child-up' });
  }

  #down(): void {
    this.remote.attach(undefined);
    this.remote.fds.dropped();
    this.remote.busy.dropped();
    this.notify({ kind: 'child-down' });
  }
}

const FAMILIES: Readonly<Record<string, 4 | 6>> = { inet: 4, inet6: 6 };

function familyOf({ 'transport.address-family': name }: ClientOptions): Pick<StreamOptions, 'family'> {
  const family = name === undefined ? undefined : FAMILIES[name];
  return family === undefined ? {} : { family };
}

function streamOf(options: ClientOptions): StreamOptions {
  return {
    ...familyOf(options),
    keepAlive: options['transport.socket.keepalive']
      ? {
          idleMs: options['transport.socket.keepalive-time'] * SECOND,
          intervalMs: options['transport.socket.keepalive-interval'] * SECOND,
          probes: options['transport.socket.keepalive-count'],
        }
      : undefined,
    userTimeoutMs: options['transport.tcp-user-timeout'] * SECOND,
  };
}

async function tlsOf(options: ClientOptions): Promise<Pick<StreamOptions, 'tls'>> {
  if (!options['transport.socket.ssl-enabled']) return {};
  const tls = await tlsOptions({
    ownCert: options['transport.socket.ssl-own-cert'],
    privateKey: options['transport.socket.ssl-private-key'],
    caList: options['transport.socket.ssl-ca-list'],
    certDepth: options['transport.socket.ssl-cert-depth'],
    cipherList: options['transport.socket.ssl-cipher-list'],
    crlPath: options['transport.socket.ssl-crl-path'],
  });
  return { tls };
}
