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

/** One JSON line for each event on standard error; `pretty` makes it readable instead. */
export function makeLog({ level, pretty, file }: LogOptions): Log {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  // In sync, so that the last line before an exit is there as well.
  const to = { sync: true, mkdir: true };
  if (!pretty) return pino(options, pino.destination({ ...to, dest: file ?? 2 }));
  const { build } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  return pino(options, build({ ...to, destination: file ?? 2, append: true, colorize: file === undefined }));
}

/** Says nothing, for tests and for tools. */
export const silent: Log = pino({ enabled: false });
