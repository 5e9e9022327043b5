/** Translates attributes between the graph (`Iatt`, `SetAttr`) and the wire (`fattr3`, `sattr3`). */
import { time_how } from '#protocols/nfs3/constants.ts';
import { secondsOf } from '#protocols/nfs3/directory.ts';
import type { fattr3, nfstime3, post_op_attr, sattr3, set_time } from '#protocols/nfs3/types.ts';
import { FopError, type SetAttr, type Time } from '#src/graph/fops.ts';
import type { Iatt } from '#src/graph/iatt.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { UnaskedError } from './unasked.ts';

const UINT32_MAX = 0xffff_ffff;
const LOW_32 = 0xffff_ffffn;

export const toTime3 = (sec: number, nsec: number): nfstime3 => ({ seconds: secondsOf(sec), nseconds: nsec });

/** Returns the file id of an inode number: all of it, or folded to 32 bits if nfs.enable-ino32 is on. */
export function fileidOf(nfs: NfsCall, ino: bigint): bigint {
  return nfs.options.ino32 ? (ino >> 32n) ^ (ino & LOW_32) : ino;
}

export function toFattr3(nfs: NfsCall, iatt: Iatt): fattr3 {
  return {
    type: iatt.type,
    mode: iatt.mode,
    nlink: iatt.nlink,
    uid: iatt.uid,
    gid: iatt.gid,
    size: iatt.size,
    used: iatt.used,
    rdev: { specdata1: iatt.rdevMajor, specdata2: iatt.rdevMinor },
    fsid: iatt.fsid,
    fileid: fileidOf(nfs, iatt.ino),
    atime: toTime3(iatt.atime, iatt.atimeNsec),
    mtime: toTime3(iatt.mtime, iatt.mtimeNsec),
    ctime: toTime3(iatt.ctime, iatt.ctimeNsec),
  };
}

/** Returns an object's present attributes, which accompany an answer. `undefined` if the brick fails to tell them. */
export async function postOp(nfs: NfsCall, at: Resolved | undefined): Promise<post_op_attr> {
  if (at === undefined) return undefined;
  try {
    return toFattr3(nfs, await at.volume.top.stat(at.frame, at.inode));
  } catch {
    return undefined;
  }
}

/** Returns the attributes that accompany a failure: those in the error, or else as {@link postOp}. */
export function postOpAfter(nfs: NfsCall, at: Resolved | undefined, error: unknown): Promise<post_op_attr> {
  const known = error instanceof FopError ? error.wcc.after : undefined;
  return known ? Promise.resolve(toFattr3(nfs, known)) : postOp(nfs, at);
}

/** Converts a time that a client sets. To utimensat(2) some values above 10^9 mean "now" or "do not change". */
function toTime({ seconds, nseconds }: nfstime3): Time {
  if (nseconds >= 1_000_000_000) throw new UnaskedError('EINVAL', `a time with ${nseconds} nanoseconds`);
  return { sec: seconds, nsec: nseconds };
}

function timeToSet(time: set_time): Time | 'now' | undefined {
  if (time.set_it === time_how.DONT_CHANGE) return undefined;
  return time.set_it === time_how.SET_TO_SERVER_TIME ? 'now' : toTime(time.time);
}

/** Converts attributes to set, except the size, which only a regular file has. */
export function toSetAttr(sattr: sattr3): SetAttr {
  const attr: SetAttr = {};
  const atime = timeToSet(sattr.atime);
  const mtime = timeToSet(sattr.mtime);
  if (sattr.mode !== undefined) attr.mode = sattr.mode & 0o7777;
  // The highest id means "do not change", as with chown(2) and in knfsd.
  if (sattr.uid !== undefined && sattr.uid !== UINT32_MAX) attr.uid = sattr.uid;
  if (sattr.gid !== undefined && sattr.gid !== UINT32_MAX) attr.gid = sattr.gid;
  if (atime !== undefined) attr.atime = atime;
  if (mtime !== undefined) attr.mtime = mtime;
  return attr;
}

/** Converts attributes to set on a regular file, the size included. */
export function toFileAttr(sattr: sattr3): SetAttr {
  const attr = toSetAttr(sattr);
  if (sattr.size === undefined) return attr;
  if (sattr.size > Number.MAX_SAFE_INTEGER) throw new UnaskedError('EFBIG', 'a size above 2^53 - 1');
  attr.size = sattr.size;
  return attr;
}
