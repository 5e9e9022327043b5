import { FsError } from '../../../errno.ts';
import * as fops from '../../../graph/fops.ts';
import { ANCESTRY_PATH } from '../../../graph/fops/virtual-xattrs.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import { ownFrame } from '../../../graph/own-frame.ts';
import { Xlator } from '../../../graph/xlator.ts';
import { S_ISGID, S_ISUID } from '../../../sys/constants.ts';
import { create, DIR_MODE, FILE_MODE, finished, type Making, modeOnly } from './create.ts';
import { rejectData, rejectIn } from './failure.ts';
import { isOwnName, isOwnXattr, withoutOwn, withoutOwnNames } from './own-names.ts';
import { asOpener, Owners } from './owner.ts';
import { setattr } from './setattr.ts';

type Reply<F extends fops.Fop> = ReturnType<fops.Fops[F]>;
type Args<F extends fops.Fop> = Parameters<fops.Fops[F]>;

const S_IXGRP = 0o010;
/** The largest cookie that fits in 32 bits. */
const NARROW_MAX = 0xffff_ffffn;

/**
 * features/two-step: does in several fops what a GlusterFS brick has no single one for, so that the layers above find the
 * fops of `src/graph/fops.ts`. The layers below make no difference between callers and need none of this: creation is
 * guarded and has a mode only, setattr has neither size nor guard. What a kernel would check or do for the caller on a
 * local disk, and a brick leaves to its client's kernel, is done here too.
 */
export class TwoStep extends Xlator {
  static readonly doc =
    'Makes fops of NFS of those that a GlusterFS brick has: exclusive creation, attributes of new objects, guards, and the rights of owners.';
  readonly #below: Xlator = this.children[0]!;
  readonly #owners = new Owners(this.#below, this.slot);

  override lookup(...args: Args<'lookup'>): Reply<'lookup'> {
    const [frame, parent, name] = args;
    if (isOwnName(parent, name)) return Promise.reject(new FsError('ENOENT'));
    return this.#below.lookup(...args).catch(error => rejectIn(this.#below, frame, error, parent));
  }

  override async access(...[frame, inode, mask, xdata]: Args<'access'>): Reply<'access'> {
    const seen = this.#below.stat(frame, inode);
    const asked = this.#below.access(frame, inode, mask, xdata);
    const [iatt, answer] = await Promise.all([seen, asked]);
    let { granted } = answer;
    if (granted === 0 && (mask & (mask - 1)) !== 0) granted = await this.#grantedBits(frame, inode, mask);
    // A file without any execution bit is no program, for root neither.
    if (iatt.type === FileType.REG && (iatt.mode & 0o111) === 0) granted &= ~fops.Access.EXECUTE;
    return { ...answer, granted, iatt };
  }

