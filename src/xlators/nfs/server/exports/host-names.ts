/**
 * Looks up addresses of host names, and names of addresses, in the background. A caller gets what is known now, and
 * asks again with its next call. A known answer stays in use for a while and is meanwhile looked up again. That a name
 * does not exist is an answer too. A look-up that fails gives no answer: it means neither yes nor no.
 */
import { lookup, Resolver } from 'node:dns/promises';
import { formatIp, parseIp } from '../../../../rpc/ip.ts';
import { asServer } from '../../../../sys/process/identity.ts';
import { within } from '../../../../within.ts';

/** What is known now. If `found` is empty, `reason` says why. */
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

/** Looks up names in the way that the system is set up for (hosts file, DNS and others), and addresses in DNS. */
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
/** When a name is looked up again that was found not to exist, or whose look-up failed. */
const RETRY_MS = 10_000;
/** An answer that was not used for this long is looked up again before it is used. */
const USABLE_MS = 300_000;
/** How long an answer is used if it cannot be looked up again, so that a broken name server locks no client out. */
const STALE_MS_MAX = 3_600_000;
/** Codes of errors that are answers: there is no such name, or it has no address. */
const NO_SUCH_NAME: ReadonlySet<string | undefined> = new Set(['ENOTFOUND', 'ENODATA']);
/** How many addresses of clients are kept, besides the host names in the volfile. */
const ADDRESSES_MAX = 4096;
/** Each lookup of a name takes a thread of the pool, and the pool is there for disks. */
const LOOKUPS_AT_ONCE = 1;
const LOOKUPS_WAITING_MAX = 1024;
/** How many names of one address are examined. DNS may claim any number of them. */
const NAMES_PER_ADDRESS_MAX = 8;

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

  /** A number that grows whenever an answer has changed. */
  get generation(): number {
    return this.#generation;
  }

  /** Returns the addresses of a name, as {@link formatIp} writes them. */
  addressesOf(name: string): Known {
    return this.#ask(this.#names, name, () => this.#forward(name));
  }

  /**
   * Returns the names of an address, in lower case, as far as they resolve to that address. The owner of an address may
   * claim any name for it, but cannot make that name resolve to it.
   */
  namesOf(address: string): Known {
    if (!this.#addresses.has(address) && this.#addresses.size >= ADDRESSES_MAX) {
      const [oldest] = this.#addresses.keys();
      this.#addresses.delete(oldest!);
    }
    return this.#ask(this.#addresses, address, async () => {
      const names = (await this.#service.namesOf(address))
        .slice(0, NAMES_PER_ADDRESS_MAX)
        .map(name => name.toLowerCase());
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

  /** Looks up the addresses of a name, one name after the other. Rejects if too many wait already. */
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

/** Returns the address in the form of {@link formatIp}; `undefined` if it is not understood. */
function plain(address: string): string | undefined {
  const ip = parseIp(address);
  return ip && formatIp(ip);
}
