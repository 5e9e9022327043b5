/** The kernel's file handles (name_to_handle_at(2)), in one static buffer. */
import { AT_EMPTY_PATH, O_CLOEXEC, O_NOFOLLOW, O_PATH } from '../constants.ts';
import { ERRNO } from '../../errno.ts';
import { errno, nameToHandleAt, openByHandleAt } from '../libc.ts';
import { EMPTY } from './names.ts';

/** The most bytes of a handle (MAX_HANDLE_SZ). */
const BYTES_MAX = 128;
const HEAD = 8;

const scratch = Buffer.alloc(HEAD + BYTES_MAX);
const mountId = Buffer.alloc(8);

/**
 * Asks for the handle of the object called `name`, without following a symlink, or of `dirfd` itself. Returns 0, or -1 with
 * errno.
 */
export function takeHandle(dirfd: number, name?: Buffer): number {
  scratch.writeUInt32LE(BYTES_MAX, 0);
  return nameToHandleAt(dirfd, name ?? EMPTY, scratch, mountId, name === undefined ? AT_EMPTY_PATH : 0);
}

/** The handle that {@link takeHandle} has taken last. */
export const handle = {
  get length() {
    return scratch.readUInt32LE(0);
  },
  /** A small number for the kind of handle, which the file system chooses. */
  get type() {
    return scratch.readInt32LE(4);
  },
  /** A view, which must be copied if it is kept. */
  get bytes() {
    return scratch.subarray(HEAD, HEAD + scratch.readUInt32LE(0));
  },
};

/**
 * How often at most a handle is opened that is answered with ENOMEM. Linux answers so for a handle of an object that is gone while another
 * process makes an object that gets the same inode number; a moment later it answers ESTALE.
 */
const TRIES = 100;

/**
 * Opens a handle with O_PATH, on the file system of `mountFd`, which must not be an O_PATH descriptor. Returns -1 with
 * errno if that fails.
 */
export function openHandle(mountFd: number, type: number, bytes: Buffer, at: number, length: number): number {
  scratch.writeUInt32LE(length, 0);
  scratch.writeInt32LE(type, 4);
  bytes.copy(scratch, HEAD, at, at + length);
  for (let left = TRIES; ; left--) {
    const fd = openByHandleAt(mountFd, scratch, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 || left === 1 || errno() !== ERRNO.ENOMEM) return fd;
  }
}
