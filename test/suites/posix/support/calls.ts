/**
 * System calls by path, as the suite makes them. Each returns `OK` or the name of the errno. Those with a result return
 * the result in place of `OK`. Paths are latin1 strings, one character per byte.
 */
import { fstatSync, lstatSync, statSync, type BigIntStats } from 'node:fs';
import { ERRNO, type Errno, errnoOf } from '#src/errno.ts';
import { AT_EACCESS, AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, O_CREAT, O_WRONLY } from '#src/sys/constants.ts';
import { O_DIRECTORY, O_RDONLY, S_IFMT, UTIME_NOW, UTIME_OMIT } from '#src/sys/constants.ts';
import { DirentReader } from '#src/sys/files/dirents.ts';
import * as libc from '#src/sys/libc.ts';
import * as more from './bindings.ts';

export type Outcome = 'OK' | Errno;
/** A time in nanoseconds since 1970, or a special value of utimensat. */
export type When = bigint | 'now' | 'omit';

const O_TRUNC = 0o1000;
const NANO = 1_000_000_000n;

const CODES = new Map<number, Errno>();
for (const [code, number] of Object.entries(ERRNO)) if (!CODES.has(number)) CODES.set(number, code as Errno);

const c = (path: string): Buffer => Buffer.from(`${path}\0`, 'latin1');
const lastErrno = (): Errno => {
  const number = libc.errno();
  const code = CODES.get(number);
  if (code === undefined) throw new Error(`errno ${number} has no name`);
  return code;
};
const outcome = (result: number): Outcome => (result < 0 ? lastErrno() : 'OK');
const value = (result: number): number | Errno => (result < 0 ? lastErrno() : result);

export const open = (path: string, flags: number, mode = 0o644): number | Errno =>
  value(libc.openat(AT_FDCWD, c(path), flags, mode));
export const creat = (path: string, mode = 0o644): number | Errno => open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
export const close = (fd: number): Outcome => outcome(libc.close(fd));
/** Opens a file and closes it. */
export function tryOpen(path: string, flags: number, mode = 0o644): Outcome {
  const fd = open(path, flags, mode);
  return typeof fd === 'number' ? close(fd) : fd;
}

export const mkdir = (path: string, mode = 0o755): Outcome => outcome(libc.mkdirat(AT_FDCWD, c(path), mode));
/** Makes a node. `mode` includes the type. */
export const mknod = (path: string, mode: number, device = 0): Outcome =>
  outcome(libc.mknodat(AT_FDCWD, c(path), mode, device));
export const symlink = (target: string, path: string): Outcome => outcome(libc.symlinkat(c(target), AT_FDCWD, c(path)));
export const link = (from: string, to: string, flags = 0): Outcome =>
  outcome(libc.linkat(AT_FDCWD, c(from), AT_FDCWD, c(to), flags));
export const rename = (from: string, to: string): Outcome => outcome(libc.renameat(AT_FDCWD, c(from), AT_FDCWD, c(to)));
export const unlink = (path: string): Outcome => outcome(libc.unlinkat(AT_FDCWD, c(path), 0));
export const rmdir = (path: string): Outcome => outcome(libc.unlinkat(AT_FDCWD, c(path), AT_REMOVEDIR));

/** The target of a symlink, or `{ error }`, also for an object that is not a symlink. */
export function readlink(path: string): { target: string } | { error: Errno } {
  const into = Buffer.alloc(5000);
  const length = libc.readlinkat(AT_FDCWD, c(path), into, into.length);
  return length < 0 ? { error: lastErrno() } : { target: into.toString('latin1', 0, length) };
}

export const chmod = (path: string, mode: number): Outcome => outcome(libc.chmod(c(path), mode));
export const fchmod = (fd: number, mode: number): Outcome => outcome(more.fchmod(fd, mode));
/** Changes uid and gid. -1 leaves one unchanged. */
export const chown = (path: string, uid: number, gid: number): Outcome =>
  outcome(more.chown(c(path), uid >>> 0, gid >>> 0));
export const lchown = (path: string, uid: number, gid: number): Outcome =>
  outcome(more.lchown(c(path), uid >>> 0, gid >>> 0));
export const fchown = (fd: number, uid: number, gid: number): Outcome => outcome(more.fchown(fd, uid >>> 0, gid >>> 0));
export const truncate = (path: string, size: number): Outcome => outcome(more.truncate(c(path), size));
export const ftruncate = (fd: number, size: number): Outcome => outcome(libc.ftruncate(fd, size));

function timespecs(times: readonly [When, When] | undefined): Buffer {
  const buffer = Buffer.alloc(32);
  (times ?? ['now', 'now']).forEach((time, index) => {
    const isTime = typeof time === 'bigint';
    // tv_nsec is never negative, also for times before 1970.
    const nsec = isTime ? ((time % NANO) + NANO) % NANO : BigInt(time === 'now' ? UTIME_NOW : UTIME_OMIT);
    buffer.writeBigInt64LE(isTime ? (time - nsec) / NANO : 0n, index * 16);
    buffer.writeBigInt64LE(nsec, index * 16 + 8);
  });
  return buffer;
}
/** Sets atime and mtime. */
export const utimens = (path: string, times?: readonly [When, When], follow = true): Outcome =>
  outcome(libc.utimensat(AT_FDCWD, c(path), timespecs(times), follow ? 0 : AT_SYMLINK_NOFOLLOW));
