import { setTimeout as sleep } from 'node:timers/promises';
import type { Fop, Fops } from '../../graph/fops.ts';
import { integer, live, percent } from '../../graph/options.ts';
import { ALL_FOPS, Xlator, type XlatorSettings } from '../../graph/xlator.ts';
import { fopList } from './fop-list.ts';
import { randomFrom } from './random.ts';

const options = {
  'delay-percentage': live(percent({ default: 10 }, 'The share of the calls that is delayed. Chance decides which.')),
  'delay-duration': live(
    integer(
      { default: 100_000, min: 1, max: 999_999_999 },
      'How long a call is delayed, in microseconds. Timers are exact to a millisecond.',
    ),
  ),
  enable: live(fopList({ default: ALL_FOPS, unset: 'all fops', aliases: ['fops'] }, 'The fops that may be delayed.')),
  seed: integer(
    { default: 1, min: 0, max: 2 ** 31 - 1 },
    'The seed of the random numbers. With the same seed the same calls are delayed.',
  ),
};

/** debug/delay-gen: delays some of the calls before it passes them on. */
export class DelayGen extends Xlator<typeof options> {
  static readonly doc = 'Delays some of the calls.';
  static readonly options = options;
  #fops: ReadonlySet<Fop> = new Set(this.options.enable);
  #share: number = this.options['delay-percentage'] / 100;
  /** Seeded with the stage, so that the stages of a server delay different calls. */
  readonly #random: () => number = randomFrom(this.options.seed + this.env.stage);

  override reconfigure(settings: XlatorSettings<typeof options>): () => void {
    const change = super.reconfigure(settings);
    return () => {
      change();
      this.#fops = new Set(this.options.enable);
      this.#share = this.options['delay-percentage'] / 100;
    };
  }

  protected override wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    if (!this.#fops.has(fop) || this.#random() >= this.#share) return super.wind(fop, ...args);
    return this.#later(fop, args) as ReturnType<Fops[F]>;
  }

  async #later<F extends Fop>(fop: F, args: Parameters<Fops[F]>) {
    const [{ signal }] = args;
    // If the answer is no longer wanted, the delay ends; but the call still has to be made.
    await sleep(this.options['delay-duration'] / 1000, undefined, { signal }).catch(() => {});
    return super.wind(fop, ...args);
  }
}
