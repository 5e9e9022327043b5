/**
 * Looks up addresses of host names, and names of addresses, in the background. A caller gets what is known now, and
 * asks again with its next call. A known answer stays in use for a while and is meanwhile looked up again. That a name
 * does not exist is an answer as well. A look-up that fails is none, and means neither yes nor no.
 */
import { lookup, Resolver } from 'node:dns/promises';
import { formatIp, parseIp } from '../../../../rpc/ip.ts';
import { asServer } from '../../../../sys/process/identity.ts';
import { within } from '../../../../within.ts';

/** What is known now. `found` is empty as long as nothing is; `reason` says why. */
export interface Known {
  readonly found: ReadonlySet<string>;
  readonly reason: string;
  /** Whether `found` is an answer, empty or not. */
  readonly decided: boolean;
}

export interface NameService {
  addressesOf(name: string): Promise<string[]>;
  namesOf(address: string): Promise<string[]>;
}

/** The system's own way for names (hosts file, DNS, whatever it is set up with), DNS for the way back. */
export const systemNames: NameService = {
  async addressesOf(name) {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  },
  namesOf(address) {
    asServer(); // the constructor of a resolver reads its configuration in this thread
    return new Resolver({ timeout: 2000, tries: 2 }).reverse(address);
  },
};

/** An answer older than this is looked up again. It stays in use meanwhile. */
const FRESH_MS = 60_000;
/** The same if the answer was that there is no such name, or if there was no answer. */
const RETRY_MS = 10_000;
/** An answer that was not used for this long is looked up again before it is used. */
const USABLE_MS = 300_000;
/** How long an answer is used if it cannot be looked up again, so that a broken name server locks no client out. */
const STALE_MS_MAX = 3_600_000;
/** Codes of errors that are answers: there is no such name, or it has no address. */
const NO_SUCH_NAME: ReadonlySet<string | undefined> = new Set(['ENOTFOUND', 'ENODATA']);
/** Names of clients that are kept; those of the configuration come on top. */
const ADDRESSES_MAX = 4096;
/** Lookups of names take a thread of the pool each, which is there for disks. */
const LOOKUPS_AT_ONCE = 1;
const LOOKUPS_WAITING_MAX = 1024;

interface Entry {
  known: Known;
  /** When `known` was looked up, and when a look-up last failed. */
  foundAtMs: number;
  failedAtMs: number;
  askAgainAtMs: number;
  pending: Promise<void> | undefined;
}

const NOT_YET: Known = { found: new Set(), reason: 'is being looked up', decided: false };

export class HostNames {
  readonly #service: NameService;
  /** The clock of all answers. */
  readonly nowMs: () => number;
  readonly #names = new Map<string, Entry>();
  readonly #addresses = new Map<string, Entry>();
  readonly #queue: (() => Promise<void>)[] = [];
  #running = 0;
  #generation = 0;

  constructor(service: NameService = systemNames, nowMs: () => number = () => performance.now()) {
    this.#service = service;
    this.nowMs = nowMs;
  }

  /** Another number whenever an answer has changed. */
  get generation(): number {
    return this.#generation;
  }

  /** The addresses of a name, as {@link formatIp} writes them. */
  addressesOf(name: string): Known {
    return this.#ask(this.#names, name, () => this.#forward(name));
  }

