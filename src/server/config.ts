import type { LogOptions } from '../log.ts';
import type { ConnectionLimits } from '../rpcsvc/limits/connection-limits.ts';

/** What a server is started with; plain data, since it is posted to the stages. */
export interface ServerConfig {
  /** The text of the volfile. */
  readonly text: string;
  /** The path of the volfile, for messages and for the relative paths in it. */
  readonly file: string;
  /** Options as `NAME.OPTION=VALUE`, which take precedence over the volfile. */
  readonly overrides: readonly string[];
  readonly stateDir: string;
  readonly log: LogOptions;
  /** Threads that answer calls, besides the main thread. */
  readonly stages: number;
  /** How long a stop waits for the calls under way, in milliseconds. */
  readonly graceMs: number;
  readonly limits: ConnectionLimits;
  /** Where the built-in portmapper listens, if it is wanted: on the address of the others. */
  readonly portmapperPort: number | undefined;
}
