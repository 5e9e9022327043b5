/** Lists directories: each listing comes from one brick, and its cookies say which. */
import { FsError } from '../../../../errno.ts';
import type { Dirent, DirList, Xdata } from '../../../../graph/fops.ts';
import { foldCookie, RecentCookies, unfoldCookie } from '../../../../graph/fops/cookies.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import { mergedIatt } from '../answers/iatts.ts';
import { majority, noMajority } from '../answers/majority.ts';
import { type Bricks, has } from '../bricks.ts';
import { fdAt } from '../data/open-files.ts';
import type { Locks } from '../lock/locks.ts';
import type { Volume } from '../volume.ts';
import { answered, asking, DIRTY, SIZE, sizeIn, VERSION, versionIn } from '../xattrs.ts';
import { Healthy } from './healthy.ts';

type Kind = 'readdir' | 'readdirp';

export class Listings {
  readonly #volume: Volume;
  readonly #locks: Locks;
  readonly #slot: number;
  readonly healthy: Healthy;

  constructor(volume: Volume, locks: Locks, slot: number) {
    this.#volume = volume;
    this.#locks = locks;
    this.#slot = slot;
    this.healthy = new Healthy(volume);
  }

  async list(kind: Kind, frame: Frame, fd: Fd, size: number, cookie: bigint, asked?: Xdata): Promise<DirList> {
    const { n, children } = this.#volume;
    const healthy = await this.healthy.bricks(frame);
    const recent = fd.inode.slots[this.#slot] as RecentCookies | undefined;
    const from = cookie === 0n ? undefined : unfoldCookie(cookie, n);
    if (cookie !== 0n && from === undefined) throw new FsError('EINVAL');
    const candidates = from === undefined ? await this.#candidates(frame, fd.inode, healthy) : [from.child];
    const position = recent?.positionOf(cookie) ?? from?.position ?? 0n;
    const xdata =
      kind === 'readdirp'
        ? asking(asked, [
            [SIZE, 0],
            [VERSION, 0],
            [DIRTY, 0],
          ])
        : asked && asking(asked, []);
    let error: unknown = new FsError('ENOTCONN');
    for (const index of candidates) {
      const answer = await this.#volume.askOne(index, child =>
        child[kind](frame, fdAt(fd, this.#slot, index), size, position, xdata),
      );
      if (answer.code === undefined) return this.#listed(fd.inode, index, answer.value, has(healthy, index), asked);
      error = answer.error ?? new FsError('ENOTCONN', `ENOTCONN: ${children[index]!.name} is not connected`);
      if (answer.code !== 'ENOTCONN') throw error;
    }
    throw error;
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

  #listed(inode: Inode, index: number, list: DirList, isHealthy: boolean, asked: Xdata | undefined): DirList {
    const { n } = this.#volume;
    const entries = list.entries.map((entry): Dirent => {
      const cookie = foldCookie(entry.cookie, index, n);
      return this.#entry({ ...entry, cookie }, index, isHealthy, asked);
    });
    const last = list.entries.at(-1);
    if (last !== undefined && n > 1) {
      const recent = (inode.slots[this.#slot] ??= new RecentCookies()) as RecentCookies;
      recent.remember(entries.at(-1)!.cookie, last.cookie);
    }
    const iatt = mergedIatt(this.#volume, [{ brick: index, value: list.iatt }], 0);
    return { ...list, entries, iatt };
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

/** Whether the file is being changed, so that its size may not be on the bricks yet. */
function isDirty(xdata: Xdata | undefined): boolean {
  const value = xdata?.get(DIRTY);
  return Buffer.isBuffer(value) && value.some(byte => byte !== 0);
}
