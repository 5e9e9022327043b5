/** Reads and changes attributes and extended attributes. */
import { FsError } from '../../../errno.ts';
import type {
  AccessReply,
  ReadlinkReply,
  SetAttr,
  Statfs,
  StatReply,
  Time,
  WccReply,
  Xattrs,
  Xdata,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { change } from './answers/change.ts';
import { mergedIatt, mergedWcc } from './answers/iatts.ts';
import { agreed, noMajority, type Value } from './answers/majority.ts';
import { has } from './bricks.ts';
import type { Finder } from './find.ts';
import type { Done, Held } from './lock/inode-lock.ts';
import type { Locks } from './lock/locks.ts';
import type { Volume } from './volume.ts';
import { attributes } from './wishes.ts';
import { answered, asking, isOurs } from './xattrs.ts';

type Call<R> = (child: Xlator, index: number) => Promise<R>;

export class Attributes {
  readonly #volume: Volume;
  readonly #locks: Locks;
  readonly #finder: Finder;

  constructor(volume: Volume, locks: Locks, finder: Finder) {
    this.#volume = volume;
    this.#locks = locks;
    this.#finder = finder;
  }

  stat(frame: Frame, inode: Inode, asked?: Xdata): Promise<StatReply> {
    return this.#finder.stat(frame, inode.gfid, asked, (child, xdata) => child.stat(frame, inode, xdata));
  }

  async access(frame: Frame, inode: Inode, mask: number, asked?: Xdata): Promise<AccessReply> {
    const xdata = asked && asking(asked, []);
    const order = this.#volume.order(inode.gfid);
    const call: Call<AccessReply> = child => child.access(frame, inode, mask, xdata);
    const values = await agreed(this.#volume, order, call, ({ granted }) => `${granted}`);
    const more = answered(values[0]!.value.xdata, asked);
    // A fragment's attributes tell no size, and the caller can do without any.
    const isFile = inode.type === FileType.REG;
    const iatts = values.flatMap(({ brick, value: { iatt } }) => (iatt && !isFile ? [{ brick, value: iatt }] : []));
    return {
      granted: values[0]!.value.granted,
      ...(iatts.length > 0 && { iatt: mergedIatt(this.#volume, iatts, 0) }),
      ...(more && { xdata: more }),
    };
  }

  async readlink(frame: Frame, inode: Inode, asked?: Xdata): Promise<ReadlinkReply> {
    const xdata = asked && asking(asked, []);
    const order = this.#volume.order(inode.gfid);
    const call: Call<ReadlinkReply> = child => child.readlink(frame, inode, xdata);
    const values = await agreed(this.#volume, order, call, ({ target }) => target);
    const iatts = values.map(({ brick, value }) => ({ brick, value: value.iatt }));
    const more = answered(values[0]!.value.xdata, asked);
    return {
      target: values[0]!.value.target,
      iatt: mergedIatt(this.#volume, iatts, 0),
      ...(more && { xdata: more }),
    };
  }

  /** The room for files: each brick takes an equal part of them, so the fullest one decides. */
  async statfs(frame: Frame, inode: Inode, xdata?: Xdata): Promise<Statfs> {
    const { k, up } = this.#volume;
    const answers = await this.#volume.ask(up, child => child.statfs(frame, inode, xdata));
    const values = answers.flatMap(({ value }) => (value === undefined ? [] : [value]));
    if (values.length < k) throw noMajority(this.#volume, answers);
    const least = (key: keyof Statfs & `${'bytes' | 'files'}${string}`) => Math.min(...values.map(one => one[key]));
    const bytes = (key: keyof Statfs & `bytes${string}`) => Math.min(least(key) * k, Number.MAX_SAFE_INTEGER);
    return {
      ...values[0]!,
      bytesTotal: bytes('bytesTotal'),
      bytesFree: bytes('bytesFree'),
      bytesAvailable: bytes('bytesAvailable'),
      filesTotal: least('filesTotal'),
      filesFree: least('filesFree'),
      filesAvailable: least('filesAvailable'),
      fileSizeMax: Math.min(values[0]!.fileSizeMax * k, Number.MAX_SAFE_INTEGER),
      readOnly: values.some(({ readOnly }) => readOnly),
    };
  }

  /** Sets attributes other than the size. */
  setattr(
    frame: Frame,
    inode: Inode,
    attr: SetAttr,
    guard: Time | undefined,
    call: (child: Xlator, attr: SetAttr, xdata: Xdata | undefined) => Promise<WccReply>,
    asked?: Xdata,
  ): Promise<WccReply> {
    return this.#change(inode, frame, async held => {
      if (guard !== undefined) await this.#check(frame, inode, held, guard);
      const { values, missed } = await change(this.#volume, held, 'metadata', child => call(child, attr, asked));
      const wcc = mergedWcc(this.#volume, values, held.size, held.size);
      const more = answered(values[0]!.value.xdata, asked);
      return { result: { ...wcc, ...(more && { xdata: more }) }, changed: 'metadata', missed };
    });
  }

  /** The bricks' clocks need not agree, so that the ctime is compared as it is answered. */
  async #check(frame: Frame, inode: Inode, held: Held, guard: Time): Promise<void> {
    const answers = await this.#volume.ask(held.good, child => child.stat(frame, inode));
    const values = answers.flatMap(({ brick, value }): Value<StatReply>[] =>
      value === undefined ? [] : [{ brick, value }],
    );
    if (values.length < this.#volume.k) throw noMajority(this.#volume, answers);
    const { ctime, ctimeNsec } = mergedIatt(this.#volume, values, 0);
    if (ctime !== guard.sec || ctimeNsec !== guard.nsec) throw new FsError('EAGAIN');
  }

  async getxattr(inode: Inode, name: string | undefined, call: Call<Xattrs>): Promise<Xattrs> {
    if (name !== undefined && isOurs(name)) throw new FsError('ENODATA');
    const order = this.#volume.order(inode.gfid);
    if (name !== undefined && isVirtual(name)) return this.#first(order, call);
    const textOf = (xattrs: Xattrs) =>
      [...xattrs]
        .map(([key, value]) => (isOurs(key) ? '' : `${key}=${value.toString('hex')}`))
        .toSorted()
        .join();
    const values = await agreed(this.#volume, order, call, textOf);
    return new Map([...values[0]!.value].filter(([key]) => !isOurs(key)));
  }

  /** The answer of the first brick that gives one: each brick answers with what it is, and not with what is stored. */
  async #first(order: readonly number[], call: Call<Xattrs>): Promise<Xattrs> {
    let failed: unknown = new FsError('ENOTCONN');
    for (const index of order.filter(index => has(this.#volume.up, index))) {
      const answer = await this.#volume.askOne(index, call);
      if (answer.code === undefined) return answer.value;
      failed = answer.error ?? failed;
      if (answer.code !== 'ENOTCONN') break;
    }
    throw failed;
  }

  /** Changes extended attributes, with an answer that all bricks must give alike. */
  async setxattrs<R>(
    frame: Frame,
    inode: Inode,
    names: Iterable<string>,
    call: Call<R>,
    keyOf: (value: R) => string,
  ): Promise<R> {
    for (const name of names) if (isOurs(name)) throw new FsError('EPERM');
    return this.#change(inode, frame, async held => {
      const { values, missed } = await change(this.#volume, held, 'metadata', call, keyOf);
      return { result: values[0]!.value, changed: 'metadata', missed };
    });
  }

  #change<T>(inode: Inode, frame: Frame, body: (held: Held) => Promise<Done<T>>): Promise<T> {
    return this.#locks.run(frame, inode, attributes(inode.type === FileType.REG), body);
  }
}

/** Whether a brick answers this extended attribute without having it on its disk. */
const isVirtual = (name: string): boolean => name.startsWith('glusterfs.') || name.startsWith('trusted.glusterfs.');
