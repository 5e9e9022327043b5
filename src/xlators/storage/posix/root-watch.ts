/** Whether the directory that the brick serves is still the one at its path. */
import { fstat as fstatWithCallback } from 'node:fs';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errnoOf } from '../../../errno.ts';
import type { Log } from '../../../log.ts';
import { fsError } from '../../../sys/failure.ts';

const fstat = promisify(fstatWithCallback);

/** How often the path is looked at, beside when somebody mounts. */
const LOOK_MS = 2000;
/** How many volumes of a thread are looked at at a time, so that disks which do not answer leave the pool to others. */
const POLLS_MAX = 4;
/** By which the stages, each in a thread of its own, tell one another that there is something else at a path. */
const CHANNEL = 'bricknfs: a served directory was replaced';

export interface RootWatchOptions {
  readonly directory: string;
  readonly path: Buffer;
  readonly log: Log;
  /** The first stage looks for all, so that a disk that does not answer holds up no more than one thread of the pool. */
  readonly isFirst: boolean;
  /** The descriptor of the directory that is served. */
  rootFd(): number;
  /** Serves what is at the path now. */
  replace(): Promise<void>;
}

export class RootWatch {
  readonly #options: RootWatchOptions;
  static #polls = 0;
  #channel: InstanceType<typeof BroadcastChannel> | undefined;
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #missing = false;
  #note: string | undefined;

  constructor(options: RootWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#channel = new BroadcastChannel(CHANNEL);
    this.#channel.unref();
    this.#channel.addEventListener('message', event => {
      if ((event as MessageEvent).data === this.#options.directory) void this.#lookQuietly();
    });
    if (!this.#options.isFirst) return;
    this.#timer = setInterval(() => void this.#poll(), LOOK_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#channel?.close();
    await this.#looking?.catch(() => {});
  }

  /** What there is to tell people. */
  get trouble(): string | undefined {
    return this.#missing ? `${this.#options.directory} is missing: it cannot be mounted` : this.#note;
  }

  /**
   * Looks at the path: another directory there is served from then on. In the thread pool, whose threads have the
   * server's rights; one look at a time, whoever asks. @throws {FsError} ENOENT: there is no directory now
   */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #poll(): Promise<void> {
    if (RootWatch.#polls >= POLLS_MAX || this.#looking !== undefined) return;
    RootWatch.#polls++;
    await this.#lookQuietly();
    RootWatch.#polls--;
  }

  /** What is wrong shows in the log, in {@link trouble}, and to those who mount. */
  async #lookQuietly(): Promise<void> {
    await this.look().catch(() => {});
  }

  async #look(): Promise<void> {
    const { directory, path, log } = this.#options;
    const [own, here] = await Promise.all([fstat(this.#options.rootFd(), { bigint: true }), this.#here(path)]);
    if (here === undefined) {
      if (!this.#missing) log.warn({ directory }, 'the directory is missing: MNT is refused, handles of it go on');
      this.#missing = true;
      throw fsError('ENOENT', `${directory} is missing`);
    }
    if (this.#missing) log.info({ directory }, 'there is a directory again');
    this.#missing = false;
    if (here.dev === own.dev && here.ino === own.ino) return;
    const what = here.dev === own.dev ? 'another directory' : 'another file system';
    try {
      await this.#options.replace();
    } catch (error) {
      log.error({ err: error, directory }, `${what} is at the path of the volume, and cannot be served`);
      throw error;
    }
    this.#channel?.postMessage(directory);
    log.warn(
      { directory },
      `${what} is at the path of the volume: it is served now, handles given out before are stale`,
    );
    this.#note = `${what} was found at ${directory} at ${new Date().toISOString()}, and is served since then`;
  }

  async #here(path: Buffer) {
    try {
      const found = await stat(path, { bigint: true });
      return found.isDirectory() ? found : undefined;
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  }
}
