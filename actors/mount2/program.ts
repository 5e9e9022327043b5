import { MOUNT_V2, MOUNTPROC2 } from '#protocols/mount.ts';
import type { Actor, Program } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';
import { mount1 } from '../mount1/program.ts';
import { pathconf } from './pathconf.ts';

/**
 * MOUNT, version 2: version 1 with PATHCONF, for Solaris and AIX. PROG_MISMATCH tells only the lowest and the highest
 * version (RFC 5531, 9), so no version between 1 and 3 should be missing.
 */
export function mount2(contextOf: Program<MountCall>['contextOf']): Program<MountCall> {
  const { actors, ...like1 } = mount1(contextOf);
  return {
    ...like1,
    name: 'MOUNT2',
    version: MOUNT_V2,
    actors: { ...actors, [MOUNTPROC2.PATHCONF]: pathconf } satisfies Record<number, Actor<MountCall>>,
  };
}
