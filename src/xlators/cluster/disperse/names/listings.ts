import { errnoOf, FsError } from '../../../../errno.ts';
import type { Dirent, DirList, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import { Listings, type Source } from '../../listing/listings.ts';
import { mergedIatt } from '../answers/iatts.ts';
import { majority, noMajority } from '../answers/majority.ts';
import { type Bricks, has } from '../bricks.ts';
import { fdAt } from '../data/open-files.ts';
import type { Locks } from '../lock/locks.ts';
import type { Volume } from '../volume.ts';
import { answered, asking, DIRTY, isDirty, SIZE, sizeIn, VERSION, versionIn } from '../xattrs.ts';
import { Healthy } from './healthy.ts';

type Kind = 'readdir' | 'readdirp';

/** Whether an error is that of a brick which is not connected. */
const isOfOne = (error: unknown): boolean => errnoOf(error) === 'ENOTCONN';

/** Lists directories, each from one brick that has missed nothing. */
export class DisperseListings {
  readonly #volume: Volume;
  readonly #locks: Locks;
  readonly #slot: number;
  readonly #listings: Listings;
  readonly healthy: Healthy;

  constructor(volume: Volume, locks: Locks, slot: number) {
    this.#volume = volume;
    this.#locks = locks;
    this.#slot = slot;
    this.#listings = new Listings(volume.name, volume.children);
    this.healthy = new Healthy(volume);
  }

  /** As `Xlator.cookieBits`. */
  get cookieBits(): number {
    return this.#listings.cookieBits;
  }

  close(): void {
    this.#listings.close();
  }

  async list(kind: Kind, frame: Frame, fd: Fd, size: number, cookie: bigint, asked?: Xdata): Promise<DirList> {
    const volume = this.#volume;
    const healthy = await this.healthy.bricks(frame);
    const xdata =
      kind === 'readdirp'
        ? asking(asked, [
            [SIZE, 0],
            [VERSION, 0],
            [DIRTY, 0],
          ])
        : asked && asking(asked, []);
    const list = async (index: number, position: bigint): Promise<DirList> => {
      const answer = await volume.askOne(index, child =>
        child[kind](frame, fdAt(fd, this.#slot, index), size, position, xdata),
      );
      if (answer.code === undefined) return answer.value;
      throw answer.error ?? new FsError('ENOTCONN', `ENOTCONN: ${volume.children[index]!.name} is not connected`);
    };
    const source: Source = {
      client: frame.client,
      list,
      any: async call => {
        let error: unknown = new FsError('ENOTCONN');
        for (const index of await this.#candidates(frame, fd.inode, healthy)) {
          try {
            return await call(index);
          } catch (thrown) {
            if (!isOfOne(thrown)) throw thrown;
            error = thrown;
          }
        }
        throw error;
      },
      canRead: async index =>
        has(volume.up, index) && (await this.#candidates(frame, fd.inode, healthy)).includes(index),
      isOfOne,
    };
    const page = await this.#listings.page(fd.inode, cookie, source);
    const isHealthy = has(healthy, page.child);
    const entries = page.list.entries.map(entry => this.#entry(entry, page.child, isHealthy, asked));
    return { ...page.list, entries, iatt: mergedIatt(volume, [{ brick: page.child, value: page.list.iatt }], 0) };
  }

  /** The bricks that a listing may come from, the best first. */
  async #candidates(frame: Frame, { gfid, hint }: Inode, healthy: Bricks): Promise<readonly number[]> {
    const order = this.#volume.order(gfid);
    if (healthy !== 0) return order.filter(index => has(healthy, index));
    const asked = new Map([[VERSION, 0]]);
    const answers = await this.#volume.ask(this.#volume.up, child =>
      child.discover(ownFrame(frame), gfid, hint, asked),
    );
    const group = majority(this.#volume.k, answers, ({ xdata }) => versionIn(xdata));
    if (group === undefined) throw noMajority(this.#volume, answers);
    if (group.values.length === 0) throw group.error;
    return order.filter(index => has(group.bricks, index));
  }

  /** An entry with the attributes of the object. Without any, if only a lookup can tell the size. */
  #entry({ iatt, xdata, ...entry }: Dirent, index: number, isHealthy: boolean, asked: Xdata | undefined): Dirent {
    const more = answered(xdata, asked);
    const known = { ...entry, ...(more && { xdata: more }) };
    if (iatt === undefined) return known;
    if (iatt.type !== FileType.REG)
      return { ...known, iatt: mergedIatt(this.#volume, [{ brick: index, value: iatt }], 0) };
    const size = this.#locks.sizeOf(iatt.gfid) ?? (isHealthy && !isDirty(xdata) ? sizeIn(xdata) : undefined);
    return size === undefined
      ? known
      : { ...known, iatt: mergedIatt(this.#volume, [{ brick: index, value: iatt }], size) };
  }
}
