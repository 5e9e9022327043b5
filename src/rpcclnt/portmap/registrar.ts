/**
 * Registers this server with the machine's port mapper, so that clients that know no port find it. Clients that mount
 * with `port=` do not need it, so a failure is reported in one warning that says so and is never an error.
 */
import { PMAP_PROGRAM } from '#protocols/portmap.ts';
import type { Log } from '../../log.ts';
import { Serial } from '../../serial.ts';
import type { RpcTarget } from '../socket.ts';
import { isWildcard, parseIp } from '../../rpc/ip.ts';
import { isSame, openMapper, PORT_MAPPERS, type PortMapper, type Registered } from './mapper.ts';
import { answers } from './probe.ts';
import type { PortEntry } from '../../rpc/port-table.ts';

export interface RegistrarOptions {
  readonly log: Log;
  /** Where to look for the port mapper; this machine's usual places by default. */
  readonly targets?: readonly RpcTarget[];
  /** The time limit of a whole registration, and of a whole unregistration, in milliseconds; 2,000 by default. */
  readonly timeoutMs?: number;
  /** What to do about a registration that fails, as the end of a sentence in the log. */
  readonly advice?: string;
  /** How often to check that the port mapper still has the registrations, in milliseconds; 30,000 by default. */
  readonly renewMs?: number;
}

const TIMEOUT_MS = 2000;
const RENEW_MS = 30_000;
/** How long a program that is registered in our place has to answer, in milliseconds. */
const PROBE_MS = 500;

const WARNING = 'not all is registered with the port mapper, so clients that ask it may not find this server';

export class PortmapRegistrar implements AsyncDisposable {
  readonly #log: Log;
  readonly #targets: readonly RpcTarget[];
  readonly #timeoutMs: number;
  readonly #renewMs: number;
  readonly #warning: string;
  readonly #stop = new AbortController();
  #wanted: readonly PortEntry[] = [];
  /** What has been registered, including each SET whose answer was not received. */
  readonly #ours = new Set<PortEntry>();
  readonly #serial = new Serial();
  #stopped: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ log, targets, timeoutMs, renewMs, advice = 'start rpcbind' }: RegistrarOptions) {
    this.#log = log;
    this.#warning = `${WARNING}: ${advice}`;
    this.#targets = targets ?? PORT_MAPPERS;
    this.#timeoutMs = timeoutMs ?? TIMEOUT_MS;
    this.#renewMs = renewMs ?? RENEW_MS;
  }

  get registered(): readonly PortEntry[] {
    return [...this.#ours];
  }

  /**
   * Registers `entries`, and later registers those again that the port mapper has lost. Never rejects: a failure is
   * logged as a warning.
   */
  register(entries: Iterable<PortEntry>): Promise<void> {
    // A built-in port mapper is not registered with another one.
    this.#wanted = [...entries].filter(({ program }) => program !== PMAP_PROGRAM);
    this.#timer ??= setInterval(() => void this.renew(), this.#renewMs).unref();
    return this.#serial.run(() => this.#register(this.#wanted));
  }

  /** Registers the entries that are missing because the port mapper was restarted or started late. Never rejects. */
  renew(): Promise<void> {
    return this.#serial.run(() => this.#renew());
  }

  /** Unregisters what is registered and aborts a registration under way. Safe to call twice; never rejects. */
  stop(): Promise<void> {
    this.#stop.abort(new Error('the server stops'));
    clearInterval(this.#timer);
    this.#stopped ??= this.#serial.run(() => this.#unregister());
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
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
    else this.#log.warn({ failed, registered: this.registered.map(textOf) }, this.#warning);
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
      return; // there is still no port mapper, which was logged before
    }
    const registered = lost.filter(entry => this.#ours.has(entry)).map(textOf);
    if (registered.length > 0)
      this.#log.info({ registered, failed }, 'registered again with the port mapper, which had lost the entries');
  }

  /**
   * Registers those entries that `choose` selects from the ones that the port mapper can register, and returns them.
   * @throws {AggregateError} no port mapper answers; {RpcError} it did not answer a call of `choose`
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

  /** Unregisters entries whose program no longer answers, and returns those of `wanted` whose place is free then. */
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
      // Unregister only what is still ours: rpcbind may have been restarted and another server registered.
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
    this.#log.warn({ left: left.map(textOf), why }, `${message}; "rpcinfo -d PROGRAM VERSION" removes it`);
  }
}

function isAt(registered: Registered, { program, version, netid }: PortEntry): boolean {
  return registered.program === program && registered.version === version && registered.netid === netid;
}

/** Whether an entry points to a port on which this server itself listens, so that no other program can. */
function isSurelyStale(registered: Registered, entry: PortEntry): boolean {
  if (registered.port !== entry.port) return false;
  const ip = parseIp(registered.address ?? entry.address);
  return ip !== undefined && (isWildcard(ip) || registered.address === undefined);
}

function textOf({ name, version, netid, address, port }: PortEntry): string {
  return `${name} version ${version} on ${netid} ${address} port ${port}`;
}
