import { Host, type HostParts } from '../../../master/host.ts';
import type { FuseActors } from './fuse-actor.ts';

export interface FuseHostParts extends HostParts {
  /** Loads the actors of FUSE. */
  readonly fuseActors: () => Promise<FuseActors>;
}

/** What a process that mounts gives to `mount/fuse`. */
export class FuseHost extends Host implements FuseHostParts {
  readonly fuseActors: FuseHostParts['fuseActors'];

  constructor(parts: FuseHostParts) {
    super(parts);
    this.fuseActors = parts.fuseActors;
  }
}
