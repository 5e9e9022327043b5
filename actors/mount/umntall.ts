import { nothing } from '#protocols/xdr/codec.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount-call.ts';

/** Takes all of the caller's entries out of the mount table (RFC 1813, 5.2.4): a client says it after it has crashed. */
export const umntall: Actor<MountCall, void, void> = {
  name: 'UMNTALL',
  args: nothing,
  res: nothing,
  idempotent: true,
  run: ({ call, mounts }) => mounts.removeHost(call.peer.address),
};
