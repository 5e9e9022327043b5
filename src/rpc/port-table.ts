/**
 * The programs that this server offers and their addresses, to be registered with the machine's port mapper or served
 * by a built-in one.
 */
import { NC_TPI } from '#protocols/rpcbind.ts';

/** The transports, by their netid (RFC 5665, 5.1). */
export const NETIDS = {
  tcp: { family: 4, protofmly: 'inet', proto: 'tcp', semantics: NC_TPI.COTS_ORD },
  udp: { family: 4, protofmly: 'inet', proto: 'udp', semantics: NC_TPI.CLTS },
  tcp6: { family: 6, protofmly: 'inet6', proto: 'tcp', semantics: NC_TPI.COTS_ORD },
  udp6: { family: 6, protofmly: 'inet6', proto: 'udp', semantics: NC_TPI.CLTS },
} as const;
export type Netid = keyof typeof NETIDS;

export function isNetid(text: string): text is Netid {
  return Object.hasOwn(NETIDS, text);
}

/** One version of one program on one transport. */
export interface PortEntry {
  /** The program's name in messages, such as `NFS3`. */
  readonly name: string;
  readonly program: number;
  readonly version: number;
  readonly netid: Netid;
  /** The IP address on which it listens; `0.0.0.0` or `::` for all addresses. */
  readonly address: string;
  readonly port: number;
  /** The owner that rpcbind shows, who may unregister the entry. */
  readonly owner: string;
}

const keyOf = (program: number, version: number, netid: Netid) => `${program}.${version}.${netid}`;

/** Holds one entry per program, version and transport. The server fills it as its listeners come up. */
export class PortTable {
  readonly #entries = new Map<string, PortEntry>();

  /** Adds an entry, which replaces an earlier one for the same program, version and transport. */
  add(entry: PortEntry): void {
    this.#entries.set(keyOf(entry.program, entry.version, entry.netid), entry);
  }

  /**
   * Adds an entry for each program that listens at `host` and `port` over TCP or UDP. A program that listens at `::` is
   * reached over IPv4 as well, and gets an entry for each.
   */
  announce(
    transport: 'tcp' | 'udp',
    host: string,
    port: number,
    programs: Iterable<{ readonly name: string; readonly number: number; readonly version: number }>,
  ): void {
    const both = host === '::';
    for (const { name, number: program, version } of programs) {
      const entry = { name, program, version, port, owner: 'bricknfs' };
      if (host.includes(':')) this.add({ ...entry, netid: `${transport}6`, address: host });
      if (both || !host.includes(':')) this.add({ ...entry, netid: transport, address: both ? '0.0.0.0' : host });
    }
  }

  remove(program: number, version: number, netid: Netid): boolean {
    return this.#entries.delete(keyOf(program, version, netid));
  }

  get size(): number {
    return this.#entries.size;
  }

  [Symbol.iterator](): Iterator<PortEntry> {
    return this.#entries.values();
  }

  findExact(program: number, version: number, netid: Netid): PortEntry | undefined {
    return this.#entries.get(keyOf(program, version, netid));
  }

  /**
   * Finds the entry as {@link findExact} does, or else another version of the program: the caller then learns from
   * PROG_MISMATCH which versions there are. Other port mappers do the same (RFC 1833, 2.2.1 leaves it open).
   */
  find(program: number, version: number, netid: Netid): PortEntry | undefined {
    const exact = this.findExact(program, version, netid);
    if (exact) return exact;
    let found: PortEntry | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.program !== program || entry.netid !== netid) continue;
      if (!found || entry.version > found.version) found = entry;
    }
    return found;
  }
}
