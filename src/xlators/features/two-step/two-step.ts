import { errnoOf, FsError, isGone } from '../../../errno.ts';
import * as fops from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType, type Iatt, setIdOf } from '../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import { ownFrame } from '../../../graph/own-frame.ts';
import { FMODE_EXEC } from '../../../sys/constants.ts';
import { create, DIR_MODE, FILE_MODE, finished, type Making, modeOnly } from './create.ts';
import { attributesOf, rejectData, rejectIn } from './failure.ts';
import { Misses } from './misses.ts';
import { isOwnName, withoutOwnNames } from './own-names.ts';
import { RightsOfFiles } from './rights.ts';
import { isOwners, setattr } from './setattr.ts';
import { TwoStepXattrs } from './xattrs.ts';

/** The largest cookie that fits in 32 bits. */
const NARROW_MAX = 0xffff_ffffn;

/**
 * features/two-step: does in several fops what a GlusterFS brick has no single one for, so that the layers above find the
 * fops of `src/graph/fops.ts`. The layers below make no difference between callers and need none of this: creation is
 * guarded and has a mode only, setattr has neither size nor guard. What a kernel would check or do for the caller on a
 * local disk, and a brick leaves to its client's kernel, is done here too.
 */
export class TwoStep extends TwoStepXattrs {
  static readonly doc =
    'Makes fops of NFS of those that a GlusterFS brick has: exclusive creation, attributes of new objects, guards, and the rights of owners.';
  readonly #rights = new RightsOfFiles(this.below, this.slot);
  readonly #misses = new Misses(this.slot);

  override lookup(...args: fops.Args<'lookup'>): fops.Reply<'lookup'> {
    const [frame, parent, name] = args;
    if (isOwnName(parent, name)) return Promise.reject(new FsError('ENOENT'));
    const found = this.below.lookup(...args);
    const seen = this.#misses.expects(parent) ? attributesOf(this.below, frame, parent) : undefined;
    return found.then(
      answer => {
        this.#misses.found(parent);
        return frame.identity.uid === 0 ? answer : { ...answer, iatt: this.#rights.noted(frame, answer.iatt) };
      },
      error => {
        if (errnoOf(error) === 'ENOENT') this.#misses.missed(parent);
        return rejectIn(this.below, frame, error, parent, undefined, seen);
      },
    );
  }

  override access(...args: fops.Args<'access'>): fops.Reply<'access'> {
    return this.#rights.access(...args);
  }

  override create(...[frame, parent, name, how, flags, xdata]: fops.Args<'create'>): fops.Reply<'create'> {
    return this.#making(frame, parent, name, xdata, making => create(making, how, flags));
  }

  override mknod(...[frame, parent, name, type, attr, device, xdata]: fops.Args<'mknod'>): fops.Reply<'mknod'> {
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

  override mkdir(...[frame, parent, name, attr, xdata]: fops.Args<'mkdir'>): fops.Reply<'mkdir'> {
    return this.#making(frame, parent, name, xdata, async making => {
      const made = await making.below.mkdir(frame, parent, name, modeOnly(attr, DIR_MODE), xdata);
      return finished(making, made, attr);
    });
  }

  override symlink(...[frame, parent, name, target, attr, xdata]: fops.Args<'symlink'>): fops.Reply<'symlink'> {
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
    const below = this.below;
    return make({ below, frame, parent, name, xdata }).then(
      made => (frame.identity.uid === 0 ? made : { ...made, iatt: this.#rights.noted(frame, made.iatt) }),
      error => rejectIn(below, frame, error, parent),
    );
  }

  override link(...args: fops.Args<'link'>): fops.Reply<'link'> {
    const [frame, , parent, name] = args;
    if (isOwnName(parent, name)) return this.#refuseOwn(frame, parent, name);
    return this.below.link(...args).catch(error => rejectIn(this.below, frame, error, parent));
  }

  override unlink(...args: fops.Args<'unlink'>): fops.Reply<'unlink'> {
    const [frame, parent, name] = args;
    if (isOwnName(parent, name)) return this.#refuseOwn(frame, parent, name);
    return this.below.unlink(...args).catch(error => rejectIn(this.below, frame, error, parent));
  }

  override rmdir(...args: fops.Args<'rmdir'>): fops.Reply<'rmdir'> {
    const [frame, parent, name] = args;
    if (isOwnName(parent, name)) return this.#refuseOwn(frame, parent, name);
    return this.below.rmdir(...args).catch(error => rejectIn(this.below, frame, error, parent));
  }

  override rename(...args: fops.Args<'rename'>): fops.Reply<'rename'> {
    const [frame, from, fromName, to, toName] = args;
    if (isOwnName(from, fromName)) return this.#refuseOwn(frame, from, fromName);
    if (isOwnName(to, toName)) return this.#refuseOwn(frame, to, toName);
    const isMove = frame.identity.uid !== 0 && !from.gfid.equals(to.gfid);
    const check = isMove ? this.#rights.mayMove(frame, from, fromName) : undefined;
    const renamed = check === undefined ? this.below.rename(...args) : check.then(() => this.below.rename(...args));
    return renamed.catch(error => rejectIn(this.below, frame, error, from, to));
  }

  #refuseOwn(frame: Frame, parent: Inode, name: string): Promise<never> {
    return this.#refuse(frame, parent, `${name} belongs to GlusterFS`);
  }

  #refuse(frame: Frame, parent: Inode, why: string): Promise<never> {
    return rejectIn(this.below, frame, new FsError('EPERM', why), parent);
  }

