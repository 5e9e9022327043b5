/** Sets owner, mode and times of an object that is open, also with O_PATH. The functions throw an FsError. */
import { ERRNO } from '../../errno.ts';
import { AT_EMPTY_PATH, UTIME_NOW, UTIME_OMIT } from '../constants.ts';
import { lastError, systemError } from '../failure.ts';
import { chmod, errno, fchmodat2, fchownat, utimensat } from '../libc.ts';
import { EMPTY, procFd } from './names.ts';

/** A point in time: seconds since 1970, and nanoseconds. */
export interface Time {
  readonly sec: number;
  readonly nsec: number;
}

/** The uid and gid with which chown(2) leaves the owner or group as it is. */
const SAME = 0xffff_ffff;
const times = Buffer.alloc(32);
let hasFchmodat2 = true;

export function setOwner(fd: number, uid: number = SAME, gid: number = SAME): void {
  if (fchownat(fd, EMPTY, uid, gid, AT_EMPTY_PATH) < 0) throw lastError('chown');
}

export function setMode(fd: number, mode: number): void {
  if (hasFchmodat2) {
    if (fchmodat2(fd, EMPTY, mode, AT_EMPTY_PATH) === 0) return;
    const number = errno();
    if (number !== ERRNO.ENOSYS) throw systemError(number, 'chmod');
    hasFchmodat2 = false;
  }
  if (chmod(procFd(fd), mode) < 0) throw lastError('chmod');
}

export function setTimes(fd: number, atime: Time | 'now' | undefined, mtime: Time | 'now' | undefined): void {
  writeTime(atime, 0);
  writeTime(mtime, 16);
  if (utimensat(fd, EMPTY, times, AT_EMPTY_PATH) < 0) throw lastError('utimensat');
}

function writeTime(time: Time | 'now' | undefined, at: number): void {
  const set = typeof time === 'object';
  times.writeBigInt64LE(BigInt(set ? time.sec : 0), at);
  times.writeBigInt64LE(BigInt(set ? time.nsec : time === 'now' ? UTIME_NOW : UTIME_OMIT), at + 8);
}
