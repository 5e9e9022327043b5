import { type mountbody, mountlist } from '#protocols/mount.ts';
import { nothing } from '#protocols/xdr/codec.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';
import type { MountEntry } from '#src/xlators/nfs/server/mount/mount-entry.ts';
import { stringBytes, wholeList } from './whole-list.ts';

/** Lists which clients have mounted what, as far as they have told the server (RFC 1813, 5.2.2). */
export const dump: Actor<MountCall, void, mountbody[]> = {
  name: 'DUMP',
  args: nothing,
  res: mountlist,
  idempotent: true,

  async run(mount) {
    const bytesOf = ({ host, path }: MountEntry) => stringBytes(host) + stringBytes(path);
    const mounted = wholeList(mount, 'DUMP', await mount.mounts.list(), bytesOf);
    return mounted.map(({ host, path }) => ({ ml_hostname: host, ml_directory: path }));
  },
};
