import type { LogOptions } from '../log.ts';
import type { ConnectionLimits } from '../rpcsvc/limits/connection-limits.ts';

/** What a server is started with. It is plain data, since it is posted to the stages. */
export interface ServerConfig {
  /** The text of the volfile. */
  readonly text: string;
  /** The path of the volfile, for messages and for the relative paths in it. */
  readonly file: string;
  /** Options as `NAME.OPTION=VALUE`, which take precedence over the volfile. */
  readonly overrides: readonly string[];
  readonly stateDir: string;
  readonly log: LogOptions;
  /** The number of threads that answer calls, besides the main thread. */
  readonly stages: number;
  /** How long a stop waits for the calls under way, in milliseconds. */
  readonly graceMs: number;
  readonly limits: ConnectionLimits;
  /**
   * The port of the built-in portmapper, which listens on the same address as the server; `undefined` for no
   * portmapper.
   */
  readonly portmapperPort: number | undefined;
}
