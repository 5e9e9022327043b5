import { dirpath_arg } from '#protocols/mount.ts';
import { nothing } from '#protocols/xdr/codec.ts';
import { errnoOf } from '#src/errno.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';
import { joinMountPath, splitMountPath } from '#src/xlators/nfs/server/mount/mount-path.ts';

/**
 * Removes the caller's own entry from the mount table; this cannot fail (RFC 1813, 5.2.3). Over UDP, where the caller
 * may be forged, it removes only an entry that was made over UDP.
 */
export const umnt: Actor<MountCall, string, void> = {
  name: 'UMNT',
  args: dirpath_arg,
  res: nothing,
  idempotent: true,

  run({ call, mounts }, path) {
    try {
      const { address, transport } = call.peer;
      mounts.remove(address, joinMountPath(splitMountPath(path)), transport === 'udp');
    } catch (error) {
      if (errnoOf(error) === undefined) throw error; // an errno means that no client can have mounted such a path
    }
  },
};
