/** Fops that make, remove and move names. */
import { GF_DATA_TYPE } from '#protocols/gluster/constants.ts';
import { type DictValue, TypedValue } from '#protocols/gluster/dict.ts';
import { FsError } from '../../../../errno.ts';
import type * as fops from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { OWN } from '../../../../graph/own-frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import { ROOT_GFID, randomGfid } from '../../../../graph/gfid.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { O_CREAT, O_EXCL } from '../../../../sys/constants.ts';
import { FOPS } from '../fops.ts';
import type { RemoteIatt } from '../iatt.ts';
import type { Remote } from '../remote.ts';
import { byGfid, failureOf } from '../replies.ts';
import { type Changed, known, wccOf, withXdata } from './answers.ts';
import { checkNewName, checkRemovedName } from './name-checks.ts';
import { lookup } from './objects.ts';

const PERMISSIONS = 0o7777;
/** The modes of new objects for which the caller gives none. */
const FILE_MODE = 0o600;
const DIR_MODE = 0o700;
/** The mode that is given is the one that the object shall have. */
const NO_UMASK = 0;

/** The bits that st_mode has for a type. */
const TYPE_BITS: Readonly<Record<FileType, number>> = {
  [FileType.REG]: 0o100000,
  [FileType.DIR]: 0o040000,
  [FileType.BLK]: 0o060000,
  [FileType.CHR]: 0o020000,
  [FileType.LNK]: 0o120000,
  [FileType.SOCK]: 0o140000,
  [FileType.FIFO]: 0o010000,
};

const GFID_BYTES = 16;
const isZero = (gfid: Buffer): boolean => gfid.every(byte => byte === 0);

/** The xdata of a fop that makes an object, with the gfid that the object gets. */
function naming(gfid: Buffer | undefined, xdata: fops.Xdata | undefined): ReadonlyMap<string, DictValue> {
  if (gfid !== undefined && (gfid.length !== GFID_BYTES || isZero(gfid)))
    throw new FsError('EINVAL', 'EINVAL: no gfid');
  // A brick refuses the gfid of another object, but not that of another directory for a new one.
  if (gfid?.equals(ROOT_GFID)) throw new FsError('ENODATA', 'ENODATA: the gfid of the root');
  const named = new Map<string, DictValue>(xdata);
  return named.set('gfid-req', new TypedValue(GF_DATA_TYPE.GFUUID, gfid ?? randomGfid()));
}

interface MadeReply {
  readonly op_ret: number;
  readonly op_errno: number;
  readonly xdata: fops.Xdata | undefined;
  readonly stat: RemoteIatt | undefined;
  readonly preparent: RemoteIatt | undefined;
  readonly postparent: RemoteIatt | undefined;
}

function made(remote: Remote, reply: MadeReply, what: string): fops.Made {
  if (reply.op_ret < 0) throw failureOf(reply, what);
  const parent = wccOf(remote, reply.preparent, reply.postparent);
  return { iatt: known(remote, reply.stat, what), parent, ...withXdata(reply.xdata) };
}

export async function mknod(
  remote: Remote,
  frame: Frame,
  parent: Inode,
  name: string,
  type: FileType,
  attr: fops.NewAttr,
  device: fops.Device,
  xdata?: fops.Xdata,
): Promise<fops.Made> {
  checkNewName(name);
  if (type === FileType.DIR || type === FileType.LNK) throw new FsError('EINVAL', 'EINVAL: mknod');
  const args = {
    pargfid: parent.gfid,
    dev: type === FileType.BLK || type === FileType.CHR ? deviceOf(device) : 0n,
    mode: TYPE_BITS[type] | modeOf(attr, FILE_MODE),
    umask: NO_UMASK,
    bname: name,
    xdata: naming(attr.gfid, xdata),
  };
  return made(remote, await remote.ask(FOPS.MKNOD, args, frame), 'mknod');
}

const modeOf = ({ mode }: fops.NewAttr, unset: number): number => (mode ?? unset) & PERMISSIONS;

/** The number of a device as the C library has it. */
function deviceOf({ major, minor }: fops.Device): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xffff_f000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffff_ff00n) << 12n) | (low & 0xffn);
}

export async function mkdir(
  remote: Remote,
  frame: Frame,
  parent: Inode,
  name: string,
  attr: fops.NewAttr,
  xdata?: fops.Xdata,
): Promise<fops.Made> {
  checkNewName(name);
  const args = {
    pargfid: parent.gfid,
    mode: modeOf(attr, DIR_MODE),
    umask: NO_UMASK,
    bname: name,
    xdata: naming(attr.gfid, xdata),
  };
  return made(remote, await remote.ask(FOPS.MKDIR, args, frame), 'mkdir');
}

export async function symlink(
  remote: Remote,
  frame: Frame,
  parent: Inode,
  name: string,
  target: string,
  attr: fops.NewAttr,
  xdata?: fops.Xdata,
): Promise<fops.Made> {
  checkNewName(name);
  if (target === '' || target.includes('\0')) throw new FsError('ENOENT', 'ENOENT: symlink');
  if (target.length >= 4096) throw new FsError('ENAMETOOLONG', 'ENAMETOOLONG: symlink');
  const args = {
    pargfid: parent.gfid,
    bname: name,
    umask: NO_UMASK,
    linkname: target,
    xdata: naming(attr.gfid, xdata),
  };
  return made(remote, await remote.ask(FOPS.SYMLINK, args, frame), 'symlink');
}

