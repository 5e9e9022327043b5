import type { Fop, Fops } from '../../graph/fops.ts';
import type { Frame } from '../../graph/frame.ts';
import { choice, type ForeignTable, live, type OptionValues } from '../../graph/options.ts';
import { ALL_FOPS, Xlator, type XlatorSettings } from '../../graph/xlator.ts';
import { errnoOf } from '../../errno.ts';
import { fopList } from './fop-list.ts';
import { summaryOf } from './summary.ts';

/** GlusterFS's log levels, and ours. */
const LEVELS = { ERROR: 'error', WARNING: 'warn', INFO: 'info', DEBUG: 'debug', TRACE: 'trace' } as const;
const levels = Object.keys(LEVELS) as (keyof typeof LEVELS)[];

const options = {
  'include-ops': live(
    fopList({ default: ALL_FOPS, unset: 'all fops', aliases: ['fops', 'include'] }, 'The fops that are logged.'),
  ),
  'exclude-ops': live(fopList({ default: [], aliases: ['exclude'] }, 'Fops that are not logged.')),
  'force-log-level': live(
    choice(
      levels,
      { default: 'INFO' },
      'The level at which fops are logged. The log has them if --log-level lets this level through.',
    ),
  ),
};

const foreign: ForeignTable = {
  'history-size': { unused: 'a log is kept in place of a history' },
  'log-file': { unused: 'the log has what is traced' },
  'log-history': { unused: 'a log is kept in place of a history' },
};

type Values = OptionValues<typeof options>;

const levelOf = (values: Values) => LEVELS[values['force-log-level']];
const fopsOf = (values: Values): ReadonlySet<Fop> =>
  new Set(values['include-ops']).difference(new Set(values['exclude-ops']));

/** debug/trace: logs the fops that pass, with their arguments, their answers and how long they take. */
export class Trace extends Xlator<typeof options> {
  static readonly doc = 'Logs fops with their arguments, their answers and how long they take.';
  static readonly options = options;
  static readonly foreign = foreign;
  #level = levelOf(this.options);
  #fops = fopsOf(this.options);

  override reconfigure(settings: XlatorSettings<typeof options>): () => void {
    const change = super.reconfigure(settings);
    return () => {
      change();
      this.#level = levelOf(this.options);
      this.#fops = fopsOf(this.options);
    };
  }

  protected override wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    if (!this.#fops.has(fop) || !this.log.isLevelEnabled(this.#level)) return super.wind(fop, ...args);
    const sinceMs = performance.now();
    const reply = super.wind(fop, ...args);
    this.#watch(fop, args, reply, sinceMs);
    return reply;
  }

  #watch(fop: Fop, [frame, ...args]: unknown[], reply: Promise<unknown>, sinceMs: number): void {
    const { identity, client } = frame as Frame;
    const given = args.slice(0, args.findLastIndex(arg => arg !== undefined) + 1); // without optional arguments that were left out
    const call = `${fop}(${given.map(arg => summaryOf(arg)).join(', ')})`;
    const say = (answer: string) => {
      const us = Math.round((performance.now() - sinceMs) * 1000);
      this.log[this.#level]({ fop, uid: identity.uid, gid: identity.gid, client, us }, `${call} = ${answer}`);
    };
    reply.then(
      result => say(summaryOf(result)),
      (error: unknown) => say(errnoOf(error) ?? String(error)),
    );
  }
}
