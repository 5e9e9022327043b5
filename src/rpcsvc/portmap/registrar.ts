/**
 * Registers this server with the machine's port mapper, so that clients that know no port find it. Nobody needs that
 * who mounts with `port=`: so whatever fails is one warning that says so, and never an error.
 */
import { PMAP_PROGRAM } from '#protocols/portmap.ts';
import type { Log } from '../../log.ts';
import type { RpcTarget } from '../client-socket.ts';
import { isWildcard, parseIp } from '../ip.ts';
import { isSame, openMapper, PORT_MAPPERS, type PortMapper, type Registered } from './mapper.ts';
import { answers } from './probe.ts';
import type { PortEntry } from './table.ts';

export interface RegistrarOptions {
  readonly log: Log;
  /** Where to look for the port mapper; this machine's usual places unless it says otherwise. */
  readonly targets?: readonly RpcTarget[];
  /** For all of a registration, and for all of its end. 2,000 unless it says otherwise. */
  readonly timeoutMs?: number;
  /** How often to see whether the port mapper still knows us. 30,000 unless it says otherwise. */
  readonly renewMs?: number;
}

const TIMEOUT_MS = 2000;
const RENEW_MS = 30_000;
/** For a program registered at our place to show that it lives. */
const PROBE_MS = 500;

const NFS_PROGRAM = 100003;
const MOUNT_PROGRAM = 100005;

