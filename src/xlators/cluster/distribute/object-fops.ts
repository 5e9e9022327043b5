/** The fops of cluster/distribute on one object: on a file where it is, on a directory on all its copies. */
import { FsError } from '../../../errno.ts';
import type {
  AccessReply,
  Opened,
  ReadlinkReply,
  ReadReply,
  SetAttr,
  Stable,
  StatReply,
  Time,
  WccReply,
  Written,
  Xattrs,
  Xdata,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import { changeXattrs, getXattrs, setattrDirectory, statDirectory } from './directories/all.ts';
import { changing, inIatt, inProtectedWcc, inWcc, ITSELF, reading } from './files/migration.ts';
import { byFd, byInode } from './files/where.ts';
import { protecting } from './keys.ts';
import { VolumeFops } from './volume-fops.ts';

const WCC = inWcc<WccReply>();
const CHANGED = inProtectedWcc<WccReply>();
const WRITTEN = inWcc<Written>();
const READ = inIatt<ReadReply>();
const GRANTED = inIatt<AccessReply>();
const isDir = ({ type }: Inode): boolean => type === FileType.DIR;

export abstract class ObjectFops extends VolumeFops {
  override stat(frame: Frame, inode: Inode, xdata?: Xdata): Promise<StatReply> {
    if (isDir(inode)) return statDirectory(this.core, frame, inode, xdata);
    return reading<Iatt>(this.core, frame, inode, ITSELF, child => child.stat(frame, inode, xdata));
  }

  override fstat(frame: Frame, fd: Fd, xdata?: Xdata): Promise<StatReply> {
    if (isDir(fd.inode)) return statDirectory(this.core, frame, fd.inode, xdata);
    return reading<Iatt>(this.core, frame, fd, ITSELF, child => child.fstat(frame, fd, xdata));
  }

  override readlink(frame: Frame, inode: Inode, xdata?: Xdata): Promise<ReadlinkReply> {
    if (isDir(inode)) return Promise.reject(new FsError('EINVAL'));
    return byInode(this.core, frame, inode, child => child.readlink(frame, inode, xdata));
  }

  override access(frame: Frame, inode: Inode, mask: number, xdata?: Xdata): Promise<AccessReply> {
    if (isDir(inode)) return this.accessDirectory(frame, inode, mask, xdata);
    return reading(this.core, frame, inode, GRANTED, child => child.access(frame, inode, mask, xdata));
  }

  override setattr(frame: Frame, inode: Inode, attr: SetAttr, guard?: Time, xdata?: Xdata): Promise<WccReply> {
    if (isDir(inode)) return setattrDirectory(this.core, frame, inode, attr, guard, xdata);
    return changing(this.core, frame, inode, WCC, child => child.setattr(frame, inode, attr, guard, xdata));
  }

  override fsetattr(frame: Frame, fd: Fd, attr: SetAttr, xdata?: Xdata): Promise<WccReply> {
    if (isDir(fd.inode)) return setattrDirectory(this.core, frame, fd.inode, attr, undefined, xdata);
    return changing(this.core, frame, fd, WCC, child => child.fsetattr(frame, fd, attr, xdata));
  }

  override truncate(frame: Frame, inode: Inode, size: number, xdata?: Xdata): Promise<WccReply> {
    return changing(this.core, frame, inode, CHANGED, child => child.truncate(frame, inode, size, xdata));
  }

  override ftruncate(frame: Frame, fd: Fd, size: number, xdata?: Xdata): Promise<WccReply> {
    return changing(this.core, frame, fd, CHANGED, child => child.ftruncate(frame, fd, size, xdata));
  }

  override async open(frame: Frame, inode: Inode, flags: number, xdata?: Xdata): Promise<Opened> {
    if (isDir(inode)) throw new FsError('EISDIR');
    return byInode(this.core, frame, inode, async (child, at) =>
      this.opened(await child.open(frame, inode, flags, xdata), at),
    );
  }

  override readv(frame: Frame, fd: Fd, size: number, offset: number, xdata?: Xdata): Promise<ReadReply> {
    return reading(this.core, frame, fd, READ, child => child.readv(frame, fd, size, offset, xdata));
  }

  override writev(frame: Frame, fd: Fd, data: Buffer, offset: number, stable: Stable, xdata?: Xdata): Promise<Written> {
    return changing(this.core, frame, fd, WRITTEN, (child, _at, isCopy) =>
      child.writev(frame, fd, data, offset, stable, isCopy ? protecting(xdata) : xdata),
    );
  }

  override flush(frame: Frame, fd: Fd, xdata?: Xdata): Promise<void> {
    return byFd(this.core, frame, fd, child => child.flush(frame, fd, xdata));
  }

  override fsync(frame: Frame, fd: Fd, dataOnly: boolean, xdata?: Xdata): Promise<WccReply> {
    return changing(this.core, frame, fd, WCC, child => child.fsync(frame, fd, dataOnly, xdata));
  }

  override fallocate(
    frame: Frame,
    fd: Fd,
    mode: number,
    offset: number,
    length: number,
    xdata?: Xdata,
  ): Promise<WccReply> {
    return changing(this.core, frame, fd, CHANGED, child => child.fallocate(frame, fd, mode, offset, length, xdata));
  }

  override discard(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Xdata): Promise<WccReply> {
    return changing(this.core, frame, fd, CHANGED, child => child.discard(frame, fd, offset, length, xdata));
  }

  override zerofill(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Xdata): Promise<WccReply> {
    return changing(this.core, frame, fd, CHANGED, child => child.zerofill(frame, fd, offset, length, xdata));
  }

  override seek(frame: Frame, fd: Fd, offset: number, what: 'data' | 'hole', xdata?: Xdata): Promise<number> {
    return byFd(this.core, frame, fd, child => child.seek(frame, fd, offset, what, xdata));
  }

  override getxattr(frame: Frame, inode: Inode, name?: string, xdata?: Xdata): Promise<Xattrs> {
    if (isDir(inode)) return getXattrs(this.core, frame, inode, name, xdata);
    return byInode(this.core, frame, inode, child => child.getxattr(frame, inode, name, xdata));
  }

  override fgetxattr(frame: Frame, fd: Fd, name?: string, xdata?: Xdata): Promise<Xattrs> {
    if (isDir(fd.inode)) return getXattrs(this.core, frame, fd.inode, name, xdata);
    return byFd(this.core, frame, fd, child => child.fgetxattr(frame, fd, name, xdata));
  }

  override setxattr(frame: Frame, inode: Inode, xattrs: Xattrs, flags: number, xdata?: Xdata): Promise<void> {
    const { core } = this;
    if (isDir(inode)) return changeXattrs(core, frame, inode, it => it.setxattr(frame, inode, xattrs, flags, xdata));
    return byInode(core, frame, inode, child => child.setxattr(frame, inode, xattrs, flags, xdata));
  }

  override fsetxattr(frame: Frame, fd: Fd, xattrs: Xattrs, flags: number, xdata?: Xdata): Promise<void> {
    if (isDir(fd.inode)) return this.setxattr(frame, fd.inode, xattrs, flags, xdata);
    return byFd(this.core, frame, fd, child => child.fsetxattr(frame, fd, xattrs, flags, xdata));
  }

  override removexattr(frame: Frame, inode: Inode, name: string, xdata?: Xdata): Promise<void> {
    const { core } = this;
    if (isDir(inode)) return changeXattrs(core, frame, inode, child => child.removexattr(frame, inode, name, xdata));
    return byInode(core, frame, inode, child => child.removexattr(frame, inode, name, xdata));
  }

  override fremovexattr(frame: Frame, fd: Fd, name: string, xdata?: Xdata): Promise<void> {
    if (isDir(fd.inode)) return this.removexattr(frame, fd.inode, name, xdata);
    return byFd(this.core, frame, fd, child => child.fremovexattr(frame, fd, name, xdata));
  }
}
