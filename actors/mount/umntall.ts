import { nothing } from '#protocols/xdr/codec.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';

/**
 * Removes all of the caller's entries from the mount table (RFC 1813, 5.2.4); a client calls this after it has crashed.
 * Over UDP, where the caller may be forged, it removes only entries that were made over UDP.
 */
export const umntall: Actor<MountCall, void, void> = {
  name: 'UMNTALL',
  args: nothing,
  res: nothing,
  idempotent: true,
  run: ({ call: { peer }, mounts }) => mounts.removeHost(peer.address, peer.transport === 'udp'),
};