  /** Asks for each bit, since a brick may answer to a mask only whether all of it is granted. */
  async #grantedBits(frame: Frame, inode: Inode, mask: number): Promise<number> {
    const bits = Object.values(fops.Access).filter(bit => (mask & bit) !== 0);
    const answers = await Promise.all(bits.map(bit => this.#below.access(frame, inode, bit)));
    return answers.reduce((all, { granted }) => all | granted, 0);
  }

  override create(...[frame, parent, name, how, flags, xdata]: Args<'create'>): Reply<'create'> {
    return this.#making(frame, parent, name, xdata, making => create(making, how, flags));
  }

  override mknod(...[frame, parent, name, type, attr, device, xdata]: Args<'mknod'>): Reply<'mknod'> {
    // A brick acts as root, so that nothing else keeps callers from making devices.
    if ((type === FileType.BLK || type === FileType.CHR) && frame.identity.uid !== 0) {
      return this.#refuse(frame, parent, 'only root makes devices');
    }
    return this.#making(frame, parent, name, xdata, async making => {
      const { below } = making;
      const made = await below.mknod(frame, parent, name, type, modeOnly(attr, FILE_MODE), device, xdata);
      return finished(making, made, attr);
    });
  }

  override mkdir(...[frame, parent, name, attr, xdata]: Args<'mkdir'>): Reply<'mkdir'> {
    return this.#making(frame, parent, name, xdata, async making => {
      const made = await making.below.mkdir(frame, parent, name, modeOnly(attr, DIR_MODE), xdata);
      return finished(making, made, attr);
    });
  }

  override symlink(...[frame, parent, name, target, attr, xdata]: Args<'symlink'>): Reply<'symlink'> {
    return this.#making(frame, parent, name, xdata, async making => {
      const { gfid } = attr;
      const made = await making.below.symlink(frame, parent, name, target, gfid ? { gfid } : {}, xdata);
      return finished(making, made, attr);
    });
  }

  #making(
    frame: Frame,
    parent: Inode,
    name: string,
    xdata: fops.Xdata | undefined,
    make: (making: Making) => Promise<fops.Made>,
  ): Promise<fops.Made> {
    if (isOwnName(parent, name)) return this.#refuseOwn(frame, parent, name);
    const below = this.#below;
    return make({ below, frame, parent, name, xdata }).catch(error => rejectIn(below, frame, error, parent));
  }

  override link(...args: Args<'link'>): Reply<'link'> {
    const [frame, , parent, name] = args;
    if (isOwnName(parent, name)) return this.#refuseOwn(frame, parent, name);
    return this.#below.link(...args).catch(error => rejectIn(this.#below, frame, error, parent));
  }

  override unlink(...args: Args<'unlink'>): Reply<'unlink'> {
    const [frame, parent, name] = args;
    if (isOwnName(parent, name)) return this.#refuseOwn(frame, parent, name);
    return this.#below.unlink(...args).catch(error => rejectIn(this.#below, frame, error, parent));
  }

  override rmdir(...args: Args<'rmdir'>): Reply<'rmdir'> {
    const [frame, parent, name] = args;
    if (isOwnName(parent, name)) return this.#refuseOwn(frame, parent, name);
    return this.#below.rmdir(...args).catch(error => rejectIn(this.#below, frame, error, parent));
  }

  override rename(...args: Args<'rename'>): Reply<'rename'> {
    const [frame, from, fromName, to, toName] = args;
    if (isOwnName(from, fromName)) return this.#refuseOwn(frame, from, fromName);
    if (isOwnName(to, toName)) return this.#refuseOwn(frame, to, toName);
    return this.#below.rename(...args).catch(error => rejectIn(this.#below, frame, error, from, to));
  }

  #refuseOwn(frame: Frame, parent: Inode, name: string): Promise<never> {
    return this.#refuse(frame, parent, `${name} belongs to GlusterFS`);
  }

  #refuse(frame: Frame, parent: Inode, why: string): Promise<never> {
    return rejectIn(this.#below, frame, new FsError('EPERM', why), parent);
  }

  override setattr(...[frame, inode, attr, guard, xdata]: Args<'setattr'>): Reply<'setattr'> {
    const below = this.#below;
    const target = {
      below,
      frame,
      inode,
      setattr: (rest: fops.SetAttr) => below.setattr(frame, inode, rest, undefined, xdata),
      truncate: (size: number) => this.truncate(frame, inode, size, xdata),
    };
    return setattr(target, attr, guard);
  }

  override fsetattr(...[frame, fd, attr, xdata]: Args<'fsetattr'>): Reply<'fsetattr'> {
    const below = this.#below;
    const target = {
      below,
      frame,
      inode: fd.inode,
      setattr: (rest: fops.SetAttr) => below.fsetattr(frame, fd, rest, xdata),
      truncate: (size: number) => this.ftruncate(frame, fd, size, xdata),
    };
    return setattr(target, attr, undefined);
  }

  override truncate(...[frame, inode, size, xdata]: Args<'truncate'>): Reply<'truncate'> {
    const cut = this.#below.truncate(frame, inode, size, xdata);
    return cut.catch(error => rejectData(error, inode)).then(wcc => this.#clearSetId(frame, inode, wcc));
  }

  override ftruncate(...[frame, fd, size, xdata]: Args<'ftruncate'>): Reply<'ftruncate'> {
    // The rights of an fd were checked when it was opened.
    if (fd.anonymous) return this.truncate(frame, fd.inode, size, xdata);
    const cut = this.#below.ftruncate(opened(frame, fd), fd, size, xdata);
    return cut.catch(error => rejectData(error, fd.inode)).then(wcc => this.#clearSetId(frame, fd.inode, wcc));
  }

  override readv(...[frame, fd, size, offset, xdata]: Args<'readv'>): Reply<'readv'> {
    const { inode, anonymous } = fd;
    const call = (as: Frame) => this.#below.readv(as, fd, size, offset, xdata);
    const reply = anonymous
      ? this.#owners.call(frame, inode, 'read', call, ({ iatt }) => iatt)
      : call(opened(frame, fd));
    return reply.catch(error => rejectData(error, inode));
  }

  override writev(...[frame, fd, data, offset, stable, xdata]: Args<'writev'>): Reply<'writev'> {
    const { inode, anonymous } = fd;
    const call = (as: Frame) => this.#below.writev(as, fd, data, offset, stable, xdata);
    const reply = anonymous
      ? this.#owners.call(frame, inode, 'write', call, ({ after }) => after)
      : call(opened(frame, fd));
    const written = reply.catch(error => rejectData(error, inode));
    return frame.identity.uid === 0 ? written : written.then(wcc => this.#clearSetId(frame, inode, wcc));
  }

  override fallocate(...args: Args<'fallocate'>): Reply<'fallocate'> {
    return this.#checked(args[0], args[1], () => this.#below.fallocate(...args));
  }

  override discard(...args: Args<'discard'>): Reply<'discard'> {
    return this.#checked(args[0], args[1], () => this.#below.discard(...args));
  }

  override zerofill(...args: Args<'zerofill'>): Reply<'zerofill'> {
    return this.#checked(args[0], args[1], () => this.#below.zerofill(...args));
  }

  /** Makes a change that a brick lets everybody make, if the caller may. */
  async #checked(frame: Frame, { inode, anonymous }: Fd, change: () => Promise<fops.WccReply>): Promise<fops.WccReply> {
    if (anonymous) await this.#owners.mayWrite(frame, inode);
    const wcc = await change().catch(error => rejectData(error, inode));
    return this.#clearSetId(frame, inode, wcc);
  }

  /**
   * Clears the set-id bits of a file that somebody else than root has changed, as the kernel does on a local disk: a
   * brick writes as root. A setgid bit without execution is no set-id bit.
   */
  #clearSetId<W extends fops.WccReply>(frame: Frame, inode: Inode, wcc: W): W | Promise<W> {
    const { after } = wcc;
    if (after === undefined || frame.identity.uid === 0) return wcc;
    const clears = S_ISUID | ((after.mode & S_IXGRP) === 0 ? 0 : S_ISGID);
    if ((after.mode & clears) === 0) return wcc;
    const cleared = this.#below.setattr(ownFrame(frame), inode, { mode: after.mode & ~clears });
    return cleared.then(({ after: last }) => ({ ...wcc, after: last as Iatt | undefined }));
  }

  override readdir(...args: Args<'readdir'>): Reply<'readdir'> {
    return this.#below.readdir(...args).then(list => shown(args[0], args[1], list));
  }

  override readdirp(...args: Args<'readdirp'>): Reply<'readdirp'> {
    return this.#below.readdirp(...args).then(list => shown(args[0], args[1], list));
  }

  override getxattr(...[frame, inode, name, xdata]: Args<'getxattr'>): Reply<'getxattr'> {
    // Any caller that may use a directory may be told where it is; a brick would want the right to read it.
    const as = name === ANCESTRY_PATH ? ownFrame(frame) : frame;
    if (name !== undefined && name !== ANCESTRY_PATH && isOwnXattr(name)) return Promise.reject(new FsError('ENODATA'));
    const found = this.#below.getxattr(as, inode, name, xdata);
    return name === undefined ? found.then(withoutOwn) : found;
  }

  override fgetxattr(...[frame, fd, name, xdata]: Args<'fgetxattr'>): Reply<'fgetxattr'> {
    if (name === ANCESTRY_PATH) return this.getxattr(frame, fd.inode, name, xdata);
    if (name !== undefined && isOwnXattr(name)) return Promise.reject(new FsError('ENODATA'));
    const found = this.#below.fgetxattr(frame, fd, name, xdata);
    return name === undefined ? found.then(withoutOwn) : found;
  }

  override setxattr(...args: Args<'setxattr'>): Reply<'setxattr'> {
    return [...args[2].keys()].some(isOwnXattr) ? refuseXattr() : this.#below.setxattr(...args);
  }

  override fsetxattr(...args: Args<'fsetxattr'>): Reply<'fsetxattr'> {
    return [...args[2].keys()].some(isOwnXattr) ? refuseXattr() : this.#below.fsetxattr(...args);
  }

  override removexattr(...args: Args<'removexattr'>): Reply<'removexattr'> {
    return isOwnXattr(args[2]) ? refuseXattr() : this.#below.removexattr(...args);
  }

  override fremovexattr(...args: Args<'fremovexattr'>): Reply<'fremovexattr'> {
    return isOwnXattr(args[2]) ? refuseXattr() : this.#below.fremovexattr(...args);
  }
}

const refuseXattr = (): Promise<never> => Promise.reject(new FsError('EPERM', 'an extended attribute of GlusterFS'));

/** The frame of a call through an fd that was opened, for which the brick need not check the mode again. */
const opened = (frame: Frame, { anonymous }: Fd): Frame =>
  anonymous || frame.pid !== undefined ? frame : asOpener(frame);

/** The part of a listing that callers are shown. */
function shown(frame: Frame, { inode }: Fd, list: fops.DirList): fops.DirList {
  if (frame.narrowCookies && list.entries.some(({ cookie }) => cookie > NARROW_MAX)) {
    throw new FsError('EOVERFLOW', 'the cookies of this volume do not fit in 32 bits');
  }
  return withoutOwnNames(inode, list);
}
