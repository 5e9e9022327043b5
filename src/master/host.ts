import type { Xlator } from '../graph/xlator.ts';
import type { Program } from '../rpcsvc/actor.ts';
import type { WriteVerifiers } from './write-verifiers.ts';

export interface HostParts {
  readonly verifiers: WriteVerifiers;
  /** Makes the programs that a master answers over RPC. What their procedures do is not the master's part. */
  readonly programsOf: (master: Xlator) => Program[];
}

/** What a process gives to the masters of its graphs, as `GraphEnv.host`. */
export class Host implements HostParts {
  readonly verifiers: WriteVerifiers;
  readonly programsOf: (master: Xlator) => Program[];

  constructor({ verifiers, programsOf }: HostParts) {
    this.verifiers = verifiers;
    this.programsOf = programsOf;
  }
}
