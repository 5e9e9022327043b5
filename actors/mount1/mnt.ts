import { dirpath_arg, FHSIZE, type fhstatus, fhstatus as res, MNT3 } from '#protocols/mount.ts';
import { FsError } from '#src/errno.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';
import { mountDirectory } from '../mount/mount.ts';

/** "A UNIX error number" of its time: version 3 took them over, but for these two of its own (RFC 1094, A.4). */
const EIO = 5;
const OWN_OF_V3: ReadonlySet<number> = new Set([MNT3.ERR_NOTSUPP, MNT3.ERR_SERVERFAULT]);

/** RFC 1094, A.5, for clients that mount with this version and go on with NFS version 3. */
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
    if (typeof mounted === 'number') return { status: OWN_OF_V3.has(mounted) ? EIO : mounted };
    return { status: 0, directory: mounted.handle };
  },
};
