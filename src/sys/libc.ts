/**
 * The system calls that Node does not have, through koffi. They are synchronous and cost 0.3 to 2 µs. Each returns -1 on
 * failure, with the reason in {@link errno}. Paths and names are bytes that end in NUL: see names.ts.
 */
import koffi from 'koffi';

if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) {
  throw new Error(`system calls are known for Linux on x64 and arm64, this is ${process.platform} on ${process.arch}`);
}

const libc = koffi.load(null);

type Fn<A extends readonly unknown[]> = (...args: A) => number;
export type Ptr = Buffer | Uint8Array;

/** Returns the function of libc with this C declaration. */
export const declare = <A extends readonly unknown[]>(definition: string) => libc.func(definition) as unknown as Fn<A>;

/** Returns the reason of the last failure. It must be called before any other call. */
export const errno: () => number = koffi.errno;

export const openat = declare<[dirfd: number, path: Ptr, flags: number, mode: number]>(
  'int openat(int, const void *, int, unsigned int)',
);
export const close = declare<[fd: number]>('int close(int)');
/**
 * Returns the address of memory. It must have more than 64 bytes, since V8 moves smaller buffers. Passing an address to a
 * call costs less than passing a buffer.
 */
export const addressOf = (memory: ArrayBuffer): number => Number(koffi.address(memory));
/** `into` is an address. */
export const statx = declare<[dirfd: number, path: Ptr, flags: number, mask: number, into: number]>(
  'int statx(int, const void *, int, unsigned int, uintptr_t)',
);
/** `path` and `into` are addresses. */
export const statxAt = declare<[dirfd: number, path: number, flags: number, mask: number, into: number]>(
  'int statx(int, uintptr_t, int, unsigned int, uintptr_t)',
);
export const fstatfs = declare<[fd: number, into: Ptr]>('int fstatfs(int, void *)');
export const readlinkat = declare<[dirfd: number, path: Ptr, into: Ptr, size: number]>(
  'int64_t readlinkat(int, const void *, void *, size_t)',
);

export const mkdirat = declare<[dirfd: number, path: Ptr, mode: number]>(
  'int mkdirat(int, const void *, unsigned int)',
);
export const mknodat = declare<[dirfd: number, path: Ptr, mode: number, device: number | bigint]>(
  'int mknodat(int, const void *, unsigned int, uint64_t)',
);
export const symlinkat = declare<[target: Ptr, dirfd: number, path: Ptr]>(
  'int symlinkat(const void *, int, const void *)',
);
export const linkat = declare<[fromFd: number, from: Ptr, toFd: number, to: Ptr, flags: number]>(
  'int linkat(int, const void *, int, const void *, int)',
);
export const unlinkat = declare<[dirfd: number, path: Ptr, flags: number]>('int unlinkat(int, const void *, int)');
export const renameat = declare<[fromFd: number, from: Ptr, toFd: number, to: Ptr]>(
  'int renameat(int, const void *, int, const void *)',
);

export const fchownat = declare<[dirfd: number, path: Ptr, uid: number, gid: number, flags: number]>(
  'int fchownat(int, const void *, unsigned int, unsigned int, int)',
);
export const chmod = declare<[path: Ptr, mode: number]>('int chmod(const void *, unsigned int)');
export const utimensat = declare<[dirfd: number, path: Ptr, times: Ptr, flags: number]>(
  'int utimensat(int, const void *, const void *, int)',
);
export const getrusage = declare<[who: number, into: Ptr]>('int getrusage(int, void *)');
export const umask = declare<[mask: number]>('unsigned int umask(unsigned int)');
export const flock = declare<[fd: number, operation: number]>('int flock(int, int)');
export const ftruncate = declare<[fd: number, size: number]>('int ftruncate(int, int64_t)');

export const pread = declare<[fd: number, into: Ptr, count: number, offset: number]>(
  'int64_t pread(int, void *, size_t, int64_t)',
);
export const preadv2 = declare<[fd: number, iovec: Ptr, count: number, offset: number, flags: number]>(
  'int64_t preadv2(int, const void *, int, int64_t, int)',
);
export const pwrite = declare<[fd: number, from: Ptr, count: number, offset: number]>(
  'int64_t pwrite(int, const void *, size_t, int64_t)',
);
/** `into` and `from` are addresses. */
export const readAt = declare<[fd: number, into: number, count: number]>('int64_t read(int, uintptr_t, size_t)');
export const writeAt = declare<[fd: number, from: number, count: number]>('int64_t write(int, uintptr_t, size_t)');
export const lseek = declare<[fd: number, offset: number | bigint, whence: number]>('int64_t lseek(int, int64_t, int)');

