import { MOUNT_PROGRAM, MOUNT_V3, MOUNTPROC3 } from '#protocols/mount.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import type { Actor, Program } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';
import { dump } from '../mount/dump.ts';
import { exportActor } from '../mount/export.ts';
import { umnt } from '../mount/umnt.ts';
import { umntall } from '../mount/umntall.ts';
import { nullActor } from '../null.ts';
import { mnt } from './mnt.ts';

/**
 * MOUNT, version 3. AUTH_NONE is enough, since clients learn only from MNT which auth flavors an export takes (RFC
 * 2623, 2.3.2).
 */
export const mount3 = (contextOf: Program<MountCall>['contextOf']): Program<MountCall> => ({
  name: 'MOUNT3',
  number: MOUNT_PROGRAM,
  version: MOUNT_V3,
  minAuth: auth_flavor.AUTH_NONE,
  udp: true,
  actors: {
    [MOUNTPROC3.NULL]: nullActor,
    [MOUNTPROC3.MNT]: mnt,
    [MOUNTPROC3.DUMP]: dump,
    [MOUNTPROC3.UMNT]: umnt,
    [MOUNTPROC3.UMNTALL]: umntall,
    [MOUNTPROC3.EXPORT]: exportActor,
  } satisfies Record<MOUNTPROC3, Actor<MountCall>>,
  contextOf,
});
