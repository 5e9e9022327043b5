import { createRequire } from 'node:module';
import pino from 'pino';
import { harmless } from './log-text.ts';

export type Log = pino.Logger;

export interface LogOptions {
  readonly level: string;
  /** For people, not for machines. */
  readonly pretty: boolean;
  /** Where to, instead of standard error; it is appended to. */
  readonly file?: string;
  /** The descriptor of `file`, once it is open. */
  readonly fd?: number;
}

/** What could not be written; more is dropped. */
const UNWRITTEN_CHARS_MAX = 1024 * 1024;

/** One JSON line for each event on standard error; `pretty` makes it readable instead. */
export function makeLog({ level, pretty, file, fd }: LogOptions): Log {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  // In sync, so that the last line before an exit is there as well.
  const destination = pino.destination({ dest: fd ?? file ?? 2, sync: true, maxLength: UNWRITTEN_CHARS_MAX });
  destination.on('error', () => {}); // a full disk or a closed terminal: lines are lost, the server goes on
  if (!pretty) return pino(options, { write: (line: string) => void destination.write(harmless(line)) });
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  const readable = prettyFactory({ colorize: file === undefined && process.stderr.isTTY });
  return pino(options, { write: (line: string) => void destination.write(harmless(readable(line))) });
}

/** Says nothing, for tests and for tools. */
export const silent: Log = pino({ enabled: false });