  override setattr(...[frame, inode, attr, guard, xdata]: fops.Args<'setattr'>): fops.Reply<'setattr'> {
    const target = {
      below: this.below,
      frame,
      inode,
      setattr: (rest: fops.SetAttr) => this.#setattr(frame, inode, rest, xdata),
      truncate: (size: number) => this.truncate(frame, inode, size, xdata),
    };
    return setattr(target, attr, guard);
  }

  async #setattr(frame: Frame, inode: Inode, attr: fops.SetAttr, xdata?: fops.Xdata): Promise<fops.WccReply> {
    const wcc = await this.below.setattr(frame, inode, attr, undefined, xdata);
    this.#rights.seen(inode, wcc.after);
    return wcc;
  }

  /** The same through an fd, for callers other than root: a brick checks their rights in setattr only. */
  async #fsetattr(frame: Frame, fd: Fd, attr: fops.SetAttr, xdata?: fops.Xdata): Promise<fops.WccReply> {
    try {
      return await this.#setattr(frame, fd.inode, attr, xdata);
    } catch (error) {
      // By its gfid a brick does not find a file that has lost its last name.
      if (fd.anonymous || !isGone(error)) throw error;
      const now = await this.below.fstat(frame, fd);
      if (!isOwners(frame.identity, now, attr)) throw new FsError('EPERM', 'only the owner may set these attributes');
      return this.below.fsetattr(frame, fd, attr, xdata);
    }
  }

  override fsetattr(...[frame, fd, attr, xdata]: fops.Args<'fsetattr'>): fops.Reply<'fsetattr'> {
    const below = this.below;
    const isRoot = frame.identity.uid === 0;
    const target = {
      below,
      frame,
      inode: fd.inode,
      setattr: (rest: fops.SetAttr) =>
        isRoot ? below.fsetattr(frame, fd, rest, xdata) : this.#fsetattr(frame, fd, rest, xdata),
      // Those to change the size were checked when the file was opened.
      truncate: (size: number) => this.ftruncate(frame, fd, size, xdata),
    };
    return setattr(target, attr, undefined);
  }

  /**
   * A brick opens a file with the caller's rights, and so not at all if the caller may execute but not read it. Such a file is
   * opened as root.
   */
  override open(...args: fops.Args<'open'>): fops.Reply<'open'> {
    const [frame, , flags] = args;
    const executes = (flags & FMODE_EXEC) !== 0 && frame.identity.uid !== 0;
    return executes ? this.#openToExecute(...args) : this.below.open(...args);
  }

  async #openToExecute(...[frame, inode, flags, xdata]: fops.Args<'open'>): fops.Reply<'open'> {
    const { granted } = await this.below.access(frame, inode, fops.Access.EXECUTE);
    if (granted !== fops.Access.EXECUTE) throw new FsError('EACCES', 'the file may not be executed');
    return this.below.open(ownFrame(frame), inode, flags, xdata);
  }

  override truncate(...[frame, inode, size, xdata]: fops.Args<'truncate'>): fops.Reply<'truncate'> {
    const cut = this.below.truncate(frame, inode, size, xdata);
    return cut.catch(error => rejectData(error, inode)).then(wcc => this.#clearSetId(frame, inode, wcc));
  }

  override ftruncate(...[frame, fd, size, xdata]: fops.Args<'ftruncate'>): fops.Reply<'ftruncate'> {
    // The rights of an fd were checked when it was opened, and those to truncate an inode are checked by the brick.
    if (fd.anonymous) return this.truncate(frame, fd.inode, size, xdata);
    const cut = this.below.ftruncate(frame, fd, size, xdata);
    return cut.catch(error => rejectData(error, fd.inode)).then(wcc => this.#clearSetId(frame, fd.inode, wcc));
  }

  override readv(...args: fops.Args<'readv'>): fops.Reply<'readv'> {
    const [frame, { inode, anonymous }] = args;
    const check = anonymous ? this.#rights.mayRead(frame, inode) : undefined;
    const read = () => {
      const reply = this.below.readv(...args);
      return frame.identity.uid === 0
        ? reply
        : reply.then(answer => {
            this.#rights.seen(inode, answer.iatt);
            return answer;
          });
    };
    return (check === undefined ? read() : check.then(read)).catch(error => rejectData(error, inode));
  }

  override writev(...args: fops.Args<'writev'>): fops.Reply<'writev'> {
    const [frame, { inode, anonymous }] = args;
    const check = anonymous ? this.#rights.mayWrite(frame, inode) : undefined;
    const write = () => this.below.writev(...args);
    const written = (check === undefined ? write() : check.then(write)).catch(error => rejectData(error, inode));
    if (frame.identity.uid === 0) return written;
    return written.then(wcc => {
      this.#rights.seen(inode, wcc.after);
      return this.#clearSetId(frame, inode, wcc);
    });
  }

  override fallocate(...args: fops.Args<'fallocate'>): fops.Reply<'fallocate'> {
    return this.#checked(args[0], args[1], () => this.below.fallocate(...args));
  }

  override discard(...args: fops.Args<'discard'>): fops.Reply<'discard'> {
    return this.#checked(args[0], args[1], () => this.below.discard(...args));
  }

  override zerofill(...args: fops.Args<'zerofill'>): fops.Reply<'zerofill'> {
    return this.#checked(args[0], args[1], () => this.below.zerofill(...args));
  }

  /** Makes a change that a brick lets everybody make, if the caller may. */
  async #checked(frame: Frame, { inode, anonymous }: Fd, change: () => Promise<fops.WccReply>): Promise<fops.WccReply> {
    if (anonymous) await this.#rights.mayWrite(frame, inode);
    const wcc = await change().catch(error => rejectData(error, inode));
    return this.#clearSetId(frame, inode, wcc);
  }

  override seek(...args: fops.Args<'seek'>): fops.Reply<'seek'> {
    const [frame, { inode, anonymous }] = args;
    const check = anonymous ? this.#rights.mayRead(frame, inode) : undefined;
    return check === undefined ? this.below.seek(...args) : check.then(() => this.below.seek(...args));
  }

  /**
   * Clears the set-id bits of a file whose data a caller other than root has changed. On a local disk the kernel does
   * so, but a brick writes as root.
   */
  #clearSetId<W extends fops.WccReply>(frame: Frame, inode: Inode, wcc: W): W | Promise<W> {
    const { after } = wcc;
    if (after === undefined || frame.identity.uid === 0) return wcc;
    const setId = setIdOf(after.mode);
    if (setId === 0) return wcc;
    const cleared = this.below.setattr(ownFrame(frame), inode, { mode: after.mode & ~setId });
    return cleared.then(({ after: last }) => ({ ...wcc, after: last as Iatt | undefined }));
  }

  override readdir(...args: fops.Args<'readdir'>): fops.Reply<'readdir'> {
    return this.below.readdir(...args).then(list => shown(args[0], args[1], list));
  }

  override readdirp(...args: fops.Args<'readdirp'>): fops.Reply<'readdirp'> {
    return this.below.readdirp(...args).then(list => shown(args[0], args[1], list));
  }
}

/** The part of a listing that callers are shown. */
function shown(frame: Frame, { inode }: Fd, list: fops.DirList): fops.DirList {
  if (frame.narrowCookies && list.entries.some(({ cookie }) => cookie > NARROW_MAX)) {
    throw new FsError('EOVERFLOW', 'the cookies of this volume do not fit in 32 bits');
  }
  return withoutOwnNames(inode, list);
}
