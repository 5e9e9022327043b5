/** Counts the calls to a brick, for state dumps. */
import { GLUSTER_FOP4 } from '#protocols/gluster/constants.ts';
import type { DumpValues } from '../../../graph/xlator.ts';
import type { AnyProcedure } from '../../../rpcclnt/calls.ts';

interface Counter {
  readonly name: string;
  answered: number;
  /** Those of the answers that say that the fop has failed. */
  refused: number;
  /** Calls without an answer, because the connection was lost or the brick could not read them. */
  failed: number;
  ms: number;
  msMax: number;
}

export class CallCounters {
  /** By the number of the fop. */
  readonly #counters: Counter[] = [];

  answered(procedure: AnyProcedure, value: unknown, ms: number): void {
    if (procedure.prog !== GLUSTER_FOP4.prog) return;
    const counter = this.#of(procedure);
    counter.answered++;
    if ((value as { op_ret: number }).op_ret < 0) counter.refused++;
    counter.ms += ms;
    if (ms > counter.msMax) counter.msMax = ms;
  }

  failed(procedure: AnyProcedure): void {
    if (procedure.prog === GLUSTER_FOP4.prog) this.#of(procedure).failed++;
  }

  dump(): DumpValues {
    const values: Record<string, number> = {};
    for (const { name, answered, refused, failed, ms, msMax } of Object.values(this.#counters)) {
      values[`${name}.answered`] = answered;
      values[`${name}.refused`] = refused;
      values[`${name}.failed`] = failed;
      values[`${name}.ms-mean`] = answered === 0 ? 0 : Number((ms / answered).toFixed(3));
      values[`${name}.ms-max`] = Number(msMax.toFixed(3));
    }
    return values;
  }

  #of({ name, proc }: AnyProcedure): Counter {
    return (this.#counters[proc] ??= {
      name: name.replace(/^GlusterFS /, '').toLowerCase(),
      answered: 0,
      refused: 0,
      failed: 0,
      ms: 0,
      msMax: 0,
    });
  }
}
