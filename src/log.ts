import { createRequire } from 'node:module';
import pino from 'pino';

export type Log = pino.Logger;

export interface LogOptions {
  readonly level: string;
  /** For people, not for machines. */
  readonly pretty: boolean;
  /** Where to, instead of standard error; it is appended to. */
  readonly file?: string;
}

/** What could not be written; more is dropped. */
const UNWRITTEN_CHARS_MAX = 1024 * 1024;

/** One JSON line for each event on standard error; `pretty` makes it readable instead. */
export function makeLog({ level, pretty, file }: LogOptions): Log {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  // In sync, so that the last line before an exit is there as well.
  const to = { sync: true, maxLength: UNWRITTEN_CHARS_MAX };
  if (!pretty) {
    const destination = pino.destination({ ...to, dest: file ?? 2 });
    destination.on('error', () => {}); // a full disk or a closed terminal: lines are lost, the server goes on
    return pino(options, destination);
  }
  const { build } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  return pino(options, build({ ...to, destination: file ?? 2, append: true, colorize: file === undefined }));
}

/** Says nothing, for tests and for tools. */
export const silent: Log = pino({ enabled: false });
