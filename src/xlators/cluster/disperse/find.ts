/** Finds objects and their attributes: as many bricks are asked as must agree, and nothing is locked unless it must be. */
import type { Found, StatReply, Xdata } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import { Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { mergedIatt } from './answers/iatts.ts';
import { askEnough, majority, noMajority, type Value } from './answers/majority.ts';
import type { Locks } from './lock/locks.ts';
import type { Volume } from './volume.ts';
import { LOOK } from './wishes.ts';
import { answered, asking, DOMAIN_LOCKS, LOCKS, SIZE, sizeIn, VERSION, versionIn } from './xattrs.ts';

/** The question that a brick answers with attributes and extended attributes of an object. */
type Question<R> = (child: Xlator, xdata: Xdata) => Promise<R>;

export class Finder {
  readonly #volume: Volume;
  readonly #locks: Locks;

  constructor(volume: Volume, locks: Locks) {
    this.#volume = volume;
    this.#locks = locks;
  }

  async find(frame: Frame, by: Buffer, asked: Xdata | undefined, question: Question<Found>): Promise<Found> {
    const { values, iatt } = await this.#ask(frame, by, asked, question, ({ iatt }) => iatt);
    const parents = values.flatMap(({ brick, value }) =>
      value.parent === undefined ? [] : [{ brick, value: value.parent }],
    );
    const xdata = answered(values[0]!.value.xdata, asked);
    return {
      iatt,
      ...(parents.length > 0 && { parent: mergedIatt(this.#volume, parents, 0) }),
      ...(xdata && { xdata }),
    };
  }

  async stat(frame: Frame, gfid: Buffer, asked: Xdata | undefined, question: Question<StatReply>): Promise<StatReply> {
    const { values, iatt } = await this.#ask(frame, gfid, asked, question, ({ xdata: _xdata, ...iatt }) => iatt);
    const xdata = answered(values[0]!.value.xdata, asked);
    return xdata === undefined ? iatt : { ...iatt, xdata };
  }

  /** The size of a file, from the bricks, as it is when no client is changing it. */
  lockedSize(frame: Frame, { gfid, hint }: Iatt): Promise<number> {
    const inode = new Inode(gfid, FileType.REG, hint);
    return this.#locks.run(frame, inode, LOOK, async ({ size }) => ({ result: size }));
  }

  async #ask<R extends { readonly xdata?: Xdata }>(
    frame: Frame,
    by: Buffer,
    asked: Xdata | undefined,
    question: Question<R>,
    iattIn: (reply: R) => Iatt,
  ): Promise<{ readonly values: readonly Value<R>[]; readonly iatt: Iatt }> {
    const volume = this.#volume;
    const xdata = asking(asked, [
      [SIZE, 0],
      [VERSION, 0],
      [DOMAIN_LOCKS, volume.name],
    ]);
    const objectOf = (reply: R) => `${iattIn(reply).type} ${iattIn(reply).gfid.toString('hex')}`;
    const stateOf = (reply: R) => `${objectOf(reply)} ${versionIn(reply.xdata)} ${sizeIn(reply.xdata)}`;
    const answers = await askEnough(volume, volume.order(by), child => question(child, xdata), stateOf);
    const same = majority(volume.k, answers, stateOf);
    // While others change the object, the bricks need not agree on its state.
    const group = same ?? majority(volume.k, answers, objectOf);
    if (group === undefined) throw noMajority(volume, answers);
    if (group.values.length === 0) throw group.error;
    const values = same === undefined ? latest(group.values) : group.values;
    const iatts = values.map(({ brick, value }) => ({ brick, value: iattIn(value) }));
    const iatt = mergedIatt(volume, iatts, 0);
    if (iatt.type !== FileType.REG) return { values, iatt };
    const isLocked = values.some(({ value }) => Number(value.xdata?.get(LOCKS) ?? 0) > 0);
    const known = same === undefined || isLocked ? undefined : sizeIn(values[0]!.value.xdata);
    const size = this.#locks.sizeOf(iatt.gfid) ?? known ?? (await this.lockedSize(frame, iatt));
    return { values, iatt: { ...iatt, size } };
  }
}

/** Those with the highest version. */
function latest<R extends { readonly xdata?: Xdata }>(values: readonly Value<R>[]): readonly Value<R>[] {
  const versions = values.map(({ value }) => versionIn(value.xdata));
  const highest = versions.toSorted().at(-1)!;
  return values.filter((_, i) => versions[i] === highest);
}
