/** The locks on one object, as a GlusterFS brick keeps them: in memory, and separate for each domain. */
import { FsError } from '#src/errno.ts';
import type { Flock, LockType } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import {
  type Connection,
  DomainLocks,
  isSameName,
  isSameRange,
  type NameLock,
  namesOverlap,
  type RangeLock,
  rangesOverlap,
} from './cluster-locks.ts';
import { END, PosixLocks, rangeOf } from './posix-locks.ts';

/** Where cluster/replicate locks the attributes: the brick keeps these locks apart from those on the content. */
const METADATA_START = 0x7fff_ffff_ffff_fffen;

/** All locks on one object. */
export class NodeLocks {
  /** The locks of `lk`. */
  readonly posix = new PosixLocks();
  readonly #gfid: Buffer;
  readonly #ranges = new Map<string, DomainLocks<RangeLock>>();
  readonly #metadata = new Map<string, DomainLocks<RangeLock>>();
  readonly #names = new Map<string, DomainLocks<NameLock>>();

  constructor(gfid: Buffer) {
    this.#gfid = gfid;
  }

  /** inodelk. */
  async lockRange(connection: Connection, frame: Frame, domain: string, flock: Flock, wait: boolean): Promise<void> {
    const { start, end } = rangeOf(frame, flock);
    const lock: RangeLock = { connection, owner: ownerOf(frame), type: flock.type, start, end };
    const domains = start === METADATA_START && end === END ? this.#metadata : this.#ranges;
    const locks = getOrAdd(domains, domain, () => this.#domain(rangesOverlap, isSameRange));
    if (lock.type === 'unlock') locks.unlock(lock);
    else await locks.lock(lock, frame, wait);
  }

  /** entrylk. */
  async lockName(
    connection: Connection,
    frame: Frame,
    domain: string,
    name: string | undefined,
    type: LockType,
    wait: boolean,
  ): Promise<void> {
    const lock: NameLock = { connection, owner: ownerOf(frame), type, name };
    const locks = getOrAdd(this.#names, domain, () => this.#domain(namesOverlap, isSameName));
    if (type === 'unlock') locks.unlock(lock);
    else await locks.lock(lock, frame, wait);
  }

  /** How many inodelks there are, granted and waited for: in a domain, or in all of them. */
  rangeCount(domain?: string): number {
    if (domain !== undefined) return this.#ranges.get(domain)?.count() ?? 0;
    return sum([...this.#ranges.values(), ...this.#metadata.values()].map(locks => locks.count()));
  }

  /** How many entrylks there are: on a name, or all of them. */
  nameCount(name?: string): number {
    const isCounted = (lock: NameLock) => name === undefined || lock.name === name;
    return sum([...this.#names.values()].map(locks => locks.count(isCounted)));
  }

  /** Gives up the locks of a connection that has ended. */
  drop(connection: Connection): void {
    for (const locks of [...this.#ranges.values(), ...this.#metadata.values()]) locks.drop(connection);
    for (const locks of this.#names.values()) locks.drop(connection);
    this.posix.drop(connection);
  }

  #domain<L extends RangeLock | NameLock>(overlap: (a: L, b: L) => boolean, isSame: (a: L, b: L) => boolean) {
    return new DomainLocks<L>({ overlap, isSame, contended: ({ connection }) => connection.contended(this.#gfid) });
  }
}

/** Whose lock of a cluster xlator it is. The brick tells apart connections and lock owners, and knows no NFS clients. */
const ownerOf = ({ lkOwner }: Frame): string => {
  if (lkOwner !== undefined && lkOwner.length > 1024) throw new FsError('EINVAL');
  return lkOwner?.toString('hex') ?? '';
};

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

function getOrAdd<T>(map: Map<string, T>, key: string, make: () => T): T {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}
