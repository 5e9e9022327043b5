/** CREATE of a name that is taken, and the verifier of exclusive creation (RFC 1813, 3.3.8). */
import type { CreateHow } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { ERRNO } from '../../../../errno.ts';
import { O_EXCL, O_TRUNC, S_IFMT, S_IFREG } from '../../../../sys/constants.ts';
import { fsError, systemError } from '../../../../sys/failure.ts';
import { setTimes } from '../../../../sys/files/attributes.ts';
import { asCaller, uidOf } from '../../../../sys/process/identity.ts';
import { errno } from '../../../../sys/libc.ts';
import { cName } from '../../../../sys/files/names.ts';
import { stat, statName } from '../../../../sys/files/statx.ts';
import { typeOfMode } from '../attributes.ts';
import type { Brick } from '../brick.ts';
import { mayOpen } from '../data/open.ts';
import { refuseOthers } from '../data/read.ts';
import type { PosixObject } from '../objects/object.ts';
import { truncateTo } from '../setattr.ts';

/**
 * The mode of a file that exclusive creation has made but not yet given its verifier; a mode that nothing else uses. A
 * server that is killed in between leaves it behind, and the client that asks again gets it.
 */
export const HALF_MADE = 0o1000;
const STARTED_MS = Date.now() - process.uptime() * 1000;

/** 31 bits for each time: what every file system keeps. */
const secondsOf = (verifier: Buffer, at: number): number => verifier.readUInt32BE(at) & 0x7fff_ffff;

/** The verifier is kept in the times, as knfsd does: they survive a restart, and the client sets them afterwards. */
export function keepVerifier(fd: number, verifier: Buffer): void {
  setTimes(fd, { sec: secondsOf(verifier, 4), nsec: 0 }, { sec: secondsOf(verifier, 0), nsec: 0 });
}

const hasVerifier = (verifier: Buffer): boolean =>
  stat.size === 0 && stat.mtime === secondsOf(verifier, 0) && stat.atime === secondsOf(verifier, 4);

/** Setting the verifier sets the ctime as well, to what none of the verifier's times is. */
const isUntouched = (): boolean =>
  stat.mtime === stat.ctime && stat.mtimeNsec === stat.ctimeNsec && stat.atime === stat.ctime;

const isHalfMade = ({ identity }: Frame): boolean =>
  (stat.mode & 0o7777) === HALF_MADE &&
  isUntouched() &&
  stat.size === 0 &&
  stat.nlink === 1 &&
  stat.uid === uidOf(identity) &&
  stat.ctime * 1000 + stat.ctimeNsec / 1e6 < STARTED_MS;

/**
 * Creates a file under a name that is taken, as `how` says, and opens it if there are `flags`. `undefined` if the object
 * that had the name is gone.
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
  if (statName(fd, bytes) < 0) {
    const number = errno();
    if (number === ERRNO.ENOENT) return undefined;
    throw systemError(number, 'create');
  }
  const isFile = (stat.mode & S_IFMT) === S_IFREG;
  const isNew = how.mode === 'guarded' || (how.mode === 'unchecked' && flags !== undefined && (flags & O_EXCL) !== 0);
  if (isNew || (how.mode === 'exclusive' && !isFile)) throw fsError('EEXIST', 'create');
  const object = objects.seen(fd, bytes);
  if (flags !== undefined) {
    refuseOthers(typeOfMode(stat.mode));
    mayOpen(object, objects.fd(object), frame.identity, flags);
  }
  if (how.mode === 'exclusive') {
    if (hasVerifier(how.verifier)) return object;
    if (!isHalfMade(frame)) throw fsError('EEXIST', 'create');
    keepVerifier(objects.fd(object), how.verifier);
  } else {
    // Of an existing file only the size is set, the way open(2) with O_CREAT has it. Anything else is left as it is.
    const truncates = flags !== undefined && (flags & O_TRUNC) !== 0;
    const size = how.attr.size ?? (truncates ? 0 : undefined);
    if (size !== undefined && isFile) truncateTo(brick, object, objects.fd(object), frame.identity, size);
  }
  objects.stat(object);
  return object;
}
