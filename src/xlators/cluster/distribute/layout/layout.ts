/**
 * The layout of a directory: which range of hashes belongs to which subvolume. Each subvolume has its own range in an
 * extended attribute of its copy of the directory.
 */

const LAYOUT_BYTES = 16;
/** A commit hash that no volume has, for a layout that was changed without moving files to where they belong. */
export const COMMIT_INVALID = 1;
export const HASH_MAX = 0xffff_ffff;

/** How a subvolume's ranges are to be understood. */
const Kind = { HASHED: 0, USER: 1 } as const;

/** The range of one subvolume, both ends included. */
export interface Range {
  readonly commit: number;
  /** A user has set it by hand, and nothing may replace it. */
  readonly isFixed: boolean;
  readonly start: number;
  readonly stop: number;
}

/** What a subvolume says of its copy of a directory. */
export type Part =
  | Range
  /** The directory is there, without a range. */
  | 'bare'
  /** There is no copy of the directory. */
  | 'missing'
  /** The subvolume cannot be asked. */
  | 'down';

const isRange = (part: Part): part is Range => typeof part === 'object';

/** A range of the same start and stop stands for none. */
const isEmpty = ({ start, stop }: Range): boolean => start === stop;

export const rangeOf = (start: number, stop: number, commit: number): Range => ({
  commit,
  isFixed: false,
  start,
  stop,
});

/** The range in an extended attribute; `undefined` if it is none. */
export function parseRange(value: Buffer): Range | undefined {
  if (value.length !== LAYOUT_BYTES) return undefined;
  const kind = value.readUInt32BE(4);
  if (kind !== Kind.HASHED && kind !== Kind.USER) return undefined;
  const [commit, start, stop] = [0, 8, 12].map(at => value.readUInt32BE(at)) as [number, number, number];
  return start > stop ? undefined : { commit, isFixed: kind === Kind.USER, start, stop };
}

export function encodeRange({ commit, isFixed, start, stop }: Range): Buffer {
  const value = Buffer.allocUnsafe(LAYOUT_BYTES);
  for (const [index, word] of [commit, isFixed ? Kind.USER : Kind.HASHED, start, stop].entries()) {
    value.writeUInt32BE(word, 4 * index);
  }
  return value;
}

/** What is wrong with a layout. */
export interface Anomalies {
  readonly holes: number;
  readonly overlaps: number;
  /** Subvolumes without a copy of the directory. */
  readonly missing: number;
  /** Subvolumes with a copy that has no range, not even an empty one. */
  readonly bare: number;
  readonly down: number;
}

/** The parts of all subvolumes, in the order of the children. */
export class Layout {
  readonly parts: readonly Part[];

  constructor(parts: readonly Part[]) {
    this.parts = parts;
  }

  /** The child in whose range the hash lies; -1 if there is none. */
  childFor(hash: number): number {
    for (let i = 0; i < this.parts.length; i++) {
      const part = this.parts[i]!;
      if (isRange(part) && part.start <= hash && hash <= part.stop && part.start !== part.stop) return i;
    }
    return -1;
  }

  /** The commit hash that all ranges have; `COMMIT_INVALID` if they have several, 0 if there are none. */
  get commit(): number {
    const commits = new Set(this.parts.filter(isRange).map(({ commit }) => commit));
    commits.delete(0);
    return commits.size === 0 ? 0 : commits.size === 1 ? [...commits][0]! : COMMIT_INVALID;
  }

  /**
   * The child whose range comes first, which stands for the whole directory where one child must: empty ranges come
   * before others.
   */
  get first(): number {
    let first = -1;
    let least = Infinity;
    for (const [child, part] of this.parts.entries()) {
      const rank = !isRange(part) ? Infinity : isEmpty(part) ? -1 : part.start;
      if (rank < least) [first, least] = [child, rank];
    }
    return Math.max(first, 0);
  }

  get isFixed(): boolean {
    return this.parts.some(part => isRange(part) && part.isFixed);
  }

  anomalies(): Anomalies {
    const ranges = this.parts.filter(isRange).filter(range => !isEmpty(range));
    ranges.sort((a, b) => a.start - b.start);
    let [holes, overlaps, next] = [0, 0, 0];
    for (const { start, stop } of ranges) {
      if (start > next) holes++;
      if (start < next) overlaps++;
      next = Math.max(next, stop + 1);
    }
    if (next !== HASH_MAX + 1) holes++;
    const count = (kind: Part) => this.parts.filter(part => part === kind).length;
    return { holes, overlaps, missing: count('missing'), bare: count('bare'), down: count('down') };
  }

  /** Whether each hash belongs to exactly one subvolume. */
  get isWhole(): boolean {
    const { holes, overlaps } = this.anomalies();
    return holes === 0 && overlaps === 0;
  }

  /** The same with other parts. */
  with(change: (part: Part) => Part): Layout {
    return new Layout(this.parts.map(change));
  }

  /** The value of the child's extended attribute; `undefined` if it has none. */
  encoded(child: number): Buffer | undefined {
    const part = this.parts[child];
    return part !== undefined && isRange(part) ? encodeRange(part) : undefined;
  }
}
