import type { LogOptions } from '../log.ts';
import type { ConnectionLimits } from '../rpcsvc/connection.ts';

/** What a server is started with; plain data, since it is posted to the stages. */
export interface ServerConfig {
  /** The volfile, */
  readonly text: string;
  /** its path, for messages and relative paths in it, */
  readonly file: string;
  /** and `NAME.OPTION=VALUE`s that go before it. */
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
