/**
 * Locks on whole files (flock(2)). The kernel releases them when the process that holds them has ended, however it
 * ended.
 */
import { lstat, type FileHandle } from 'node:fs/promises';
import { ERRNO } from '../../errno.ts';
import { systemError } from '../failure.ts';
import { errno, flock } from '../libc.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes the lock for as long as `file` is open, and never waits. False if another process has it. Children do not inherit
 * it: Node opens all descriptors with O_CLOEXEC.
 * @throws {FsError} this file system has no locks
 */
export function tryLock(file: FileHandle): boolean {
  if (flock(file.fd, LOCK_EX | LOCK_NB) === 0) return true;
  const number = errno();
  if (number === ERRNO.EAGAIN) return false;
  throw systemError(number, 'flock');
}

/** Whether `path` still names the open file, and not another one that was put there since. */
export async function isStillAt(file: FileHandle, path: string): Promise<boolean> {
  const [own, found] = await Promise.all([file.stat({ bigint: true }), lstat(path, { bigint: true }).catch(() => {})]);
  return found !== undefined && found.ino === own.ino && found.dev === own.dev;
}
