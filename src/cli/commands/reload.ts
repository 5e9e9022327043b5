/** Reloads of the volfile: when a signal asks for one, and when glusterd has another volfile for a volume. */
import type { Log } from '../../log.ts';
import { Pace } from '../../glusterd/pace.ts';
import type { GlusterSource } from '../../glusterd/source.ts';
import type { Server } from '../../server/server.ts';
import { readVolfile } from '../volfile-argument.ts';
import { warningOf } from './banner.ts';

/** glusterd often tells of one change several times, and may be busy with the next. */
const GATHER_MS = 100;

export class Reloads {
  readonly #server: Server;
  readonly #source: GlusterSource;
  readonly #log: Log;
  /** Why the last reload failed. */
  #failure: string | undefined;

  constructor(server: Server, source: GlusterSource, log: Log) {
    this.#server = server;
    this.#source = source;
    this.#log = log;
    server.troubles = () => [...source.troubles, ...(this.#failure === undefined ? [] : [this.#failure])];
  }

  /** Reloads the volfile. If that fails, nothing has changed, and the log says why. */
  reload(): Promise<void> {
    return this.#run(async () => {
      await this.#server.reload(() => readVolfile(this.#source));
      const warning = warningOf(this.#server);
      if (warning !== undefined) this.#log.warn(warning);
    });
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
      timer = setTimeout(() => void this.#run(() => this.#server.reload(read, true)), wait).unref();
    };
    this.#source.watch(changed, (level, message) => this.#log[level](message));
  }

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
