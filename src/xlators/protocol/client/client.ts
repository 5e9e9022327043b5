import type { Fop, Fops } from '../../../graph/fops.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import { ConnectedBrick } from './connected-brick.ts';
import * as data from './fops/data.ts';
import * as directory from './fops/directory.ts';
import * as locks from './fops/locks.ts';
import * as names from './fops/names.ts';
import * as objects from './fops/objects.ts';
import * as xattrs from './fops/xattrs.ts';
import { CLIENT_FOREIGN, CLIENT_OPTIONS } from './options.ts';
import type { Remote } from './remote.ts';

type RemoteFops = { readonly [F in Fop]: (remote: Remote, ...args: Parameters<Fops[F]>) => ReturnType<Fops[F]> };

const FOPS: RemoteFops = {
  lookup: objects.lookup,
  discover: (remote, frame, gfid, _hint, xdata) => objects.discover(remote, frame, gfid, xdata),
  stat: objects.stat,
  fstat: objects.fstat,
  readlink: objects.readlink,
  access: objects.access,
  mknod: names.mknod,
  mkdir: names.mkdir,
  symlink: names.symlink,
  create: names.create,
  link: names.link,
  unlink: names.unlink,
  rmdir: names.rmdir,
  rename: names.rename,
  setattr: objects.setattr,
  fsetattr: objects.fsetattr,
  truncate: data.truncate,
  ftruncate: data.ftruncate,
  open: data.open,
  readv: data.readv,
  writev: data.writev,
  flush: data.flush,
  fsync: data.fsync,
  fallocate: data.fallocate,
  discard: data.discard,
  zerofill: data.zerofill,
  seek: data.seek,
  opendir: directory.opendir,
  readdir: directory.readdir,
  readdirp: directory.readdirp,
  fsyncdir: directory.fsyncdir,
  statfs: objects.statfs,
  getxattr: xattrs.getxattr,
  fgetxattr: xattrs.fgetxattr,
  setxattr: xattrs.setxattr,
  fsetxattr: xattrs.fsetxattr,
  removexattr: xattrs.removexattr,
  fremovexattr: xattrs.fremovexattr,
  xattrop: xattrs.xattrop,
  fxattrop: xattrs.fxattrop,
  inodelk: locks.inodelk,
  finodelk: locks.finodelk,
  entrylk: locks.entrylk,
  fentrylk: locks.fentrylk,
  lk: locks.lk,
};

/** A brick of GlusterFS on this machine or another one. */
export class ProtocolClient extends ConnectedBrick {
  static readonly doc =
    'A brick of a GlusterFS volume, with which it speaks over TCP or TLS. It finds the port of the brick at the ' +
    'glusterd of its host, and connects again when the brick was lost.';
  static readonly options = CLIENT_OPTIONS;
  static readonly foreign = CLIENT_FOREIGN;

  override release(fd: Fd): void {
    data.releaseFd(this.remote, fd);
  }

  override forget(inode: Inode): void {
    this.remote.busy.forget(inode);
  }

  protected override async restore(remote: Remote): Promise<void> {
    remote.fds.dropped(); // an attempt before may have opened some
    const lost = await remote.fds.reopen(data.reopening(remote));
    if (lost > 0) this.log.warn({ locks: lost }, `${this.name}: other clients have taken locks that this one had`);
  }

  /** All fops come here, as this layer has no children. */
  protected override wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]>;
  protected override wind(
    fop: Fop,
    a?: unknown,
    b?: unknown,
    c?: unknown,
    d?: unknown,
    e?: unknown,
    f?: unknown,
    g?: unknown,
  ): Promise<unknown> {
    const call = FOPS[fop] as (remote: Remote, ...args: unknown[]) => Promise<unknown>;
    return call(this.remote, a, b, c, d, e, f, g);
  }
}