export const futimens = (fd: number, times?: readonly [When, When]): Outcome =>
  outcome(more.futimens(fd, timespecs(times)));

/** Checks access by the real ids. */
export const access = (path: string, mode: number): Outcome => outcome(more.access(c(path), mode));
/** Checks access by the effective ids. */
export const eaccess = (path: string, mode: number): Outcome =>
  outcome(libc.faccessat2(AT_FDCWD, c(path), mode, AT_EACCESS));
export const chdir = (path: string): Outcome => outcome(more.chdir(c(path)));

export interface Space {
  readonly nameMax: number;
  readonly blocks: bigint;
  readonly free: bigint;
  readonly available: bigint;
  /** The number of inodes. */
  readonly files: bigint;
  readonly filesFree: bigint;
}
export function statfs(path: string): Space | Errno {
  const into = Buffer.alloc(120);
  if (more.statfs(c(path), into) < 0) return lastErrno();
  return {
    nameMax: Number(into.readBigUInt64LE(64)),
    blocks: into.readBigUInt64LE(16),
    free: into.readBigUInt64LE(24),
    available: into.readBigUInt64LE(32),
    files: into.readBigUInt64LE(40),
    filesFree: into.readBigUInt64LE(48),
  };
}

/** All names including `.` and `..`, as often as they are listed. */
export function readdir(path: string): string[] | Errno {
  const fd = open(path, O_RDONLY | O_DIRECTORY);
  if (typeof fd !== 'number') return fd;
  try {
    return readdirFd(fd);
  } finally {
    close(fd);
  }
}
export function readdirFd(fd: number): string[] | Errno {
  const entries = entriesOf(fd);
  return typeof entries === 'string' ? entries : entries.map(([name]) => name);
}
/** All names with the inode numbers of the listing. */
export function inodes(path: string): [name: string, ino: bigint][] | Errno {
  const fd = open(path, O_RDONLY | O_DIRECTORY);
  if (typeof fd !== 'number') return fd;
  try {
    return entriesOf(fd);
  } finally {
    close(fd);
  }
}
function entriesOf(fd: number): [string, bigint][] | Errno {
  const reader = new DirentReader();
  const entries: [string, bigint][] = [];
  for (;;) {
    const found = reader.next(fd);
    if (found < 0) return lastErrno();
    if (found === 0) return entries;
    entries.push([reader.name, reader.ino]);
  }
}
/** Sets the position of a directory's descriptor back to its start. */
export const rewind = (fd: number): Outcome => outcome(libc.lseek(fd, 0, 0));

export const read = (fd: number, count: number): string | { error: Errno } => {
  const into = Buffer.alloc(count);
  const length = more.read(fd, into, count);
  return length < 0 ? { error: lastErrno() } : into.toString('latin1', 0, length);
};
export const pread = (fd: number, count: number, offset: number): string | { error: Errno } => {
  const into = Buffer.alloc(count);
  const length = libc.pread(fd, into, count, offset);
  return length < 0 ? { error: lastErrno() } : into.toString('latin1', 0, length);
};
/** Returns how many bytes were written. */
export const write = (fd: number, text: string | Buffer): number | Errno => {
  const bytes = Buffer.from(text as string, 'latin1');
  return value(more.write(fd, bytes, bytes.length));
};
export const pwrite = (fd: number, text: string, offset: number): number | Errno => {
  const bytes = Buffer.from(text, 'latin1');
  return value(libc.pwrite(fd, bytes, bytes.length, offset));
};
export const fsync = (fd: number): Outcome => outcome(more.fsync(fd));

export interface Attributes {
  /** The bits of S_IFMT. */
  readonly type: number;
  /** The other twelve bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly ino: bigint;
  readonly dev: bigint;
  readonly rdev: bigint;
  readonly size: number;
  /** In nanoseconds since 1970. */
  readonly atime: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
}

function attributes(ask: () => BigIntStats): Attributes | Errno {
  try {
    const found = ask();
    return {
      type: Number(found.mode) & S_IFMT,
      mode: Number(found.mode) & 0o7777,
      uid: Number(found.uid),
      gid: Number(found.gid),
      nlink: Number(found.nlink),
      ino: BigInt.asUintN(64, found.ino), // Node.js takes the larger ones for negative
      dev: found.dev,
      rdev: found.rdev,
      size: Number(found.size),
      atime: found.atimeNs,
      mtime: found.mtimeNs,
      ctime: found.ctimeNs,
    };
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    return code;
  }
}
const bytes = (path: string): Buffer => Buffer.from(path, 'latin1');
export const stat = (path: string): Attributes | Errno => attributes(() => statSync(bytes(path), { bigint: true }));
export const lstat = (path: string): Attributes | Errno => attributes(() => lstatSync(bytes(path), { bigint: true }));
export const fstat = (fd: number): Attributes | Errno => attributes(() => fstatSync(fd, { bigint: true }));
