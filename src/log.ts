import { createRequire } from 'node:module';
import pino from 'pino';
import { harmless } from './log-text.ts';

export type Log = pino.Logger;

export interface LogOptions {
  readonly level: string;
  /** Lines for people to read, in place of JSON. */
  readonly pretty: boolean;
  /** The file to append to, instead of standard error. */
  readonly file?: string;
  /** The descriptor of `file`, once it is open. */
  readonly fd?: number;
}

/** How much is kept that could not be written yet; further lines are dropped. */
const UNWRITTEN_CHARS_MAX = 1024 * 1024;

/** Makes a log with one line of JSON for each event, or one that people can read if `pretty` is set. */
export function makeLog({ level, pretty, file, fd }: LogOptions): Log {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  // Written synchronously, so that the last line before an exit is not lost.
  const destination = pino.destination({ dest: fd ?? file ?? 2, sync: true, maxLength: UNWRITTEN_CHARS_MAX });
  destination.on('error', () => {}); // a full disk or a closed terminal: lines are lost, the server goes on
  if (!pretty) return pino(options, { write: (line: string) => void destination.write(harmless(line)) });
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  const readable = prettyFactory({ colorize: file === undefined && process.stderr.isTTY });
  return pino(options, { write: (line: string) => void destination.write(harmless(readable(line))) });
}

/** A log that writes nothing, for tests and tools. */
export const silent: Log = pino({ enabled: false });
