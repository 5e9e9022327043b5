import { dirpath_arg, MNT3, type mountres3, mountres3 as res } from '#protocols/mount.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';
import { mountDirectory } from '../mount/mount.ts';

/** Mounts a directory: returns its handle and the auth flavors that the export takes (RFC 1813, 5.2.1). */
export const mnt: Actor<MountCall, string, mountres3> = {
  name: 'MNT',
  args: dirpath_arg,
  res,
  idempotent: true,

  async run(mount, path) {
    const mounted = await mountDirectory(mount, path);
    if (typeof mounted === 'number') return { fhs_status: mounted };
    return { fhs_status: MNT3.OK, fhandle: mounted.handle, auth_flavors: [...mounted.flavors] };
  },
};
