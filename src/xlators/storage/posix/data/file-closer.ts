/**
 * Closes the descriptors of files. What was written through a descriptor is made durable first, since the kernel reports
 * errors of writing back only to descriptors that are open.
 */
import { close as closePooled, fdatasync } from 'node:fs';
import type { BrickWatch } from '../../../../graph/live/brick-watch.ts';
import { close } from '../../../../sys/libc.ts';
import type { Descriptor } from '../objects/descriptors.ts';
import type { PoolShare } from './pool-share.ts';

export interface FileCloserOptions {
  /** Writes wait while so many files are being closed. */
  readonly max: number;
  readonly pool: PoolShare;
  readonly watch: BrickWatch | undefined;
  /** Called when writing back has failed. */
  readonly dataLost: (error: Error) => void;
}

export class FileCloser {
  readonly #options: FileCloserOptions;
  readonly #closing = new Set<Promise<void>>();

  constructor(options: FileCloserOptions) {
    this.#options = options;
  }

  readonly close = ({ fd, dirty }: Descriptor): void => {
    const { pool, watch } = this.#options;
    if (!dirty && watch?.hangs !== true) {
      close(fd);
      return;
    }
    const closed = pool.run(() => this.#close(fd, dirty), true);
    this.#closing.add(closed);
    void closed.then(() => this.#closing.delete(closed));
  };

  #close(fd: number, dirty: boolean): Promise<void> {
    return new Promise(resolve => {
      if (!dirty) {
        closePooled(fd, () => resolve());
        return;
      }
      fdatasync(fd, error => {
        if (error) this.#options.dataLost(error);
        closePooled(fd, () => resolve());
      });
    });
  }

  /** Whether as many files as allowed are being closed. */
  get crowded(): boolean {
    return this.#closing.size >= this.#options.max;
  }

  /** Waits until one of the files is closed. */
  async room(): Promise<void> {
    await Promise.race(this.#closing);
  }

  /** Waits until all are closed. */
  async settled(): Promise<void> {
    while (this.#closing.size > 0) await Promise.all(this.#closing);
  }
}