  /**
   * The names of an address, in lower case, as far as they resolve to that address. The owner of an address may claim
   * any name for it, but cannot make that name resolve to it.
   */
  namesOf(address: string): Known {
    if (!this.#addresses.has(address) && this.#addresses.size >= ADDRESSES_MAX) {
      const [oldest] = this.#addresses.keys();
      this.#addresses.delete(oldest!);
    }
    return this.#ask(this.#addresses, address, async () => {
      const names = (await this.#service.namesOf(address)).slice(0, 8).map(name => name.toLowerCase());
      const back = await Promise.all(names.map(name => this.#forward(name).catch(noneIfNoSuchName)));
      return new Set(names.filter((_, i) => back[i]!.has(address)));
    });
  }

  /** Waits for what is being looked up for an address and for `names`, `timeoutMs` at most. */
  async settled(address: string, names: readonly string[], timeoutMs: number): Promise<void> {
    const entries = [this.#addresses.get(address), ...names.map(name => this.#names.get(name))];
    const pending = entries.flatMap(entry => entry?.pending ?? []);
    if (pending.length === 0) return;
    await within(timeoutMs, Promise.all(pending));
  }

  #ask(entries: Map<string, Entry>, key: string, look: () => Promise<Set<string>>): Known {
    const nowMs = this.nowMs();
    let entry = entries.get(key);
    if (!entry) {
      entry = {
        known: NOT_YET,
        foundAtMs: -Infinity,
        failedAtMs: -Infinity,
        askAgainAtMs: -Infinity,
        pending: undefined,
      };
      entries.set(key, entry);
    }
    if (nowMs >= entry.askAgainAtMs && !entry.pending) entry.pending = this.#refresh(entry, look);
    const failed = entry.failedAtMs > entry.foundAtMs;
    const usableMs = failed && entry.known.found.size > 0 ? STALE_MS_MAX : USABLE_MS;
    if (nowMs - entry.foundAtMs < usableMs) return entry.known;
    return failed ? { ...NOT_YET, reason: entry.known.reason } : NOT_YET;
  }

  async #refresh(entry: Entry, look: () => Promise<Set<string>>): Promise<void> {
    try {
      const found = await look();
      this.#learn(entry, found, found.size === 0 ? 'has no name that leads back to it' : '');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const reason = `cannot be looked up (${code ?? message})`;
      if (isNoSuchName(error)) this.#learn(entry, new Set(), reason);
      else {
        entry.failedAtMs = this.nowMs();
        entry.askAgainAtMs = entry.failedAtMs + RETRY_MS;
        this.#replace(entry, { ...entry.known, reason });
      }
    } finally {
      entry.pending = undefined;
    }
  }

  #learn(entry: Entry, found: ReadonlySet<string>, reason: string): void {
    entry.foundAtMs = this.nowMs();
    entry.askAgainAtMs = entry.foundAtMs + (found.size > 0 ? FRESH_MS : RETRY_MS);
    this.#replace(entry, { found, reason, decided: true });
  }

  #replace(entry: Entry, known: Known): void {
    const before = entry.known;
    const sameNames = before.found.size === known.found.size && before.found.isSubsetOf(known.found);
    if (!sameNames || before.reason !== known.reason || before.decided !== known.decided) this.#generation++;
    entry.known = known;
  }

  /** One after the other; the queue is bounded. */
  #forward(name: string): Promise<Set<string>> {
    if (this.#queue.length >= LOOKUPS_WAITING_MAX) return Promise.reject(new Error('too many lookups wait'));
    return new Promise((resolve, reject) => {
      this.#queue.push(() =>
        this.#service.addressesOf(name).then(
          addresses => resolve(new Set(addresses.flatMap(address => plain(address) ?? []))),
          (error: unknown) => reject(error instanceof Error ? error : new Error(String(error))),
        ),
      );
      this.#run();
    });
  }

  #run(): void {
    while (this.#running < LOOKUPS_AT_ONCE && this.#queue.length > 0) {
      this.#running++;
      const next = this.#queue.shift()!;
      void next().finally(() => {
        this.#running--;
        this.#run();
      });
    }
  }
}

/** Shared by all rules of this thread. */
export const hostNames = new HostNames();

const isNoSuchName = (error: unknown): boolean => NO_SUCH_NAME.has((error as NodeJS.ErrnoException).code);

function noneIfNoSuchName(error: unknown): Set<string> {
  if (isNoSuchName(error)) return new Set();
  throw error;
}

function plain(address: string): string | undefined {
  const ip = parseIp(address);
  return ip && formatIp(ip);
}
