/** `cluster/disperse`: each brick keeps a fragment of each file, and any `k` of the fragments make the file. */
import type { DirList, Flock, Opened, SetAttr, WccReply, Xattrs, Args } from '../../../graph/fops.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { O_TRUNC } from '../../../sys/constants.ts';
import { joinedNotes } from './answers/iatts.ts';
import { majority, noMajority } from './answers/majority.ts';
import { setOf } from './bricks.ts';
import { close, fdAt, type OpenFile, OURS } from './data/open-files.ts';
import { giveLock, refusal, takeLock } from './lock/passed-locks.ts';
import { NameFops } from './name-fops.ts';
import { answered } from './xattrs.ts';

const NOTHING = () => '';
const unlocked = (lock: Flock): Flock => ({ ...lock, type: 'unlock' });
/** Xattrs as text, to be compared. */
const textOf = (xattrs: Xattrs) => [...xattrs].map(([key, value]) => `${key}=${value.toString('hex')}`).join();

export class Disperse extends NameFops {
  override setattr(...[frame, inode, attr, guard, asked]: Args<'setattr'>) {
    const call = (child: Xlator, rest: SetAttr) => child.setattr(frame, inode, rest, undefined, asked);
    return this.#setattr(
      attr,
      size => this.truncate(frame, inode, size, asked),
      rest => this.attributes.setattr(frame, inode, rest, guard, call, asked),
    );
  }

  override fsetattr(...[frame, fd, attr, asked]: Args<'fsetattr'>) {
    const call = (child: Xlator, rest: SetAttr) => child.fsetattr(frame, this.#at(fd, child), rest, asked);
    return this.#setattr(
      attr,
      size => this.ftruncate(frame, fd, size, asked),
      rest => this.attributes.setattr(frame, fd.inode, rest, undefined, call, asked),
    );
  }

  /** The size is the fragments' business, and the rest that of the bricks. */
  async #setattr(
    { size, ...rest }: SetAttr,
    truncate: (size: number) => Promise<WccReply>,
    set: (rest: SetAttr) => Promise<WccReply>,
  ): Promise<WccReply> {
    if (size === undefined) return set(rest);
    if (Object.keys(rest).length === 0) return truncate(size);
    const { before } = await truncate(size);
    return { ...(await set(rest)), before };
  }

  override truncate(...[frame, inode, size, asked]: Args<'truncate'>) {
    return this.data.truncate(
      frame,
      inode.fd,
      size,
      (child, _, part) => child.truncate(frame, inode, part, asked),
      asked,
    );
  }

  override ftruncate(...[frame, fd, size, asked]: Args<'ftruncate'>) {
    const call = (child: Xlator, index: number, part: number) =>
      child.ftruncate(frame, fdAt(fd, this.slot, index), part, asked);
    return this.data.truncate(frame, fd, size, call, asked);
  }

  override open(...[frame, inode, flags, asked]: Args<'open'>): Promise<Opened> {
    const truncated = async () => {
      if ((flags & O_TRUNC) !== 0) await this.truncate(frame, inode, 0);
    };
    return this.#open(inode, child => child.open(frame, inode, flags & ~OURS, asked), flags, truncated);
  }

  override opendir(...[frame, inode, asked]: Args<'opendir'>): Promise<Opened> {
    return this.#open(inode, child => child.opendir(frame, inode, asked), 0);
  }

  /** Opens on all bricks that are up. */
  async #open(
    inode: Inode,
    call: (child: Xlator) => Promise<Opened>,
    flags: number,
    then?: () => Promise<void>,
  ): Promise<Opened> {
    const { up, k, children } = this.volume;
    const answers = await this.volume.ask(up, call);
    try {
      const group = majority(k, answers, NOTHING);
      if (group === undefined) throw noMajority(this.volume, answers);
      if (group.values.length === 0) throw group.error;
      await then?.();
      const file: OpenFile = { bricks: setOf(group.values.map(({ brick }) => brick)), flags };
      const notes = joinedNotes(group.values.map(({ value }) => value.notes));
      const xdata = answered(group.values[0]!.value.xdata, undefined);
      return { notes: { slot: this.slot, value: file, next: notes }, ...(xdata && { xdata }) };
    } catch (error) {
      for (const { brick, value } of answers) if (value !== undefined) close(children[brick]!, inode, value);
      throw error;
    }
  }

  override readv(...[frame, fd, size, offset, asked]: Args<'readv'>) {
    return this.data.read(frame, fd, size, offset, asked);
  }

  override writev(...[frame, fd, data, offset, stable, asked]: Args<'writev'>) {
    return this.data.write(frame, fd, data, offset, stable, asked);
  }

  override async flush(...[frame, fd, asked]: Args<'flush'>): Promise<void> {
    await this.data.flush(frame, fd.inode);
    await giveLock(this.volume, child => child.flush(frame, this.#at(fd, child), asked));
  }

  override fsync(...[frame, fd, dataOnly, asked]: Args<'fsync'>) {
    return this.data.fsync(frame, fd, dataOnly, asked);
  }

  override fallocate(...[frame, fd, mode, offset, length, asked]: Args<'fallocate'>) {
    return this.data.fallocate(frame, fd, mode, offset, length, asked);
  }

  override discard(...[frame, fd, offset, length, asked]: Args<'discard'>) {
    return this.data.zero(frame, fd, offset, length, false, asked);
  }

  /** GlusterFS's own client refuses this on dispersed volumes. It needs nothing that the bricks do not have. */
  override zerofill(...[frame, fd, offset, length, asked]: Args<'zerofill'>) {
    return this.data.zero(frame, fd, offset, length, true, asked);
  }

  override seek(...[frame, fd, offset, what, asked]: Args<'seek'>) {
    return this.data.seek(frame, fd, offset, what, asked);
  }

  override readdir(...[frame, fd, size, cookie, asked]: Args<'readdir'>): Promise<DirList> {
    return this.listings.list('readdir', frame, fd, size, cookie, asked);
  }

  override readdirp(...[frame, fd, size, cookie, asked]: Args<'readdirp'>): Promise<DirList> {
    return this.listings.list('readdirp', frame, fd, size, cookie, asked);
  }

  override async fsyncdir(...[frame, fd, dataOnly, asked]: Args<'fsyncdir'>): Promise<void> {
    const { k, up } = this.volume;
    const answers = await this.volume.ask(up, child => child.fsyncdir(frame, this.#at(fd, child), dataOnly, asked));
    const group = majority(k, answers, NOTHING);
    if (group === undefined) throw noMajority(this.volume, answers);
    if (group.values.length === 0) throw group.error;
  }

  override statfs(...[frame, inode, asked]: Args<'statfs'>) {
    return this.attributes.statfs(frame, inode, asked);
  }

  override getxattr(...[frame, inode, name, asked]: Args<'getxattr'>) {
    return this.attributes.getxattr(inode, name, child => child.getxattr(frame, inode, name, asked));
  }

  override fgetxattr(...[frame, fd, name, asked]: Args<'fgetxattr'>) {
    return this.attributes.getxattr(fd.inode, name, child => child.fgetxattr(frame, this.#at(fd, child), name, asked));
  }

  override setxattr(...[frame, inode, xattrs, flags, asked]: Args<'setxattr'>) {
    const call = (child: Xlator) => child.setxattr(frame, inode, xattrs, flags, asked);
    return this.attributes.setxattrs(frame, inode, xattrs.keys(), call, NOTHING);
  }

  override fsetxattr(...[frame, fd, xattrs, flags, asked]: Args<'fsetxattr'>) {
    const call = (child: Xlator) => child.fsetxattr(frame, this.#at(fd, child), xattrs, flags, asked);
    return this.attributes.setxattrs(frame, fd.inode, xattrs.keys(), call, NOTHING);
  }

  override removexattr(...[frame, inode, name, asked]: Args<'removexattr'>) {
    const call = (child: Xlator) => child.removexattr(frame, inode, name, asked);
    return this.attributes.setxattrs(frame, inode, [name], call, NOTHING);
  }

  override fremovexattr(...[frame, fd, name, asked]: Args<'fremovexattr'>) {
    const call = (child: Xlator) => child.fremovexattr(frame, this.#at(fd, child), name, asked);
    return this.attributes.setxattrs(frame, fd.inode, [name], call, NOTHING);
  }

  override xattrop(...[frame, inode, op, xattrs, asked]: Args<'xattrop'>) {
    const call = (child: Xlator) => child.xattrop(frame, inode, op, xattrs, asked);
    return this.attributes.setxattrs(frame, inode, xattrs.keys(), call, textOf);
  }

  override fxattrop(...[frame, fd, op, xattrs, asked]: Args<'fxattrop'>) {
    const call = (child: Xlator) => child.fxattrop(frame, this.#at(fd, child), op, xattrs, asked);
    return this.attributes.setxattrs(frame, fd.inode, xattrs.keys(), call, textOf);
  }

  override inodelk(...[frame, domain, inode, lock, wait, asked]: Args<'inodelk'>): Promise<void> {
    const set = (child: Xlator, flock: Flock, mayWait: boolean) =>
      child.inodelk(frame, domain, inode, flock, mayWait, asked);
    return this.#lock(lock, wait, set);
  }

  override finodelk(...[frame, domain, fd, lock, wait, asked]: Args<'finodelk'>): Promise<void> {
    const set = (child: Xlator, flock: Flock, mayWait: boolean) =>
      child.finodelk(frame, domain, this.#at(fd, child), flock, mayWait, asked);
    return this.#lock(lock, wait, set);
  }

  override entrylk(...[frame, domain, inode, name, type, wait, asked]: Args<'entrylk'>): Promise<void> {
    const set = (child: Xlator, lock: Pick<Flock, 'type'>, mayWait: boolean) =>
      child.entrylk(frame, domain, inode, name, lock.type, mayWait, asked);
    return this.#lock({ type }, wait, set);
  }

  override fentrylk(...[frame, domain, fd, name, type, wait, asked]: Args<'fentrylk'>): Promise<void> {
    const set = (child: Xlator, lock: Pick<Flock, 'type'>, mayWait: boolean) =>
      child.fentrylk(frame, domain, this.#at(fd, child), name, lock.type, mayWait, asked);
    return this.#lock({ type }, wait, set);
  }

  #lock<L extends Pick<Flock, 'type'>>(
    lock: L,
    wait: boolean,
    set: (child: Xlator, lock: L, wait: boolean) => Promise<void>,
  ): Promise<void> {
    if (lock.type === 'unlock') return giveLock(this.volume, child => set(child, lock, wait));
    const undo = (child: Xlator) => set(child, { ...lock, type: 'unlock' }, false);
    return takeLock(this.volume, wait, { take: (child, mayWait) => set(child, lock, mayWait), undo });
  }

  override async lk(...[frame, fd, command, lock, asked]: Args<'lk'>): Promise<Flock> {
    const set = (child: Xlator, flock: Flock, mayWait: boolean) =>
      child.lk(frame, this.#at(fd, child), mayWait ? 'wait' : 'set', flock, asked);
    if (command === 'get') {
      const answers = await this.volume.ask(this.volume.up, child =>
        child.lk(frame, this.#at(fd, child), 'get', lock, asked),
      );
      const values = answers.flatMap(({ value }) => (value === undefined ? [] : [value]));
      if (values.length < this.volume.k) throw refusal(answers)?.error ?? noMajority(this.volume, answers);
      return values.find(({ type }) => type !== 'unlock') ?? unlocked(lock);
    }
    if (lock.type === 'unlock') return giveLock(this.volume, child => set(child, lock, false));
    const undo = (child: Xlator) => set(child, unlocked(lock), false);
    return takeLock(this.volume, command === 'wait', { take: (child, wait) => set(child, lock, wait), undo });
  }

  #at(fd: Fd, child: Xlator): Fd {
    return fdAt(fd, this.slot, this.children.indexOf(child));
  }
}
