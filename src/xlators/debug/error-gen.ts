import { ERRNO, type Errno, FsError } from '../../errno.ts';
import type { Fop, Fops } from '../../graph/fops.ts';
import { type ForeignTable, integer, list, live, option, percent } from '../../graph/options.ts';
import { ALL_FOPS, Xlator, type XlatorSettings } from '../../graph/xlator.ts';
import { fopList } from './fop-list.ts';
import { randomFrom } from './random.ts';

const options = {
  failure: live(percent({ default: 0 }, 'The share of the calls that fails. Chance decides which.')),
  'error-no': live(
    option(
      { default: 'EIO' as Errno },
      'the name of an errno, such as EIO or ENOSPC',
      'The error that the calls fail with.',
      text => (Object.hasOwn(ERRNO, text.toUpperCase()) ? (text.toUpperCase() as Errno) : undefined),
    ),
  ),
  enable: live(
    fopList({ default: ALL_FOPS, unset: 'all fops', aliases: ['fops', 'error-fops'] }, 'The fops that may fail.'),
  ),
  nth: live(
    list(
      integer({ default: 1, min: 1, max: 2 ** 31 }, 'The number of a call.'),
      { default: [] },
      'The numbers of the calls that fail, counted from 1 over the fops that may fail.',
    ),
  ),
  seed: integer(
    { default: 1, min: 0, max: 2 ** 31 - 1 },
    'The seed of the random numbers. With the same seed the same calls fail.',
  ),
};

const foreign: ForeignTable = { 'random-failure': { unused: 'failures are random unless nth is set' } };

/** debug/error-gen: fails some of the calls instead of passing them on. */
export class ErrorGen extends Xlator<typeof options> {
  static readonly doc = 'Fails some of the calls, by chance or by number.';
  static readonly options = options;
  static readonly foreign = foreign;
  #fops: ReadonlySet<Fop> = new Set(this.options.enable);
  #nth: ReadonlySet<number> = new Set(this.options.nth);
  #share: number = this.options.failure / 100;
  /** Seeded with the stage, so that the stages of a server fail different calls. */
  readonly #random: () => number = randomFrom(this.options.seed + this.env.stage);
  #calls = 0;

  override reconfigure(settings: XlatorSettings<typeof options>): () => void {
    const change = super.reconfigure(settings);
    return () => {
      change();
      this.#calls = 0;
      this.#fops = new Set(this.options.enable);
      this.#nth = new Set(this.options.nth);
      this.#share = this.options.failure / 100;
    };
  }

  protected override wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    if (!this.#fops.has(fop)) return super.wind(fop, ...args);
    const call = ++this.#calls;
    if (!this.#nth.has(call) && (this.#share === 0 || this.#random() >= this.#share)) return super.wind(fop, ...args);
    const code = this.options['error-no'];
    return Promise.reject(new FsError(code, `${code}: ${this.name} fails call ${call}`)) as ReturnType<Fops[F]>;
  }
}