export class PortmapRegistrar implements AsyncDisposable {
  readonly #log: Log;
  readonly #targets: readonly RpcTarget[];
  readonly #timeoutMs: number;
  readonly #renewMs: number;
  readonly #stop = new AbortController();
  #wanted: readonly PortEntry[] = [];
  /** What has been registered, or may have been: a SET whose answer did not come counts. */
  readonly #ours = new Set<PortEntry>();
  #work: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ log, targets = PORT_MAPPERS, timeoutMs = TIMEOUT_MS, renewMs = RENEW_MS }: RegistrarOptions) {
    this.#log = log;
    this.#targets = targets;
    this.#timeoutMs = timeoutMs;
    this.#renewMs = renewMs;
  }

  get registered(): readonly PortEntry[] {
    return [...this.#ours];
  }

  /**
   * Registers `entries`, and from time to time those of them anew that the port mapper has lost. Never rejects: what
   * failed has been warned of.
   */
  register(entries: Iterable<PortEntry>): Promise<void> {
    // A port mapper, built in, is nothing to register with another.
    this.#wanted = [...entries].filter(({ program }) => program !== PMAP_PROGRAM);
    this.#timer ??= setInterval(() => void this.renew(), this.#renewMs).unref();
    return this.#next(() => this.#register(this.#wanted));
  }

  /** Registers what nobody is registered for: the port mapper was started anew, or only now. Never rejects. */
  renew(): Promise<void> {
    return this.#next(() => this.#renew());
  }

  /** Unregisters what is registered, and ends a registration that is under way. Safe to call twice; never rejects. */
  stop(): Promise<void> {
    this.#stop.abort(new Error('the server stops'));
    clearInterval(this.#timer);
    this.#stopped ??= this.#next(() => this.#unregister());
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** One after the other. */
  #next(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work);
    this.#work = done;
    return done;
  }

  async #register(wanted: readonly PortEntry[]): Promise<void> {
    if (this.#stop.signal.aborted || wanted.length === 0) return;
    const failed: string[] = [];
    try {
      await this.#setThose(wanted, failed, (mapper, mine, signal) => this.#clear(mapper, mine, failed, signal));
    } catch (error) {
      failed.push((error as Error).message);
    }
    if (this.#stop.signal.aborted) return;
    if (failed.length === 0) this.#log.info({ registered: wanted.map(textOf) }, 'registered with the port mapper');
    else this.#log.warn({ failed, registered: this.registered.map(textOf) }, adviceOf(wanted));
  }

  async #renew(): Promise<void> {
    if (this.#stop.signal.aborted || this.#wanted.length === 0) return;
    const failed: string[] = [];
    let lost: readonly PortEntry[];
    try {
      lost = await this.#setThose(this.#wanted, failed, async (mapper, mine) => {
        const existing = await mapper.dump();
        return mine.filter(entry => !existing.some(it => isAt(it, entry)));
      });
    } catch {
      return; // there is none, still: that was warned of
    }
    const registered = lost.filter(entry => this.#ours.has(entry)).map(textOf);
    if (registered.length > 0)
      this.#log.info({ registered, failed }, 'registered with the port mapper, which had lost it');
  }

  /**
   * Sets those that `choose` takes of what the port mapper can register, and answers with them.
   * @throws {AggregateError} no port mapper answers; {RpcError} it has left `choose` without an answer
   */
  async #setThose(
    wanted: readonly PortEntry[],
    failed: string[],
    choose: (mapper: PortMapper, mine: readonly PortEntry[], signal: AbortSignal) => Promise<PortEntry[]>,
  ): Promise<readonly PortEntry[]> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(this.#timeoutMs)]);
    await using mapper = await openMapper(this.#targets, this.#timeoutMs, signal);
    const mine = wanted.filter(({ netid }) => mapper.netids.includes(netid));
    const chosen = await choose(mapper, mine, signal);
    await Promise.all(chosen.map(entry => this.#set(mapper, entry, failed)));
    return chosen;
  }

  /** Takes away what nobody stands behind any more; returns those of `wanted` whose place is free then. */
  async #clear(mapper: PortMapper, wanted: readonly PortEntry[], failed: string[], signal: AbortSignal) {
    const existing = await mapper.dump();
    const free: PortEntry[] = [];
    await Promise.all(
      wanted.map(async entry => {
        const other = existing.find(it => isAt(it, entry));
        if (other && !isSame(other, entry)) {
          if (!isSurelyStale(other, entry) && (await answers(other, PROBE_MS, signal))) {
            const at = `${other.address ?? '127.0.0.1'}, port ${other.port}`;
            failed.push(`${textOf(entry)}: another server is registered and answers (${at}); it is left alone`);
            return;
          }
          await mapper.unset(other);
        }
        free.push(entry);
      }),
    );
    return free;
  }

  async #set(mapper: PortMapper, entry: PortEntry, failed: string[]): Promise<void> {
    this.#ours.add(entry);
    try {
      if (await mapper.set(entry)) return;
      this.#ours.delete(entry);
      failed.push(`${textOf(entry)}: the port mapper refuses it from this user, or has another there`);
    } catch (error) {
      failed.push(`${textOf(entry)}: ${(error as Error).message}`);
    }
  }

  async #unregister(): Promise<void> {
    if (this.#ours.size === 0) return;
    const signal = AbortSignal.timeout(this.#timeoutMs);
    try {
      await using mapper = await openMapper(this.#targets, this.#timeoutMs, signal);
      // Only what is still ours: rpcbind may have been restarted, and another server have come.
      await Promise.all((await this.#left(mapper)).map(entry => mapper.unset(entry)));
      const left = await this.#left(mapper);
      if (left.length > 0) this.#warnLeft(left, 'the port mapper refuses it from this user');
    } catch (error) {
      this.#warnLeft([...this.#ours], (error as Error).message);
    }
    this.#ours.clear();
  }

  async #left(mapper: PortMapper): Promise<PortEntry[]> {
    const existing = await mapper.dump();
    return [...this.#ours].filter(entry => existing.some(it => isAt(it, entry) && isSame(it, entry)));
  }

  #warnLeft(left: readonly PortEntry[], why: string): void {
    const message = 'could not unregister from the port mapper: clients may look for a server that is gone';
    this.#log.warn({ left: left.map(textOf), why }, `${message}; "rpcinfo -d PROGRAM VERSION" takes it away`);
  }
}

function isAt(registered: Registered, { program, version, netid }: PortEntry): boolean {
  return registered.program === program && registered.version === version && registered.netid === netid;
}

/** Our own listener has that port, so nobody else can. */
function isSurelyStale(registered: Registered, entry: PortEntry): boolean {
  if (registered.port !== entry.port) return false;
  const ip = parseIp(registered.address ?? entry.address);
  return ip !== undefined && (isWildcard(ip) || registered.address === undefined);
}

function textOf({ name, version, netid, address, port }: PortEntry): string {
  return `${name} version ${version} on ${netid} ${address} port ${port}`;
}

function adviceOf(wanted: readonly PortEntry[]): string {
  const portOf = (program: number) => wanted.find(entry => entry.program === program)?.port;
  const port = portOf(NFS_PROGRAM) ?? wanted[0]!.port;
  const mount = portOf(MOUNT_PROGRAM) ?? port;
  return (
    'not all is registered with the port mapper, so clients that ask it may not find this server: ' +
    `mount with -o port=${port},mountport=${mount},mountproto=tcp, or start rpcbind, or use the built-in port mapper`
  );
}
