import type { LogOptions } from '../log.ts';
import { once, textOf } from './flag-values.ts';
import { usageError } from './failure.ts';

/** The levels of pino, by pino's words and by GlusterFS's. */
const LEVELS: Readonly<Record<string, string>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  fatal: 'fatal',
  critical: 'fatal',
  none: 'silent',
};

function level(value: unknown): string | undefined {
  const text = once('--log-level', value);
  if (text === undefined) return undefined;
  const found = Object.hasOwn(LEVELS, text.toLowerCase()) ? LEVELS[text.toLowerCase()] : undefined;
  if (found !== undefined) return found;
  throw usageError(`expected one of ${Object.keys(LEVELS).join(', ')} for --log-level, found "${text}"`);
}

export const LOG_OPTIONS = {
  'log-level': {
    alias: 'L',
    type: 'string',
    coerce: level,
    describe: 'the least level that is logged: trace, debug, info, warn, error, fatal or none [info]',
  },
  'log-file': {
    alias: 'l',
    type: 'string',
    coerce: textOf('--log-file'),
    describe: 'log into this file [standard error]',
  },
  'log-pretty': { type: 'boolean', default: false, describe: 'log readable text, not JSON' },
} as const;

export interface LogArguments {
  readonly 'log-level'?: string | undefined;
  readonly 'log-file'?: string | undefined;
  readonly 'log-pretty': boolean;
}

export function logOptions(args: LogArguments): LogOptions {
  const file = args['log-file'];
  return { level: args['log-level'] ?? 'info', pretty: args['log-pretty'], ...(file === undefined ? {} : { file }) };
}
