/** Fops on one object: to find it, its attributes, and what may be done with it. */
import { GF_SET_ATTR } from '#protocols/gluster/constants.ts';
import { gfx_iattx, IATTX_BYTES } from '#protocols/gluster/iatt.ts';
import { XdrReader } from '#protocols/xdr/stream.ts';
import { ERRNO, FsError } from '../../../../errno.ts';
import type * as fops from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { ROOT_GFID } from '../../../../graph/gfid.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { FOPS } from '../fops.ts';
import { iattOf } from '../iatt.ts';
import { fdInstead } from '../nameless.ts';
import type { Remote } from '../remote.ts';
import { byGfid, failureOf, requireDone } from '../replies.ts';
import { changed, known, withXdata } from './answers.ts';
import { present } from './clock.ts';
import { checkName } from './name-checks.ts';

const NO_GFID = Buffer.alloc(16);
/** The longest target of a symbolic link that is asked for: Linux's PATH_MAX. */
const TARGET_MAX = 4096;
/** A flag in the answer of statfs: the file system is mounted read-only. */
const ST_RDONLY = 1n;
/** What a brick does not tell: the greatest link count of ext4, which has the least of those in use. */
const LINK_MAX = 65_000;

export async function lookup(
  remote: Remote,
  frame: Frame,
  parent: Inode,
  name: string,
  xdata?: fops.Xdata,
): Promise<fops.Found> {
  if (name === '.' || (name === '..' && parent.gfid.equals(ROOT_GFID))) {
    const found = await discover(remote, frame, parent.gfid, xdata);
    return { ...found, parent: found.iatt };
  }
  if (name !== '..') checkName(name);
  if (parent.type !== FileType.DIR) throw new FsError('ENOTDIR', 'ENOTDIR: lookup');
  const args = { gfid: NO_GFID, pargfid: parent.gfid, flags: 0, bname: name, xdata };
  const reply = await remote.ask(FOPS.LOOKUP, args, frame);
  if (reply.op_ret < 0) throw failureOf(reply, 'lookup');
  const directory = iattOf(reply.poststat, remote.fsid);
  return {
    iatt: known(remote, reply.prestat, 'lookup'),
    ...(directory && { parent: directory }),
    ...withXdata(reply.xdata),
  };
}

export async function discover(remote: Remote, frame: Frame, gfid: Buffer, xdata?: fops.Xdata): Promise<fops.Found> {
  if (gfid.length !== 16 || gfid.equals(NO_GFID)) throw new FsError('ESTALE', 'ESTALE: no gfid');
  const reply = await remote.ask(FOPS.LOOKUP, { gfid, pargfid: NO_GFID, flags: 0, bname: '', xdata }, frame);
  requireDone(reply, 'discover');
  const iatt = known(remote, reply.prestat, 'discover');
  if (!iatt.gfid.equals(gfid)) throw new FsError('ESTALE', 'ESTALE: discover');
  return { iatt, ...withXdata(reply.xdata) };
}

export async function stat(remote: Remote, frame: Frame, inode: Inode, xdata?: fops.Xdata): Promise<fops.StatReply> {
  const args = { gfid: inode.gfid, xdata };
  let reply = await remote.ask(FOPS.STAT, args, frame);
  const fd = fdInstead(remote, frame, inode.gfid, reply);
  if (fd !== undefined) reply = await remote.ask(FOPS.FSTAT, { ...args, fd }, frame);
  requireDone(reply, 'stat');
  return { ...known(remote, reply.stat, 'stat'), ...withXdata(reply.xdata) };
}

export async function fstat(remote: Remote, frame: Frame, fd: Fd, xdata?: fops.Xdata): Promise<fops.StatReply> {
  const args = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), xdata };
  const reply = await remote.ask(FOPS.FSTAT, args, frame);
  requireDone(reply, 'fstat');
  return { ...known(remote, reply.stat, 'fstat'), ...withXdata(reply.xdata) };
}

export async function readlink(
  remote: Remote,
  frame: Frame,
  inode: Inode,
  xdata?: fops.Xdata,
): Promise<fops.ReadlinkReply> {
  const reply = await remote.ask(FOPS.READLINK, { gfid: inode.gfid, size: TARGET_MAX, xdata }, frame);
  requireDone(reply, 'readlink');
  return { target: reply.path, iatt: known(remote, reply.buf, 'readlink'), ...withXdata(reply.xdata) };
}

/**
 * A brick answers an NFS server with the bits that are granted, in place of an errno; and all others, whether the whole mask
 * is.
 */
