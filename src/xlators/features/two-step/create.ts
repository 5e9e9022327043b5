/** Makes objects with all of their attributes. A GlusterFS brick sets the mode only, and never answers a repetition. */
import { createHash } from 'node:crypto';
import { type Errno, errnoOf, FsError } from '../../../errno.ts';
import type { CreateHow, Made, NewAttr, Opened, SetAttr, Xdata } from '../../../graph/fops.ts';
import type { Frame, Identity } from '../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { O_CREAT, O_EXCL, O_TRUNC, S_ISGID, S_ISUID } from '../../../sys/constants.ts';
import { noFile } from './failure.ts';
import { refreshed, transient } from './transient.ts';

/** The modes of new objects for which the caller gives none; RFC 1813, 3.3.8, leaves them to the server. */
export const FILE_MODE = 0o600;
export const DIR_MODE = 0o700;
/**
 * The mode of a file that was created exclusively, until its client sets another. A repetition of the call is answered
 * only as long as the file has it.
 */
const EXCLUSIVE_MODE = 0;
/** How often a name may come and go, or a gfid be taken, before the call is given up. */
const TRIES = 8;

/** The caller of a fop that makes `name` in `parent`, and what the fop goes on to. */
export interface Making {
  readonly below: Xlator;
  readonly frame: Frame;
  readonly parent: Inode;
  readonly name: string;
  readonly xdata: Xdata | undefined;
}

/** Creates a file as `how` says. With `flags` of open(2) it is open afterwards, and an existing file is opened too. */
export async function create(making: Making, how: CreateHow, flags?: number): Promise<Made> {
  const { below, frame, parent, name, xdata } = making;
  for (let tries = 0; tries < TRIES; tries++) {
    const attr: NewAttr =
      how.mode === 'exclusive'
        ? {
            mode: EXCLUSIVE_MODE,
            gfid: how.gfid ?? exclusiveGfid(making, how.verifier, tries),
          }
        : how.attr;
    try {
      const made = await below.create(frame, parent, name, { mode: 'guarded', attr: modeOnly(attr) }, flags, xdata);
      return how.mode === 'exclusive' ? made : await finished(making, made, attr);
    } catch (error) {
      if (!mayExist(errnoOf(error), how, flags)) throw error;
      const found = await existing(making, how, flags, error);
      if (found) return found;
      // The name has gone, or the gfid is taken: a file that was made with it has another name by now.
    }
  }
  throw new FsError('EJUKEBOX', 'the name comes and goes');
}

/**
 * Whether a creation that failed with `code` may succeed nevertheless, because the name exists, or because the gfid does
 * that we have chosen for it.
 */
function mayExist(code: Errno | undefined, how: CreateHow, flags = 0): boolean {
  if (how.mode === 'exclusive') return code === 'EEXIST' || (code === 'ENODATA' && how.gfid === undefined);
  return code === 'EEXIST' && how.mode === 'unchecked' && (flags & O_EXCL) === 0;
}

/**
 * The gfid of a file that is created exclusively with this verifier. A repetition of the call chooses the same, and so
 * finds out whether the file that exists is its own: the verifier is kept without a call of its own, together with the
 * name, and whether a server has died between two calls does not matter.
 */
function exclusiveGfid({ parent, name }: Making, verifier: Buffer, tries: number): Buffer {
  const hash = createHash('sha256').update('exclusive\0').update(parent.gfid).update(verifier);
  const gfid = hash.update(`${tries}`).update(name, 'latin1').digest().subarray(0, 16);
  gfid[6] = (gfid[6]! & 0x0f) | 0x40; // RFC 9562, 5.4: a UUID of version 4
  gfid[8] = (gfid[8]! & 0x3f) | 0x80;
  return Buffer.from(gfid);
}

function isOwn(making: Making, how: CreateHow & { mode: 'exclusive' }, { type, mode, size, gfid }: Iatt): boolean {
  if (type !== FileType.REG || mode !== EXCLUSIVE_MODE || size !== 0) return false;
  if (how.gfid?.equals(gfid)) return true;
  for (let tries = 0; tries < TRIES; tries++) if (exclusiveGfid(making, how.verifier, tries).equals(gfid)) return true;
  return false;
}

