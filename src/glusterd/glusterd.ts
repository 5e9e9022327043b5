/**
 * The connection to glusterd that gives the volfiles of volumes. There is one at a time, to one of the servers; if it is
 * lost, another server is asked. glusterd tells over it when volfiles may have changed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { CBK, GLUSTER_CBK } from '#protocols/gluster/constants.ts';
import { RpcClient } from '../rpcclnt/client.ts';
import { RpcError } from '../rpcclnt/error.ts';
import { Serial } from '../serial.ts';
import { type Choice, choiceOf, failed, learned, pauseMs, serverOf, worked } from './choice.ts';
import { GlusterdError } from './error.ts';
import type { Fetched } from './expand.ts';
import { Failures } from './failures.ts';
import { ANSWER_BYTES_MAX, getSpec, isStopped, processCredential } from './questions.ts';
import { type GlusterdAddress, serverText } from './servers.ts';

const CONNECT_MS = 5000;
/** As glusterd's own clients have it: a server whose machine is gone shows within a minute. */
const KEEP_ALIVE = { idleMs: 20_000, intervalMs: 2000, probes: 9 } as const;
/** The least pause between two attempts to get a lost connection back. */
const AGAIN_MS = 100;
/** How often it is said that glusterd is waited for. */
const SAID_EVERY_MS = 60_000;

export interface GlusterdOptions {
  readonly servers: readonly GlusterdAddress[];
  readonly family: 4 | 6 | undefined;
  readonly tls: ConnectionOptions | undefined;
  /** Whether the first fetch waits until a glusterd answers. */
  readonly waits: boolean;
  /** Takes what the operator should know, one line each. */
  report(level: 'info' | 'warn', message: string): void;
}

export class Glusterd implements AsyncDisposable {
  readonly #options: GlusterdOptions;
  readonly #serial = new Serial();
  readonly #stopping = new AbortController();
  /** What was fetched last, by volume. */
  readonly #known = new Map<string, Fetched>();
  readonly #failures = new Failures();
  #choice: Choice;
  #client: RpcClient | undefined;
  #changed: (() => void) | undefined;
  /** Whether something may have changed before it was watched. */
  #missed = false;
  #returning = false;

  constructor(options: GlusterdOptions) {
    this.#options = options;
    this.#choice = choiceOf(options.servers);
  }

  /**
   * The volfile of a volume. If it cannot be had now, it is the one that was fetched last.
   * @throws {GlusterdError} there is none
   */
  fetch(volume: string): Promise<Fetched> {
    return this.#serial.run(() => this.#fetch(volume));
  }