export async function access(
  remote: Remote,
  frame: Frame,
  inode: Inode,
  mask: number,
  xdata?: fops.Xdata,
): Promise<fops.AccessReply> {
  const reply = await remote.ask(FOPS.ACCESS, { gfid: inode.gfid, mask, xdata }, frame);
  const { op_ret, op_errno } = reply;
  if (op_ret < 0 && op_errno !== ERRNO.EACCES) throw failureOf(byGfid(reply), 'access');
  const isNfs = frame.pid === undefined && frame.internal !== true;
  return { granted: op_ret < 0 ? 0 : isNfs ? op_errno & mask : mask, ...withXdata(reply.xdata) };
}

export async function statfs(remote: Remote, frame: Frame, inode: Inode, xdata?: fops.Xdata): Promise<fops.Statfs> {
  const reply = await remote.ask(FOPS.STATFS, { gfid: inode.gfid, xdata }, frame);
  requireDone(reply, 'statfs');
  const { frsize, blocks, bfree, bavail, files, ffree, favail, flag, namemax } = reply.statfs;
  return {
    bytesTotal: blocks * frsize,
    bytesFree: bfree * frsize,
    bytesAvailable: bavail * frsize,
    filesTotal: files,
    filesFree: ffree,
    filesAvailable: favail,
    nameMax: namemax,
    linkMax: LINK_MAX,
    fileSizeMax: Number.MAX_SAFE_INTEGER,
    timeGranularity: 1,
    caseInsensitive: false,
    readOnly: (flag & ST_RDONLY) !== 0n,
    ...withXdata(reply.xdata),
  };
}

export async function setattr(
  remote: Remote,
  frame: Frame,
  inode: Inode,
  attr: fops.SetAttr,
  guard?: fops.Time,
  xdata?: fops.Xdata,
): Promise<fops.WccReply> {
  if (guard !== undefined) throw new FsError('EOPNOTSUPP', 'EOPNOTSUPP: a brick compares no guard');
  const reply = await remote.ask(FOPS.SETATTR, { gfid: inode.gfid, ...toSet(attr), xdata }, timed(frame, attr));
  return changed(remote, reply, 'setattr');
}

export async function fsetattr(
  remote: Remote,
  frame: Frame,
  fd: Fd,
  attr: fops.SetAttr,
  xdata?: fops.Xdata,
): Promise<fops.WccReply> {
  const args = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), ...toSet(attr), xdata };
  return changed(remote, await remote.ask(FOPS.FSETATTR, args, timed(frame, attr)), 'fsetattr');
}

/** No attributes. */
const NOTHING: gfx_iattx = gfx_iattx.decode(new XdrReader(Buffer.alloc(IATTX_BYTES)));

/** The attributes as SETATTR has them. A brick does not use its clock for a time of now. */
function toSet({ mode, uid, gid, size, atime, mtime }: fops.SetAttr): { stbuf: gfx_iattx; valid: number } {
  if (size !== undefined) throw new FsError('EOPNOTSUPP', 'EOPNOTSUPP: a brick sets a size by truncate only');
  const stbuf = { ...NOTHING };
  let valid = 0;
  const now = atime === 'now' || mtime === 'now' ? present() : undefined;
  if (mode !== undefined) {
    valid |= GF_SET_ATTR.MODE;
    stbuf.mode = mode;
  }
  if (uid !== undefined) {
    valid |= GF_SET_ATTR.UID;
    stbuf.ia_uid = uid;
  }
  if (gid !== undefined) {
    valid |= GF_SET_ATTR.GID;
    stbuf.ia_gid = gid;
  }
  if (atime !== undefined) {
    valid |= GF_SET_ATTR.ATIME;
    ({ sec: stbuf.ia_atime, nsec: stbuf.ia_atime_nsec } = atime === 'now' ? now! : atime);
  }
  if (mtime !== undefined) {
    valid |= GF_SET_ATTR.MTIME;
    ({ sec: stbuf.ia_mtime, nsec: stbuf.ia_mtime_nsec } = mtime === 'now' ? now! : mtime);
  }
  return { stbuf, valid };
}

/** With given times a brick sets the ctime that the credentials tell, even if no flag says so: it must not be 1970. */
function timed(frame: Frame, { atime, mtime }: fops.SetAttr): Frame {
  if (frame.times !== undefined || (atime === undefined && mtime === undefined)) return frame;
  return { ...frame, times: { flags: 0, ...present() } };
}
