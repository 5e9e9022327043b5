/** The files and directories that are open through the mount. */
import type { Opened } from '../../../graph/fops.ts';
import { FsError } from '../../../errno.ts';
import { Fd, type Inode } from '../../../graph/inode.ts';
import { releaseOf } from '../../../graph/subtree.ts';
import type { Volume } from '../../../master/volume.ts';

/** Numbers fds for the kernel. The inode of an fd is in use until the fd is released. */
export class OpenFiles {
  readonly #volume: Volume;
  readonly #release: (fd: Fd) => void;
  readonly #byNumber = new Map<number, Fd>();
  #last = 0;

  constructor(volume: Volume) {
    this.#volume = volume;
    this.#release = releaseOf(volume.top);
  }

  get count(): number {
    return this.#byNumber.size;
  }

  /** Makes the fd of what was opened, and returns its number. */
  add(inode: Inode, flags: number, { notes }: Opened): number {
    this.#byNumber.set(++this.#last, new Fd(this.#volume.table.ref(inode), flags, notes));
    return this.#last;
  }

  /** @throws {FsError} EBADF: nothing is open under this number */
  of(number: number): Fd {
    const fd = this.#byNumber.get(number);
    if (fd === undefined) throw new FsError('EBADF', 'no open file of this number');
    return fd;
  }

  /** An fd of the inode, if it is open. This looks through all fds. */
  anyOf(inode: Inode): Fd | undefined {
    return this.#byNumber.values().find(fd => fd.inode === inode);
  }

  release(number: number): void {
    const fd = this.#byNumber.get(number);
    if (fd === undefined) return;
    this.#byNumber.delete(number);
    this.#release(fd);
    this.#volume.table.unref(fd.inode);
  }

  /** Releases everything, when the mount is gone. */
  clear(): void {
    for (const number of this.#byNumber.keys()) this.release(number);
  }
}