export const getxattr = declare<[path: Ptr, name: Ptr, into: Ptr | null, size: number]>(
  'int64_t getxattr(const void *, const void *, void *, size_t)',
);
export const setxattr = declare<[path: Ptr, name: Ptr, value: Ptr, size: number, flags: number]>(
  'int setxattr(const void *, const void *, const void *, size_t, int)',
);
export const listxattr = declare<[path: Ptr, into: Ptr | null, size: number]>(
  'int64_t listxattr(const void *, void *, size_t)',
);
export const removexattr = declare<[path: Ptr, name: Ptr]>('int removexattr(const void *, const void *)');

export const nameToHandleAt = declare<[dirfd: number, path: Ptr, handle: Ptr, mountId: Ptr, flags: number]>(
  'int name_to_handle_at(int, const void *, void *, void *, int)',
);
export const openByHandleAt = declare<[mountFd: number, handle: Ptr, flags: number]>(
  'int open_by_handle_at(int, const void *, int)',
);
export const prlimit = declare<[pid: number, resource: number, set: null, into: Ptr]>(
  'int prlimit(int, int, const void *, void *)',
);

export const ioctl = declare<[fd: number, request: number, into: Ptr]>('int ioctl(int, unsigned long, void *)');

/** Declares a call that runs in the thread pool, with the server's own identity and without blocking the event loop. */
export const pooled = <A extends readonly unknown[]>(definition: string) => {
  const call = libc.func(definition);
  return (...args: A): Promise<{ result: number; errno: number }> =>
    new Promise((resolve, reject) => {
      call.async(...args, (error: Error | null, result: number) => {
        if (error) reject(error);
        else resolve({ result, errno: result < 0 ? koffi.errno() : 0 });
      });
    });
};

export const fallocatePooled = pooled<[fd: number, mode: number, offset: number, length: number]>(
  'int fallocate(int, int, int64_t, int64_t)',
);
export const syncfsPooled = pooled<[fd: number]>('int syncfs(int)');

/** The numbers of calls that libc lacks, or that it makes for all threads at once (set*id). */
const NR =
  process.arch === 'x64'
    ? { getdents64: 217, renameat2: 316, setgroups: 116, setfsuid: 122, setfsgid: 123, capget: 125, capset: 126 }
    : { getdents64: 61, renameat2: 276, setgroups: 159, setfsuid: 151, setfsgid: 152, capget: 90, capset: 91 };
const NR_FACCESSAT2 = 439;
const NR_FCHMODAT2 = 452;

const syscall1 = declare<[number, number]>('long syscall(long, unsigned int)');
const syscallGroups = declare<[number, number, Ptr]>('long syscall(long, size_t, const void *)');
const syscallCaps = declare<[number, Ptr, Ptr]>('long syscall(long, void *, void *)');
const syscallDents = declare<[number, number, Ptr, number]>('long syscall(long, int, void *, size_t)');
const syscallAccess = declare<[number, number, Ptr, number, number]>('long syscall(long, int, const void *, int, int)');
const syscallRename = declare<[number, number, Ptr, number, Ptr, number]>(
  'long syscall(long, int, const void *, int, const void *, unsigned int)',
);
const syscallChmod = declare<[number, number, Ptr, number, number]>(
  'long syscall(long, int, const void *, unsigned int, int)',
);

/** For this thread only. Returns the previous id, even if it fails: a call with -1 returns the present one. */
export const setfsuid = (uid: number): number => syscall1(NR.setfsuid, uid);
/** Like {@link setfsuid}. */
export const setfsgid = (gid: number): number => syscall1(NR.setfsgid, gid);
/** For this thread only. `gids` holds `count` 32-bit numbers. */
export const setgroups = (count: number, gids: Ptr): number => syscallGroups(NR.setgroups, count, gids);
/** For this thread only. */
export const capget = (header: Ptr, data: Ptr): number => syscallCaps(NR.capget, header, data);
/** For this thread only. */
export const capset = (header: Ptr, data: Ptr): number => syscallCaps(NR.capset, header, data);
export const getdents64 = (fd: number, into: Ptr, size: number): number => syscallDents(NR.getdents64, fd, into, size);
/** The wrapper in libc is younger than the call. */
export const renameat2 = (fromFd: number, from: Ptr, toFd: number, to: Ptr, flags: number): number =>
  syscallRename(NR.renameat2, fromFd, from, toFd, to, flags);
export const faccessat2 = (dirfd: number, path: Ptr, mode: number, flags: number): number =>
  syscallAccess(NR_FACCESSAT2, dirfd, path, mode, flags);
/** ENOSYS before Linux 6.6. */
export const fchmodat2 = (dirfd: number, path: Ptr, mode: number, flags: number): number =>
  syscallChmod(NR_FCHMODAT2, dirfd, path, mode, flags);
