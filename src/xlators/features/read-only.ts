import { constants } from 'node:fs';
import { Access, type Fop, FopError, type Fops, type Xdata } from '../../graph/fops.ts';
import type { Fd, Inode } from '../../graph/inode.ts';
import type { Frame } from '../../graph/frame.ts';
import { type Iatt, isStored, type Wcc } from '../../graph/iatt.ts';
import { bool, limiting, type OptionValues } from '../../graph/options.ts';
import { Xlator } from '../../graph/xlator.ts';

const options = {
  'read-only': limiting(bool({ default: true }, 'Refuses every fop that would change the volume.')),
};

/**
 * What each fop does: it `reads`, or it `may change` something depending on its arguments and has a method of its own
 * below, or it changes something. In that case the numbers say which of its arguments are the inodes or fds whose
 * attributes a client wants. All fops are listed, so that a new one cannot be passed on by oversight. Locks change
 * nothing that is stored; the counters of xattrop are stored.
 */
const EFFECTS: Readonly<Record<Fop, 'reads' | 'may change' | readonly number[]>> = {
  lookup: 'reads',
  discover: 'reads',
  stat: 'reads',
  fstat: 'reads',
  readlink: 'reads',
  access: 'reads',
  mknod: [1],
  mkdir: [1],
  symlink: [1],
  create: [1],
  link: [2],
  unlink: [1],
  rmdir: [1],
  rename: [1, 3],
  setattr: [1],
  fsetattr: [1],
  truncate: [1],
  ftruncate: [1],
  open: 'may change',
  readv: 'reads',
  writev: [1],
  flush: 'reads',
  fsync: 'reads',
  fallocate: [1],
  discard: [1],
  zerofill: [1],
  seek: 'reads',
  opendir: 'reads',
  readdir: 'reads',
  readdirp: 'reads',
  fsyncdir: 'reads',
  statfs: 'reads',
  getxattr: 'reads',
  fgetxattr: 'reads',
  setxattr: [1],
  fsetxattr: [1],
  removexattr: [1],
  fremovexattr: [1],
  xattrop: [1],
  fxattrop: [1],
  inodelk: 'reads',
  finodelk: 'reads',
  entrylk: 'reads',
  fentrylk: 'reads',
  lk: 'reads',
};

/** Flags of open(2) with which a file would be changed, or could be through the fd. */
const CHANGING_FLAGS =
  constants.O_WRONLY | constants.O_RDWR | constants.O_TRUNC | constants.O_CREAT | constants.O_APPEND;

/** features/read-only: what reads is passed on, and what would change the volume fails with EROFS. */
export class ReadOnly extends Xlator<typeof options> {
  static readonly doc = 'Refuses changes with EROFS.';
  static readonly options = options;
  static readonly limitsAccess = true;
  static readonly readOnly = (values: OptionValues<typeof options>): boolean => values['read-only'];
  readonly #on: boolean = this.options['read-only'];

  protected override wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    const effect = this.#on ? EFFECTS[fop] : 'reads';
    if (typeof effect === 'string') return super.wind(fop, ...args);
    const found = effect.map(at => (args as readonly unknown[])[at] as Inode | Fd);
    return this.#refuse(fop, args[0], found) as ReturnType<Fops[F]>;
  }

  override open(frame: Frame, inode: Inode, flags: number, xdata?: Xdata): ReturnType<Fops['open']> {
    if (this.#on && flags & CHANGING_FLAGS) return this.#refuse('open', frame, [inode]);
    return this.wind('open', frame, inode, flags, xdata);
  }

  override access(frame: Frame, inode: Inode, mask: number, xdata?: Xdata): ReturnType<Fops['access']> {
    const reply = this.wind('access', frame, inode, mask, xdata);
    if (!this.#on) return reply;
    return reply.then(answer =>
      isStored(inode.type) ? { ...answer, granted: answer.granted & ~Access.WRITE } : answer,
    );
  }

  override statfs(frame: Frame, inode: Inode, xdata?: Xdata): ReturnType<Fops['statfs']> {
    const reply = this.wind('statfs', frame, inode, xdata);
    return this.#on ? reply.then(statfs => ({ ...statfs, readOnly: true })) : reply;
  }

  /** Fails with EROFS, and with the attributes of the objects, which a client is told (RFC 1813, 2.6: wcc_data). */
  async #refuse(fop: Fop, frame: Frame, objects: readonly (Inode | Fd)[]): Promise<never> {
    const [wcc, toWcc] = await Promise.all(objects.map(object => this.#unchanged(frame, object)));
    throw new FopError('EROFS', `EROFS: ${this.name} refuses ${fop}`, wcc!, toWcc);
  }

  async #unchanged(frame: Frame, object: Inode | Fd): Promise<Wcc> {
    const inode = 'inode' in object ? object.inode : object;
    const iatt: Iatt | undefined = await this.wind('stat', frame, inode).catch(() => undefined);
    return { before: iatt, after: iatt };
  }
}
