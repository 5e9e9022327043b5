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
  /** The numbers of what could not be opened again in this graph. */
  readonly #lost = new Set<number>();
  #last = 0;

  /** With `before`, the fds of another graph, of which the kernel goes on to use the numbers: see {@link put}. */
  constructor(volume: Volume, before?: OpenFiles) {
    this.#volume = volume;
    this.#release = releaseOf(volume.top);
    if (before === undefined) return;
    this.#last = before.#last;
    for (const number of before.#lost) this.#lost.add(number);
  }

  get count(): number {
    return this.#byNumber.size;
  }

  /** All that is open. */
  entries(): (readonly [number: number, fd: Fd])[] {
    return [...this.#byNumber];
  }

  /** Makes the fd of what was opened, and returns its number. */
  add(inode: Inode, flags: number, opened: Opened): number {
    this.put(++this.#last, inode, flags, opened);
    return this.#last;
  }

  /** Makes the fd of what was opened again, under the number that it had in the graph before. */
  put(number: number, inode: Inode, flags: number, { notes }: Opened): Fd {
    const fd = new Fd(this.#volume.table.ref(inode), flags, notes);
    this.#byNumber.set(number, fd);
    return fd;
  }

  /** Closes what was opened again, and is not wanted any more. */
  drop(inode: Inode, flags: number, { notes }: Opened): void {
    this.#release(new Fd(inode, flags, notes));
  }

  /** What has the number cannot be used any more: it was not opened again, or its locks were lost. */
  lose(number: number): Fd | undefined {
    const fd = this.release(number);
    this.#lost.add(number);
    return fd;
  }

  /** @throws {FsError} EBADF: nothing is open under this number; EBADFD: what was is lost */
  of(number: number): Fd {
    const fd = this.#byNumber.get(number);
    if (this.#lost.has(number)) throw new FsError('EBADFD', 'it could not be opened again with the new volfile');
    if (fd === undefined) throw new FsError('EBADF', 'no open file of this number');
    return fd;
  }

  /** An fd of the inode, if it is open. This looks through all fds. */
  anyOf(inode: Inode): Fd | undefined {
    return this.#byNumber.values().find(fd => fd.inode === inode);
  }

  /** Returns the fd that had the number. */
  release(number: number): Fd | undefined {
    this.#lost.delete(number);
    const fd = this.#byNumber.get(number);
    if (fd === undefined) return undefined;
    this.#byNumber.delete(number);
    this.#release(fd);
    this.#volume.table.unref(fd.inode);
    return fd;
  }

  /** Releases everything, when the mount is gone. */
  clear(): void {
    for (const number of this.#byNumber.keys()) this.release(number);
  }
}
