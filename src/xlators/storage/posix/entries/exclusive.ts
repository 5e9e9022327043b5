/** CREATE with a name that exists, and the verifier of exclusive creation (RFC 1813, 3.3.8). */
import type { CreateHow } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { ERRNO } from '../../../../errno.ts';
import { O_EXCL, O_TRUNC, S_IFMT, S_IFREG } from '../../../../sys/constants.ts';
import { fsError, systemError } from '../../../../sys/failure.ts';
import { setTimes } from '../../../../sys/files/attributes.ts';
import { asCaller, uidOf } from '../../../../sys/process/identity.ts';
import { errno } from '../../../../sys/libc.ts';
import { cName } from '../../../../sys/files/names.ts';
import { type Stat, statName } from '../../../../sys/files/statx.ts';
import { typeOfMode } from '../attributes.ts';
import type { Brick } from '../brick.ts';
import { checkOpen } from '../data/open.ts';
import { requireFile } from '../data/read.ts';
import type { PosixObject } from '../objects/object.ts';
import { truncateTo } from '../setattr.ts';

/**
 * The mode of a file that exclusive creation has made and not yet given its verifier. Nothing else uses this mode. A server
 * that is killed in between leaves such a file behind, and the client that repeats its call gets it.
 */
export const HALF_MADE = 0o1000;
const STARTED_MS = Date.now() - process.uptime() * 1000;

/** Reads 31 bits of the verifier, which every file system can keep as a time in seconds. */
const secondsOf = (verifier: Buffer, at: number): number => verifier.readUInt32BE(at) & 0x7fff_ffff;

/**
 * Stores the verifier in the times, as knfsd does. They survive a restart, and the client sets them after the creation.
 */
export function keepVerifier(fd: number, verifier: Buffer): void {
  setTimes(fd, { sec: secondsOf(verifier, 4), nsec: 0 }, { sec: secondsOf(verifier, 0), nsec: 0 });
}

const hasVerifier = ({ size, mtime, atime }: Stat, verifier: Buffer): boolean =>
  size === 0 && mtime === secondsOf(verifier, 0) && atime === secondsOf(verifier, 4);

/** Whether the times are those of the creation. Setting the verifier makes them differ from the ctime. */
const isUntouched = ({ atime, mtime, mtimeNsec, ctime, ctimeNsec }: Stat): boolean =>
  mtime === ctime && mtimeNsec === ctimeNsec && atime === ctime;

const isHalfMade = (seen: Stat, { identity }: Frame): boolean =>
  (seen.mode & 0o7777) === HALF_MADE &&
  isUntouched(seen) &&
  seen.size === 0 &&
  seen.nlink === 1 &&
  seen.uid === uidOf(identity) &&
  seen.ctime * 1000 + seen.ctimeNsec / 1e6 < STARTED_MS;

/**
 * Creates a file with a name that exists, as `how` says, and opens it if there are `flags`. `undefined` if the object that
 * had the name is gone.
 */
export function existing(
  brick: Brick,
  frame: Frame,
  fd: number,
  name: string,
  how: CreateHow,
  flags?: number,
): PosixObject | undefined {
  const { objects } = brick;
  asCaller(frame.identity);
  const bytes = cName(name);
  const seen = statName(fd, bytes);
  if (seen === undefined) {
    const number = errno();
    if (number === ERRNO.ENOENT) return undefined;
    throw systemError(number, 'create');
  }
  const isFile = (seen.mode & S_IFMT) === S_IFREG;
  const isNew = how.mode === 'guarded' || (how.mode === 'unchecked' && flags !== undefined && (flags & O_EXCL) !== 0);
  if (isNew || (how.mode === 'exclusive' && !isFile)) throw fsError('EEXIST', 'create');
  const object = objects.named(fd, bytes, seen);
  if (flags !== undefined) {
    requireFile(typeOfMode(seen.mode));
    checkOpen(object, seen, objects.fd(object), frame.identity, flags);
  }
  if (how.mode === 'exclusive') {
    if (hasVerifier(seen, how.verifier)) return object;
    if (!isHalfMade(seen, frame)) throw fsError('EEXIST', 'create');
    keepVerifier(objects.fd(object), how.verifier);
  } else {
    // Of an existing file only the size is set, as open(2) does with O_CREAT. Everything else stays as it is.
    const truncates = flags !== undefined && (flags & O_TRUNC) !== 0;
    const size = how.attr.size ?? (truncates ? 0 : undefined);
    if (size !== undefined && isFile) truncateTo(brick, object, seen, frame.identity, size);
  }
  return object;
}