/** Answers a creation whose name exists; `undefined` if it does not any more. `error` says that it does. */
async function existing(
  making: Making,
  how: CreateHow,
  flags: number | undefined,
  error: unknown,
): Promise<Made | undefined> {
  const { below, frame, parent, name } = making;
  let found;
  try {
    found = await below.lookup(frame, parent, name);
  } catch (missing) {
    if (errnoOf(missing) === 'ENOENT') return undefined;
    throw missing;
  }
  let { iatt } = found;
  if (how.mode === 'exclusive' && !isOwn(making, how, iatt)) throw error;
  const inode = transient(iatt);
  let opened: Opened | undefined;
  if (flags !== undefined) {
    if (iatt.type !== FileType.REG) throw noFile(iatt.type);
    opened = await below.open(frame, inode, flags & ~(O_CREAT | O_EXCL | O_TRUNC));
  }
  // Of an existing file only the size is set, as open(2) does with O_CREAT. Everything else stays as it is.
  const truncates = flags !== undefined && (flags & O_TRUNC) !== 0;
  const size = how.mode === 'unchecked' ? (how.attr.size ?? (truncates ? 0 : undefined)) : undefined;
  if (size !== undefined && iatt.type === FileType.REG) {
    const { after } = await below.truncate(frame, inode, size);
    iatt = refreshed(iatt, inode, after);
  }
  return { iatt, parent: { before: found.parent, after: found.parent }, ...(opened && { opened }) };
}

/** What the fop that makes an object can be given. */
export function modeOnly({ mode, gfid }: NewAttr, unset = FILE_MODE): NewAttr {
  return { mode: (mode ?? unset) & 0o7777, ...(gfid && { gfid }) };
}

/** Sets the attributes that the fop which made an object could not set. If that fails the object is removed again. */
export async function finished(making: Making, made: Made, attr: NewAttr): Promise<Made> {
  const rest = missing(making.frame.identity, made.iatt, attr);
  const size = made.iatt.type === FileType.REG && attr.size ? attr.size : undefined;
  if (rest === undefined && size === undefined) return made;
  const { below, frame } = making;
  const inode = transient(made.iatt);
  try {
    let after: Iatt | undefined;
    if (size !== undefined) ({ after } = await below.truncate(frame, inode, size));
    if (rest !== undefined) ({ after } = await setGiven(below, frame, inode, rest));
    return { ...made, iatt: refreshed(made.iatt, inode, after) };
  } catch (error) {
    await undo(making, made.iatt);
    throw error;
  }
}

/** What of `attr` the new object does not have; `undefined` if there is nothing to set. */
function missing(identity: Identity, iatt: Iatt, { mode, uid, gid, atime, mtime }: NewAttr): SetAttr | undefined {
  const isRoot = identity.uid === 0;
  const set: SetAttr = {};
  // Some clients send ids with every creation. Those that the caller may not give away are ignored, as by knfsd.
  if (isRoot && uid !== undefined && uid !== iatt.uid) set.uid = uid;
  const mayGive = isRoot || gid === identity.gid || identity.groups.includes(gid!);
  if (mayGive && gid !== undefined && gid !== iatt.gid) set.gid = gid;
  if (atime !== undefined) set.atime = atime;
  if (mtime !== undefined) set.mtime = mtime;
  // mkdir(2) takes no set-id bits, and chown(2) clears those of files.
  const setId = iatt.type === FileType.LNK ? 0 : (mode ?? 0) & (S_ISUID | S_ISGID);
  const clears = set.uid !== undefined || set.gid !== undefined;
  if ((setId & ~iatt.mode) !== 0 || (clears && setId !== 0)) set.mode = iatt.mode | setId;
  return Object.keys(set).length === 0 ? undefined : set;
}

/** Sets attributes of a new object; without the ids if the brick squashes the caller, who then owns what it makes. */
async function setGiven(below: Xlator, frame: Frame, inode: Inode, set: SetAttr): Promise<{ after: Iatt | undefined }> {
  try {
    return await below.setattr(frame, inode, set);
  } catch (error) {
    const { uid, gid, ...rest } = set;
    if (errnoOf(error) !== 'EPERM' || (uid === undefined && gid === undefined)) throw error;
    return Object.keys(rest).length === 0 ? { after: undefined } : below.setattr(frame, inode, rest);
  }
}

/** Removes what was made, unless the name belongs to something else by now. */
async function undo({ below, frame, parent, name }: Making, { gfid, type }: Iatt): Promise<void> {
  try {
    const { iatt } = await below.lookup(frame, parent, name);
    if (!iatt.gfid.equals(gfid)) return;
    await (type === FileType.DIR ? below.rmdir(frame, parent, name) : below.unlink(frame, parent, name));
  } catch {
    // The failure that the caller is told says what is wrong.
  }
}
