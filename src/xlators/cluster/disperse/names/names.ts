/** Changes the names in directories, on all bricks. */
import { randomGfid } from '../../../../graph/gfid.ts';
import type { Made, NewAttr, Removed, Renamed, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../../graph/iatt.ts';
import { Inode } from '../../../../graph/inode.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import { change, type Changed } from '../answers/change.ts';
import { joinedNotes, mergedIatt, mergedWcc } from '../answers/iatts.ts';
import type { Value } from '../answers/majority.ts';
import { setOf } from '../bricks.ts';
import { close, type OpenFile } from '../data/open-files.ts';
import type { Outcome, Wish } from '../lock/events.ts';
import { type Done, Failed, type Held } from '../lock/inode-lock.ts';
import type { Locks } from '../lock/locks.ts';
import type { Volume } from '../volume.ts';
import { NAMES, ofName } from '../wishes.ts';
import { answered, asking, CONFIG, numberBytes, pairBytes, SIZE, VERSION } from '../xattrs.ts';

type Call<R> = (child: Xlator, index: number) => Promise<R>;

export class Names {
  readonly #volume: Volume;
  readonly #locks: Locks;
  readonly #slot: number;

  constructor(volume: Volume, locks: Locks, slot: number) {
    this.#volume = volume;
    this.#locks = locks;
    this.#slot = slot;
  }

  /** The attributes of a new object, with the gfid that it has on all bricks. */
  chosen(attr: NewAttr): NewAttr & { gfid: Buffer } {
    const { gfid = randomGfid() } = attr;
    return { ...attr, gfid };
  }

  /**
   * What a new object begins with: only files have a size and a config. A directory has a version that a brick which is
   * put in the place of another one has not (see `Versioned`).
   */
  fresh(xdata: Xdata | undefined, type: FileType): Xdata {
    if (type === FileType.DIR) return asking(xdata, [[VERSION, pairBytes([1, 1])]]);
    if (type !== FileType.REG) return asking(xdata, []);
    const version = [VERSION, pairBytes([0, 0])] as const;
    return asking(xdata, [version, [CONFIG, this.#volume.config], [SIZE, numberBytes(0)]]);
  }

  /** Gives an object a name. `flags` are those of a file that is open afterwards. */
  async make(
    frame: Frame,
    parent: Inode,
    name: string,
    asked: Xdata | undefined,
    call: Call<Made>,
    sizeOf: (iatt: Iatt) => Promise<number>,
    flags?: number,
  ): Promise<Made> {
    const values = await this.#made(frame, parent, name, call);
    const iatts = values.map(({ brick, value }) => ({ brick, value: value.iatt }));
    const [{ value: first }] = values as [Value<Made>];
    const size = first.iatt.type === FileType.REG ? await sizeOf(first.iatt) : 0;
    const wccs = values.map(({ brick, value }) => ({ brick, value: value.parent }));
    const xdata = answered(first.xdata, asked);
    return {
      iatt: mergedIatt(this.#volume, iatts, size),
      parent: mergedWcc(this.#volume, wccs, 0, 0),
      ...(flags !== undefined && { opened: this.#opened(values, flags) }),
      ...(xdata && { xdata }),
    };
  }

  /** Closes what is open on bricks whose answer does not count. */
  async #made(frame: Frame, parent: Inode, name: string, call: Call<Made>): Promise<readonly Value<Made>[]> {
    const open = new Map<number, readonly [Xlator, Made]>();
    const noted: Call<Made> = async (child, index) => {
      const made = await call(child, index);
      if (made.opened !== undefined) open.set(index, [child, made]);
      return made;
    };
    try {
      const values = await this.#in(frame, parent, ofName(name), noted, ({ iatt }) => iatt.gfid.toString('hex'));
      for (const { brick } of values) open.delete(brick);
      return values;
    } finally {
      for (const [child, { iatt, opened }] of open.values()) close(child, new Inode(iatt.gfid, iatt.type), opened!);
    }
  }

  #opened(values: readonly Value<Made>[], flags: number): NonNullable<Made['opened']> {
    const file: OpenFile = { bricks: setOf(values.map(({ brick }) => brick)), flags };
    const below = joinedNotes(values.map(({ value }) => value.opened?.notes));
    const xdata = answered(values[0]!.value.opened?.xdata, undefined);
    return { notes: { slot: this.#slot, value: file, next: below }, ...(xdata && { xdata }) };
  }

  /** Takes a name from an object. */
  async remove(
    frame: Frame,
    parent: Inode,
    name: string,
    asked: Xdata | undefined,
    call: Call<Removed>,
  ): Promise<Removed> {
    const values = await this.#in(frame, parent, ofName(name), call);
    const wccs = values.map(({ brick, value }) => ({ brick, value: value.parent }));
    const xdata = answered(values[0]!.value.xdata, asked);
    const gone = values.find(({ value }) => value.gone !== undefined)?.value.gone;
    return { parent: mergedWcc(this.#volume, wccs, 0, 0), gone, ...(xdata && { xdata }) };
  }

  /** Renames between two directories, whose locks are taken in the order of their gfids, as every client does. */
  async rename(frame: Frame, from: Inode, to: Inode, asked: Xdata | undefined, call: Call<Renamed>): Promise<Renamed> {
    const values = from.gfid.equals(to.gfid)
      ? await this.#in(frame, from, NAMES, call)
      : await this.#inBoth(frame, from, to, call);
    const sides = (side: 'from' | 'to') => values.map(({ brick, value }) => ({ brick, value: value[side] }));
    const xdata = answered(values[0]!.value.xdata, asked);
    return {
      from: mergedWcc(this.#volume, sides('from'), 0, 0),
      to: mergedWcc(this.#volume, sides('to'), 0, 0),
      gone: values.find(({ value }) => value.gone !== undefined)?.value.gone,
      ...(xdata && { xdata }),
    };
  }

  async #inBoth<R>(frame: Frame, a: Inode, b: Inode, call: Call<R>): Promise<readonly Value<R>[]> {
    const [first, second] = a.gfid.compare(b.gfid) < 0 ? [a, b] : [b, a];
    return this.#locks.run(frame, first, NAMES, async outer => {
      // What becomes of the rename is reported to both locks.
      let outcome: Outcome = { changed: 'nothing', missed: 0 };
      const both = async (inner: Held): Promise<Done<readonly Value<R>[]>> => {
        const held: Held = { ...inner, good: inner.good & outer.good };
        const { values, missed } = await change(this.#volume, held, 'data', call);
        outcome = { changed: 'data', missed: missed | (inner.good ^ outer.good) };
        return { result: values, ...outcome };
      };
      try {
        const result = await this.#locks.run(frame, second, NAMES, inner =>
          both(inner).catch((error: unknown) => {
            if (error instanceof Failed) ({ outcome } = error);
            throw error;
          }),
        );
        return { result, ...outcome };
      } catch (error) {
        throw new Failed(error, outcome);
      }
    });
  }

  #in<R>(
    frame: Frame,
    parent: Inode,
    wish: Wish,
    call: Call<R>,
    keyOf?: (value: R) => string,
  ): Promise<readonly Value<R>[]> {
    return this.#locks.run(frame, parent, wish, async held => {
      const { values, missed }: Changed<R> = await change(this.#volume, held, 'data', call, keyOf);
      return { result: values, changed: 'data', missed };
    });
  }
}
