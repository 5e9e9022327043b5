import { dirpath_arg } from '#protocols/mount.ts';
import { nothing } from '#protocols/xdr/codec.ts';
import { errnoOf } from '#src/errno.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount-call.ts';
import { joinMountPath, splitMountPath } from '#src/xlators/nfs/server/mount-path.ts';

/** Takes the caller's own entry out of the mount table; it cannot fail (RFC 1813, 5.2.3). */
export const umnt: Actor<MountCall, string, void> = {
  name: 'UMNT',
  args: dirpath_arg,
  res: nothing,
  idempotent: true,

  run({ call, mounts }, path) {
    try {
      mounts.remove(call.peer.address, joinMountPath(splitMountPath(path)));
    } catch (error) {
      if (errnoOf(error) === undefined) throw error; // else no path that anybody can have mounted
    }
  },
};
