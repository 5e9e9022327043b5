import type { Fop, Fops, ReadReply, Written } from '../../graph/fops.ts';
import { bool, type ForeignTable, live } from '../../graph/options.ts';
import { ALL_FOPS, type DumpValues, Xlator, type XlatorSettings } from '../../graph/xlator.ts';
import { HISTOGRAM_LENGTH, type IoStatsSnapshot } from './io-stats-snapshot.ts';

const options = {
  'latency-measurement': live(bool({ default: true }, 'Measures how long each fop takes.')),
  'count-fop-hits': live(bool({ default: true }, 'Counts fops and their errors.')),
};

const ownLog = 'the log of the server has options of its own, such as --log-level';
const ownDump = 'the command status and state dumps show what was counted';

const foreign: ForeignTable = {
  'dump-fd-stats': { unused: ownDump },
  'global-threading': { unused: 'the server has threads of its own, see --stages' },
  'ios-*': { unused: ownDump },
  'log-*': { unused: ownLog },
  logger: { unused: ownLog },
  'sys-log-level': { unused: ownLog },
  threads: { unused: 'the server has threads of its own, see --stages' },
  'unique-id': { unused: 'the name of the volume stands for it' },
  'volume-id': { unused: 'the name of the volume stands for it' },
};

class Counter {
  started = 0;
  finished = 0;
  errors = 0;
  usTotal = 0;
  usMax = 0;
  readonly histogram: number[] = Array.from({ length: HISTOGRAM_LENGTH }, () => 0);

  finish(sinceMs: number): void {
    this.finished++;
    if (sinceMs === 0) return; // not measured
    const us = (performance.now() - sinceMs) * 1000;
    this.usTotal += us;
    if (us > this.usMax) this.usMax = us;
    const bucket = us < 0x7fff_ffff ? 32 - Math.clz32(us) : 32;
    this.histogram[bucket < HISTOGRAM_LENGTH ? bucket : HISTOGRAM_LENGTH - 1]!++;
  }
}

/** debug/io-stats: counts every fop that passes, and measures how long it takes. */
export class IoStats extends Xlator<typeof options> {
  static readonly doc = 'Counts and times fops. The command status shows the numbers.';
  static readonly options = options;
  static readonly foreign = foreign;
  readonly #counters = new Map<Fop, Counter>(ALL_FOPS.map(fop => [fop, new Counter()]));
  #bytesRead = 0;
  #bytesWritten = 0;
  readonly #since = performance.now();
  #counts: boolean = this.options['count-fop-hits'];
  #measures: boolean = this.options['latency-measurement'];

  override reconfigure(settings: XlatorSettings<typeof options>): () => void {
    const change = super.reconfigure(settings);
    return () => {
      change();
      this.#counts = this.options['count-fop-hits'];
      this.#measures = this.options['latency-measurement'];
    };
  }

  protected override wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    if (!this.#counts) return super.wind(fop, ...args);
    const sinceMs = this.#measures ? performance.now() : 0;
    const reply = super.wind(fop, ...args);
    this.#watch(fop, reply, sinceMs);
    return reply;
  }

  /** What was counted so far, as plain data that can be posted to another thread. */
  stats(): IoStatsSnapshot {
    const fops: IoStatsSnapshot['fops'] = {};
    for (const [fop, { started, finished, errors, usTotal, usMax, histogram }] of this.#counters) {
      if (started === 0) continue;
      fops[fop] = { calls: finished, underWay: started - finished, errors, usTotal, usMax, histogram: [...histogram] };
    }
    const seconds = (performance.now() - this.#since) / 1000;
    return { seconds, bytesRead: this.#bytesRead, bytesWritten: this.#bytesWritten, fops };
  }

  override dump(): DumpValues {
    const { seconds, bytesRead, bytesWritten, fops } = this.stats();
    const counts = Object.entries(fops).flatMap(([fop, { calls, errors, underWay, usTotal, usMax }]) => [
      [`${fop}.calls`, calls],
      [`${fop}.errors`, errors],
      [`${fop}.under-way`, underWay],
      [`${fop}.mean-us`, calls === 0 ? 0 : Math.round(usTotal / calls)],
      [`${fop}.max-us`, Math.round(usMax)],
    ]);
    return {
      seconds: Math.round(seconds),
      'bytes-read': bytesRead,
      'bytes-written': bytesWritten,
      ...Object.fromEntries(counts),
    };
  }

  #watch(fop: Fop, reply: Promise<unknown>, sinceMs: number): void {
    const counter = this.#counters.get(fop)!;
    counter.started++;
    reply.then(
      result => {
        counter.finish(sinceMs);
        if (fop === 'readv') this.#bytesRead += (result as ReadReply).data.length;
        else if (fop === 'writev') this.#bytesWritten += (result as Written).count;
      },
      () => {
        counter.finish(sinceMs);
        counter.errors++;
      },
    );
  }
}