  /** Calls `changed` when a volfile may have changed. From then on the connection is kept. */
  watch(changed: () => void): void {
    this.#changed = changed;
    if (this.#missed) changed();
    if (this.#client === undefined && this.#known.size > 0) void this.#return();
  }

  /** Whether volfiles are known and no server answers, so that no change is noticed. */
  get isGone(): boolean {
    return this.#known.size > 0 && this.#client === undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#client?.close();
  }

  async #fetch(volume: string): Promise<Fetched> {
    let saidAt = -Infinity;
    for (let tried = 1; ; tried++) {
      const fetched = await this.#try(volume).catch((error: unknown) => this.#knownOr(volume, error));
      if (fetched !== undefined) return this.#keep(volume, fetched);
      if (tried % this.#choice.servers.length !== 0) continue;
      const error = this.#failures.error(this.#choice.servers);
      if (this.#known.has(volume)) return this.#knownOr(volume, error);
      if (error.code === 'NO_HOST' || !this.#options.waits) throw error;
      if (performance.now() - saidAt > SAID_EVERY_MS) {
        this.#options.report('info', `waiting for the volfile of ${volume}: ${error.message}`);
        saidAt = performance.now();
      }
      await sleep(pauseMs(this.#choice), undefined, { signal: this.#stopping.signal });
    }
  }

  /**
   * The volfile that was fetched before. What is wrong with one volume must not keep the others from following changes.
   * @throws what is wrong, if there is none
   */
  #knownOr(volume: string, error: unknown): Fetched {
    const known = this.#known.get(volume);
    if (known === undefined || !(error instanceof GlusterdError)) throw error;
    this.#options.report('warn', `${error.message}; the volfile of ${volume} that was fetched before stays in use`);
    return known;
  }

  #keep(volume: string, fetched: Fetched): Fetched {
    this.#known.set(volume, fetched);
    return fetched;
  }

  /** Asks one server; `undefined` if it does not answer. @throws {GlusterdError} what it answers is final */
  async #try(volume: string): Promise<Fetched | undefined> {
    const { host } = serverOf(this.#choice);
    try {
      const client = await this.#connected();
      const { text, peers } = await getSpec(client, volume);
      const stopped = await isStopped(client, volume);
      this.#choice = learned(worked(this.#choice), peers);
      return { text, host, stopped };
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#failed(error);
      return undefined;
    }
  }

  #failed(error: RpcError): void {
    this.#failures.add(serverOf(this.#choice), error);
    this.#choice = failed(this.#choice);
    const client = this.#client;
    this.#client = undefined; // so that its end starts nothing
    void client?.close();
    if (this.#changed !== undefined) void this.#return();
  }

  async #connected(): Promise<RpcClient> {
    if (this.#client !== undefined) return this.#client;
    const { family, tls } = this.#options;
    const server = serverOf(this.#choice);
    let client: RpcClient | undefined;
    client = await RpcClient.connect({
      target: server,
      timeoutMs: CONNECT_MS,
      signal: this.#stopping.signal,
      recordBytesMax: ANSWER_BYTES_MAX,
      cred: processCredential(),
      keepAlive: KEEP_ALIVE,
      ...(family !== undefined && { family }),
      ...(tls !== undefined && { tls }),
      onCall: ({ prog, proc }) => {
        if (prog !== GLUSTER_CBK.prog || proc !== CBK.FETCHSPEC) return;
        if (this.#changed === undefined) this.#missed = true;
        else this.#changed();
      },
      onEnd: why => this.#ended(client, server, why),
    });
    this.#client = client;
    return client;
  }

  #ended(client: RpcClient | undefined, server: GlusterdAddress, why: RpcError): void {
    if (client === undefined || client !== this.#client || this.#stopping.signal.aborted) return;
    this.#client = undefined;
    if (this.#changed === undefined) return;
    this.#options.report(
      'warn',
      `glusterd on ${serverText(server)} is gone (${why.message}); its volumes are served on`,
    );
    void this.#return();
  }

  /**
   * Connects again, to whichever server answers first. The volfiles are fetched, since glusterd only tells those of
   * changes who have done that, and because something may have changed meanwhile.
   */
  async #return(): Promise<void> {
    if (this.#returning) return;
    this.#returning = true;
    const { signal } = this.#stopping;
    while (this.#client === undefined && !signal.aborted) {
      await this.#serial.run(() => this.#refresh()).catch((error: unknown) => this.#refused(error));
      await sleep(Math.max(pauseMs(this.#choice), AGAIN_MS), undefined, { signal }).catch(() => {});
    }
    this.#returning = false;
  }

  async #refresh(): Promise<void> {
    const server = serverOf(this.#choice);
    for (const [volume, known] of this.#known) {
      const now = await this.#try(volume);
      if (now === undefined) return;
      if (now.text !== known.text) this.#changed?.();
    }
    this.#options.report('info', `glusterd on ${serverText(server)} answers`);
  }

  /** The volume is gone, or glusterd is not what it should be: fetching the volfile again says what is wrong. */
  #refused(error: unknown): void {
    if (!(error instanceof GlusterdError)) throw error;
    this.#changed?.();
  }
}
