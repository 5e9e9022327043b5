import { MOUNT_PROGRAM, MOUNT_V1, MOUNTPROC } from '#protocols/mount.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import type { Actor, Program } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';
import { dump } from '../mount/dump.ts';
import { exportActor } from '../mount/export.ts';
import { umnt } from '../mount/umnt.ts';
import { umntall } from '../mount/umntall.ts';
import { nullActor } from '../null.ts';
import { mnt } from './mnt.ts';

/** MOUNT, version 1 (RFC 1094, A.5). Only MNT differs from version 3. */
export const mount1 = (contextOf: Program<MountCall>['contextOf']): Program<MountCall> => ({
  name: 'MOUNT1',
  number: MOUNT_PROGRAM,
  version: MOUNT_V1,
  minAuth: auth_flavor.AUTH_NONE,
  udp: true,
  actors: {
    [MOUNTPROC.NULL]: nullActor,
    [MOUNTPROC.MNT]: mnt,
    [MOUNTPROC.DUMP]: dump,
    [MOUNTPROC.UMNT]: umnt,
    [MOUNTPROC.UMNTALL]: umntall,
    [MOUNTPROC.EXPORT]: exportActor,
  } satisfies Record<MOUNTPROC, Actor<MountCall>>,
  contextOf,
});
