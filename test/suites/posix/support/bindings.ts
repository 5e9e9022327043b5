/** System calls that the suite makes and the server does not. Each returns -1 on failure, with the reason in errno. */
import koffi from 'koffi';

const libc = koffi.load(null);

type Fn<A extends readonly unknown[]> = (...args: A) => number;

const declare = <A extends readonly unknown[]>(definition: string) => libc.func(definition) as unknown as Fn<A>;

export const access = declare<[path: Buffer, mode: number]>('int access(const void *, int)');
export const chdir = declare<[path: Buffer]>('int chdir(const void *)');
export const chown = declare<[path: Buffer, uid: number, gid: number]>(
  'int chown(const void *, unsigned int, unsigned int)',
);
export const fchmod = declare<[fd: number, mode: number]>('int fchmod(int, unsigned int)');
export const fchown = declare<[fd: number, uid: number, gid: number]>('int fchown(int, unsigned int, unsigned int)');
export const fsync = declare<[fd: number]>('int fsync(int)');
export const futimens = declare<[fd: number, times: Buffer]>('int futimens(int, const void *)');
export const lchown = declare<[path: Buffer, uid: number, gid: number]>(
  'int lchown(const void *, unsigned int, unsigned int)',
);
export const read = declare<[fd: number, into: Buffer, count: number]>('int64_t read(int, void *, size_t)');
export const statfs = declare<[path: Buffer, into: Buffer]>('int statfs(const void *, void *)');
export const truncate = declare<[path: Buffer, size: number]>('int truncate(const void *, int64_t)');
export const write = declare<[fd: number, from: Buffer, count: number]>('int64_t write(int, const void *, size_t)');

/**
 * Called by number, because the functions of libc change the ids of all threads. Only those of this thread may change,
 * so that it can change them back and the thread pool keeps its own.
 */
const NR =
  process.arch === 'x64'
    ? { setgroups: 116, setresuid: 117, setresgid: 119 }
    : { setgroups: 159, setresuid: 147, setresgid: 149 };

const syscallIds = declare<[number, number, number, number]>(
  'long syscall(long, unsigned int, unsigned int, unsigned int)',
);
const syscallGroups = declare<[number, number, Buffer]>('long syscall(long, size_t, const void *)');

export const setresuid = (real: number, effective: number, saved: number): number =>
  syscallIds(NR.setresuid, real, effective, saved);
export const setresgid = (real: number, effective: number, saved: number): number =>
  syscallIds(NR.setresgid, real, effective, saved);
/** Sets the groups of this thread. `gids` holds `count` 32-bit numbers. */
export const setgroups = (count: number, gids: Buffer): number => syscallGroups(NR.setgroups, count, gids);