/**
 * Creates a file. Without flags it is not opened, so that a brick need not close it again: a file is a node like others.
 */
export async function create(
  remote: Remote,
  frame: Frame,
  parent: Inode,
  name: string,
  how: fops.CreateHow,
  flags: number | undefined,
  xdata?: fops.Xdata,
): Promise<fops.Made> {
  if (how.mode === 'exclusive') throw new FsError('EOPNOTSUPP', 'EOPNOTSUPP: a brick keeps no verifier');
  const { attr } = how;
  if (flags === undefined) {
    if (how.mode === 'unchecked') throw new FsError('EOPNOTSUPP', 'EOPNOTSUPP: a brick opens what it finds');
    return mknod(remote, frame, parent, name, FileType.REG, attr, { major: 0, minor: 0 }, xdata);
  }
  checkNewName(name);
  const args = {
    pargfid: parent.gfid,
    flags: flags | O_CREAT | (how.mode === 'guarded' ? O_EXCL : 0),
    mode: TYPE_BITS[FileType.REG] | modeOf(attr, FILE_MODE),
    umask: NO_UMASK,
    bname: name,
    xdata: naming(attr.gfid, xdata),
  };
  const reply = await remote.ask(FOPS.CREATE, args, frame);
  const answer = made(remote, reply, 'create');
  const notes = remote.fds.opened(reply.fd, answer.iatt.gfid, flags & ~(O_CREAT | O_EXCL));
  return { ...answer, opened: { notes } };
}

export async function link(
  remote: Remote,
  frame: Frame,
  inode: Inode,
  parent: Inode,
  name: string,
  xdata?: fops.Xdata,
): Promise<fops.Made> {
  checkNewName(name);
  const args = { oldgfid: inode.gfid, newgfid: parent.gfid, newbname: name, xdata };
  // What is not there is the file: the name need not be, and a missing directory is ESTALE.
  return made(remote, byGfid(await remote.ask(FOPS.LINK, args, frame)), 'link');
}

export async function unlink(
  remote: Remote,
  frame: Frame,
  parent: Inode,
  name: string,
  xdata?: fops.Xdata,
): Promise<fops.Removed> {
  checkRemovedName(name);
  const reply = await remote.ask(FOPS.UNLINK, { pargfid: parent.gfid, bname: name, xflags: 0, xdata }, frame);
  return removed(remote, reply, 'unlink');
}

export async function rmdir(
  remote: Remote,
  frame: Frame,
  parent: Inode,
  name: string,
  xdata?: fops.Xdata,
): Promise<fops.Removed> {
  checkRemovedName(name);
  const reply = await remote.ask(FOPS.RMDIR, { pargfid: parent.gfid, xflags: 0, bname: name, xdata }, frame);
  return removed(remote, reply, 'rmdir');
}

function removed(remote: Remote, reply: Changed, what: string): fops.Removed {
  if (reply.op_ret < 0) throw failureOf(reply, what);
  return { parent: wccOf(remote, reply.prestat, reply.poststat), ...withXdata(reply.xdata) };
}

/** A brick has no rename with flags. */
export async function rename(
  remote: Remote,
  frame: Frame,
  from: Inode,
  fromName: string,
  to: Inode,
  toName: string,
  flags = 0,
  xdata?: fops.Xdata,
): Promise<fops.Renamed> {
  if (flags !== 0) throw new FsError('EINVAL', 'EINVAL: a brick has no rename with flags');
  checkRemovedName(fromName);
  checkNewName(toName);
  const args = { oldgfid: from.gfid, newgfid: to.gfid, oldbname: fromName, newbname: toName, xdata };
  const reply = await remote.ask(FOPS.RENAME, args, frame);
  if (reply.op_ret < 0) {
    const failure = failureOf(reply, 'rename');
    if (TRIED.has(failure.code)) await handleMade(remote, from, fromName);
    throw failure;
  }
  return {
    from: wccOf(remote, reply.preoldparent, reply.postoldparent),
    to: wccOf(remote, reply.prenewparent, reply.postnewparent),
    ...withXdata(reply.xdata),
  };
}

/** What a brick answers when the kernel has refused the rename. It answers the others before it has done anything. */
const TRIED: ReadonlySet<string> = new Set([
  'ENOTEMPTY',
  'EEXIST',
  'ENOTDIR',
  'EISDIR',
  'EINVAL',
  'EXDEV',
  'EMLINK',
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EIO',
]);

/**
 * Makes the handle of a directory that could not be renamed. A brick removes the handle before it renames, and makes it again
 * only if the rename has succeeded; without it the directory cannot be reached by its gfid once the brick has forgotten where it
 * is. To be renamed to the name that it has changes nothing else, and no times, as the frame has none.
 */
async function handleMade(remote: Remote, parent: Inode, name: string): Promise<void> {
  const args = { oldgfid: parent.gfid, newgfid: parent.gfid, oldbname: name, newbname: name, xdata: undefined };
  const found = await lookup(remote, OWN, parent, name).catch(() => undefined);
  if (found?.iatt.type === FileType.DIR) await remote.ask(FOPS.RENAME, args, OWN).catch(() => undefined);
}
