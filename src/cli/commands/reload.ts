/** Reloads of the volfile: when a signal asks for one, and when glusterd has another volfile for a volume. */
import type { Log } from '../../log.ts';
import { Pace } from '../../glusterd/pace.ts';
import type { GlusterSource } from '../../glusterd/source.ts';
import { asServer } from '../../sys/process/identity.ts';
import type { LogFile } from '../log-file.ts';
import { readVolfile } from '../volfile-argument.ts';

/** glusterd often tells of one change several times, and may be busy with the next. */
const GATHER_MS = 100;

/** What runs a volfile, and can go on with another one. */
export interface Reloadable {
  /**
   * Replaces the volfile. The new one is read when earlier reloads have ended, so that the later one of two reloads never
   * brings an older text. If it fails, nothing has changed. With `ifOther`, a text that is the same as the present one
   * changes nothing either.
   * @throws {VolfileError}, or what `read` throws
   */
  reload(read: () => Promise<string>, ifOther?: boolean): Promise<void>;
}

export class Reloads {
  readonly #target: Reloadable;
  readonly #source: GlusterSource;
  readonly #log: Log;
  /** Why the last reload failed. */
  #failure: string | undefined;

  constructor(target: Reloadable, source: GlusterSource, log: Log) {
    this.#target = target;
    this.#source = source;
    this.#log = log;
  }

  /** What the operator should know of now, a line each. */
  get troubles(): readonly string[] {
    return [...this.#source.troubles, ...(this.#failure === undefined ? [] : [this.#failure])];
  }

  /** What SIGHUP asks for: opens the log file anew, which may have been renamed, and reloads the volfile if it may have changed. */
  async hangup(file: LogFile | undefined): Promise<void> {
    this.#log.info({ logFile: file?.path, volfile: this.#source.name }, 'SIGHUP');
    try {
      asServer(); // in a process that mounts this thread may have a caller's rights
      file?.reopen();
    } catch (err) {
      const why = (err as Error).message;
      this.#log.error({ err }, `cannot reopen the log file ${file!.path}, so the old file stays in use: ${why}`);
    }
    if (!this.#source.fixed) await this.#run(() => this.#target.reload(() => readVolfile(this.#source)));
  }

  /** Reloads whenever glusterd has another volfile than the one that is served. */
  follow(): void {
    let timer: NodeJS.Timeout | undefined;
    const read = () => {
      timer = undefined; // what changes from here on is read again
      return readVolfile(this.#source);
    };
    const pace = new Pace();
    const changed = () => {
      if (timer !== undefined) return;
      const wait = Math.max(GATHER_MS, pace.wait(performance.now()));
      timer = setTimeout(() => void this.#run(() => this.#target.reload(read, true)), wait).unref();
    };
    this.#source.watch(changed, (level, message) => this.#log[level](message));
  }

  /** If a reload fails, nothing has changed, and the log says why. */
  async #run(reload: () => Promise<void>): Promise<void> {
    try {
      await reload();
      this.#failure = undefined;
    } catch (error) {
      this.#failure = `the volfile was not reloaded, and nothing has changed: ${(error as Error).message}`;
      this.#log.error({ err: error }, this.#failure);
    }
  }
}
