/** The counters of failures that each child keeps of the others, as extended attributes (GlusterFS's changelog). */
import type { Xattrs, Xdata, XdataValue } from '../../../graph/fops.ts';
import { type Children, has, only } from './children.ts';
import type { Call, Kind } from './transaction/steps.ts';

const DIRTY = 'trusted.afr.dirty';
const LENGTH = 12;
/** Where the counter of each kind stands in the value: three big-endian numbers of 32 bits. */
const OFFSETS: Readonly<Record<Kind, number>> = { data: 0, metadata: 4, entry: 8 };

const ZERO = Buffer.alloc(LENGTH);

/** Which children one child has counted failures of. */
export type Accused = Readonly<Record<Kind, Children>>;

export class Changelog {
  /** The extended attribute by which failures of each child are counted. */
  readonly #keys: readonly string[];

  /** The changes that blame no child, by what they add to the dirty mark and 1: almost all are of these few. */
  readonly #unblaming: Readonly<Record<Kind, Xattrs[]>> = { data: [], metadata: [], entry: [] };

  constructor(names: readonly string[]) {
    this.#keys = names.map(name => `trusted.afr.${name}`);
  }

  /** What must be asked of a child to learn what it has counted. */
  get questions(): readonly (readonly [string, XdataValue])[] {
    return [...this.#keys, DIRTY].map(key => [key, LENGTH]);
  }

  /** What a transaction adds to the counters of an object in one of its steps. */
  change(kind: Kind, { do: step, whom, dirty }: Pick<Call, 'do' | 'whom' | 'dirty'>): Xattrs {
    const marks = step === 'pre-op' || step === 'retract' ? 1 : dirty;
    if (whom !== 0) return this.#change(kind, step, whom, marks);
    return (this.#unblaming[kind][marks + 1] ??= this.#change(kind, step, whom, marks));
  }

  #change(kind: Kind, step: Call['do'], whom: Children, marks: number): Xattrs {
    const changes = new Map([[DIRTY, marks === 0 ? ZERO : counter([kind], marks)]]);
    const failures = counter([kind], step === 'retract' ? -1 : 1);
    for (const [child, key] of this.#keys.entries()) changes.set(key, has(whom, child) ? failures : ZERO);
    return changes;
  }

  /** The change that marks a new object, for children that do not have it. */
  newEntry(kinds: readonly Kind[], whom: Children): Xattrs {
    const mark = counter(kinds, 1);
    return new Map(this.#keys.flatMap((key, child) => (has(whom, child) ? [[key, mark] as const] : [])));
  }

  /** Reads what a child has counted. What is not there, or is no counter, counts as none. */
  accused(values: Xdata | Xattrs | undefined): Accused {
    const accused = { data: 0, metadata: 0, entry: 0 };
    if (values === undefined) return accused;
    for (const [child, key] of this.#keys.entries()) {
      const value = values.get(key);
      if (!Buffer.isBuffer(value) || value.length < LENGTH) continue;
      if (value.readInt32BE(OFFSETS.data) !== 0) accused.data |= only(child);
      if (value.readInt32BE(OFFSETS.metadata) !== 0) accused.metadata |= only(child);
      if (value.readInt32BE(OFFSETS.entry) !== 0) accused.entry |= only(child);
    }
    return accused;
  }
}

function counter(kinds: readonly Kind[], count: number): Buffer {
  const value = Buffer.alloc(LENGTH);
  for (const kind of kinds) value.writeInt32BE(count, OFFSETS[kind]);
  return value;
}
