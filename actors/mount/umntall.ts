import { nothing } from '#protocols/xdr/codec.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount-call.ts';

/**
 * Takes all of the caller's entries out of the mount table (RFC 1813, 5.2.4): a client says it after it has crashed. Over
 * UDP, where the caller may be forged, only those of what was mounted over UDP.
 */
export const umntall: Actor<MountCall, void, void> = {
  name: 'UMNTALL',
  args: nothing,
  res: nothing,
  idempotent: true,
  run: ({ call: { peer }, mounts }) => mounts.removeHost(peer.address, peer.transport === 'udp'),
};
