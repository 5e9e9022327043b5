import { Host, type HostParts } from '../../../master/host.ts';
import type { MountTable } from './mount/mount-table.ts';

export interface NfsHostParts extends HostParts {
  /** The key of file handles, 16 bytes. */
  readonly handleKey: Buffer;
  readonly mounts: MountTable;
}

/** What the stages of a server have in common and give to the masters of their graphs. */
export class NfsHost extends Host implements NfsHostParts {
  readonly handleKey: Buffer;
  readonly mounts: MountTable;

  constructor(parts: NfsHostParts) {
    super(parts);
    this.handleKey = parts.handleKey;
    this.mounts = parts.mounts;
  }
}
