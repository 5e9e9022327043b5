/** Mounting and unmounting (mount(2), umount2(2)), which only root may do. */
import { bytesOfText } from '../../wire-text.ts';
import { systemError } from '../failure.ts';
import { declare, errno, pooled, type Ptr } from '../libc.ts';

export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_SYNCHRONOUS = 16;
export const MS_DIRSYNC = 128;
export const MS_NOATIME = 1024;
export const MS_NODIRATIME = 2048;
const MNT_DETACH = 2;

const mount2 = declare<[source: Ptr, target: Ptr, type: Ptr, flags: number, data: Ptr]>(
  'int mount(const void *, const void *, const void *, unsigned long, const void *)',
);
const umountPooled = pooled<[target: Ptr, flags: number]>('int umount2(const void *, int)');

const cPath = (path: string): Buffer => bytesOfText(`${path}\0`);

export interface MountCall {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly flags: number;
  /** The options of the file system, separated by commas. */
  readonly data: string;
}

/** @throws {FsError} */
export function mountNow({ source, target, type, flags, data }: MountCall): void {
  if (mount2(cPath(source), cPath(target), cPath(type), flags, cPath(data)) < 0) {
    throw systemError(errno(), `mount of ${source} on ${target}`);
  }
}

/** Takes the mount off its directory at once. It ends when no process uses it any more. @throws {FsError} */
export async function unmountLazily(target: string): Promise<void> {
  // In the thread pool, since this thread answers what the kernel still wants to write.
  const { result, errno: number } = await umountPooled(cPath(target), MNT_DETACH);
  if (result < 0) throw systemError(number, `umount of ${target}`);
}
