/** Watches whether the directory that the brick serves is still the one at its path. */
import { fstat as fstatWithCallback } from 'node:fs';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errnoOf } from '../../../../errno.ts';
import type { Log } from '../../../../log.ts';
import { fsError } from '../../../../sys/failure.ts';

const fstat = promisify(fstatWithCallback);

/** How often the path is checked. It is also checked at every mount. */
const LOOK_MS = 2000;
/**
 * How many volumes a thread checks at a time, so that disks which do not answer leave threads of the pool to others.
 */
const POLLS_MAX = 4;
/**
 * The channel on which stages, each in a thread of its own, tell one another that a path now leads to another
 * directory.
 */
const CHANNEL = 'bricknfs: a served directory was replaced';

export interface RootWatchOptions {
  /** The path of the directory, as text and as the bytes that system calls take. */
  readonly directory: string;
  readonly path: Buffer;
  readonly log: Log;
  /**
   * Whether this is the first stage, which checks on behalf of all, so that a disk that does not answer blocks only one
   * thread of the pool.
   */
  readonly isFirst: boolean;
  /** Returns the descriptor of the directory that is served. */
  rootFd(): number;
  /** Makes the brick serve what is at the path now. */
  replace(): Promise<void>;
}

export class RootWatch {
  readonly #options: RootWatchOptions;
  /** How many volumes this thread is checking now, see {@link POLLS_MAX}. */
  static #polls = 0;
  #channel: InstanceType<typeof BroadcastChannel> | undefined;
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether there was no directory at the path when it was last checked. */
  #missing = false;
  /** Tells the operator that another directory has been found at the path. */
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

  /** One line for the operator if something is wrong, see `Xlator.trouble`. */
  get trouble(): string | undefined {
    return this.#missing ? `${this.#options.directory} is missing: it cannot be mounted` : this.#note;
  }

  /**
   * Checks the path; if another directory is there, it is served from then on. The check runs in the thread pool, whose
   * threads have the server's rights, and callers at the same time share one check.
   * @throws {FsError} ENOENT: there is no directory now
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

  /**
   * Checks the path and ignores errors, which are reported in the log, in {@link trouble}, and to clients that mount.
   */
  async #lookQuietly(): Promise<void> {
    await this.look().catch(() => {});
  }

  async #look(): Promise<void> {
    const { directory, path, log } = this.#options;
    const [own, here] = await Promise.all([fstat(this.#options.rootFd(), { bigint: true }), this.#here(path)]);
    if (here === undefined) {
      if (!this.#missing) log.warn({ directory }, 'the directory is missing: MNT is refused, handles of it still work');
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

  /** Returns the attributes of the directory at the path; `undefined` if there is none. */
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
