/** Changes attributes in the calls that a GlusterFS brick has: a size by TRUNCATE, all others by one SETATTR. */
import { errnoOf, FsError } from '../../../errno.ts';
import { FopError, type SetAttr, type Time, type WccReply } from '../../../graph/fops.ts';
import type { Frame, Identity } from '../../../graph/frame.ts';
import { FileType, type Iatt, type Wcc } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { noFile, xdataOf } from './failure.ts';

/** The two fops, on an inode or on an fd of it. */
export interface Target {
  readonly below: Xlator;
  readonly frame: Frame;
  readonly inode: Inode;
  setattr(attr: SetAttr): Promise<WccReply>;
  truncate(size: number): Promise<WccReply>;
}

export function setattr(target: Target, given: SetAttr, guard: Time | undefined): Promise<WccReply> {
  const attr = meaningful(given, target.inode.type);
  const seesFirst = guard !== undefined || attr.size !== undefined || needsOwner(target.frame.identity, attr);
  return seesFirst ? seeing(target, attr, guard) : target.setattr(attr);
}

/** Leaves out the mode of a symlink, which has no meaning. Clients that restore trees set it nevertheless. */
function meaningful(attr: SetAttr, type: FileType): SetAttr {
  if (type !== FileType.LNK || attr.mode === undefined) return attr;
  const { mode: _mode, ...rest } = attr;
  return rest;
}

/**
 * Whether only the owner may set what is given, although a brick lets others: times (utimensat(2)), which all set who may
 * write, and the owner or the group that the object has already (chown(2)).
 */
const needsOwner = (identity: Identity, { uid, gid, atime, mtime }: SetAttr): boolean =>
  identity.uid !== 0 &&
  (uid !== undefined || !isMember(identity, gid) || typeof atime === 'object' || typeof mtime === 'object');

const isMember = (identity: Identity, gid: number | undefined): boolean =>
  gid === undefined || gid === identity.gid || identity.groups.includes(gid);

/** Whether the caller owns the object and may set this of it. */
export const isOwners = (identity: Identity, { uid }: Iatt, attr: SetAttr): boolean =>
  identity.uid === uid && (attr.uid === undefined || attr.uid === uid) && isMember(identity, attr.gid);

async function seeing(target: Target, attr: SetAttr, guard: Time | undefined): Promise<WccReply> {
  const { size, ...given } = attr;
  // Setting the size sets the mtime too, also for callers who are not the owner.
  let rest = size !== undefined && given.mtime === 'now' ? withoutMtime(given) : given;
  const others = Object.keys(rest).length > 0;
  if (guard !== undefined || others) {
    const before = await target.below.stat(target.frame, target.inode);
    refuse(target.frame.identity, before, rest, guard, size !== undefined);
    rest = withoutItsGroup(target.frame.identity, before, rest);
  }
  if (size === undefined) return target.setattr(rest);
  const { type } = target.inode;
  if (type !== FileType.REG) throw noFile(type);
  const cut = await target.truncate(size);
  if (!others) return cut;
  try {
    const { after } = await target.setattr(rest);
    return { ...cut, after };
  } catch (error) {
    throw halfDone(error, cut);
  }
}

/**
 * A brick lets owners set no group but their own, not even the one that the object has. That is set by the owner that the
 * object has, so that the ctime is set as well.
 */
function withoutItsGroup(identity: Identity, before: Iatt, attr: SetAttr): SetAttr {
  const { gid, ...others } = attr;
  return isMember(identity, gid) || identity.uid === 0 || gid !== before.gid ? attr : { uid: before.uid, ...others };
}

function withoutMtime({ mtime: _mtime, ...rest }: SetAttr): SetAttr {
  return rest;
}

/**
 * Refuses a change of the object that was seen as `before`. What SETATTR would refuse after a truncation is refused here,
 * so that the file is not shorter for nothing.
 */
function refuse(identity: Identity, before: Iatt, attr: SetAttr, guard: Time | undefined, truncates: boolean): void {
  const wcc: Wcc = { before, after: before };
  if (guard && (guard.sec !== before.ctime || guard.nsec !== before.ctimeNsec)) {
    throw new FopError('EAGAIN', 'the object has changed since the guard', wcc);
  }
  if (identity.uid === 0) return;
  const isOwner = identity.uid === before.uid;
  const { mode, uid, gid } = attr;
  const takes = (truncates && (mode !== undefined || gid !== undefined)) || needsOwner(identity, attr);
  const givesAway = truncates && uid !== undefined && uid !== before.uid;
  const isGiven = gid !== before.gid && !isMember(identity, gid);
  if ((takes && !isOwner) || givesAway || (truncates && isGiven)) {
    throw new FopError('EPERM', 'only the owner may set these attributes', wcc);
  }
}

/** The error of a call whose first half has been done. */
function halfDone(error: unknown, { before, after }: WccReply): unknown {
  const code = errnoOf(error);
  if (code === undefined) return error;
  const wcc = { before, after: error instanceof FopError ? (error.wcc.after ?? after) : after };
  return new FopError(code, (error as FsError).message, wcc, undefined, xdataOf(error));
}
