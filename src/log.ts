import pino from 'pino';

export type Log = pino.Logger;

export interface LogOptions {
  readonly level: string;
  /** For people, not for machines. */
  readonly pretty: boolean;
}

/** One JSON line for each event on standard error; `pretty` makes it readable instead. */
export function makeLog({ level, pretty }: LogOptions): Log {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (pretty) {
    const transport = { target: 'pino-pretty', options: { destination: 2, ignore: 'pid,hostname' } };
    return pino({ level, transport });
  }
  return pino(options, pino.destination({ dest: 2, sync: true }));
}

/** Says nothing, for tests and for tools. */
export const silent: Log = pino({ enabled: false });
