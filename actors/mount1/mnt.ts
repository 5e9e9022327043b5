import { dirpath_arg, FHSIZE, type fhstatus, fhstatus as res, MNT3 } from '#protocols/mount.ts';
import { FsError } from '#src/errno.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';
import { mountDirectory } from '../mount/mount.ts';

/**
 * Version 1 answers "a UNIX error number" (RFC 1094, A.4). The statuses of version 3 are the same numbers, except two,
 * for which version 1 answers EIO.
 */
const EIO = 5;
const ONLY_IN_V3: ReadonlySet<number> = new Set([MNT3.ERR_NOTSUPP, MNT3.ERR_SERVERFAULT]);

/** Mounts a directory (RFC 1094, A.5), for clients that use this version of MOUNT and then NFS version 3. */
export const mnt: Actor<MountCall, string, fhstatus> = {
  name: 'MNT',
  args: dirpath_arg,
  res,
  idempotent: true,

  async run(mount, path) {
    const mounted = await mountDirectory(mount, path, ({ handle }) => {
      if (handle.length === FHSIZE) return;
      const message = `version 1 of MOUNT carries handles of ${FHSIZE} bytes, this one has ${handle.length}`;
      throw new FsError('EACCES', `${message}: mount with mountvers=3`);
    });
    if (typeof mounted === 'number') return { status: ONLY_IN_V3.has(mounted) ? EIO : mounted };
    return { status: 0, directory: mounted.handle };
  },
};
