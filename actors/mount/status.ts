import { MNT3, type mountstat3 } from '#protocols/mount.ts';
import { type Errno, errnoOf } from '#src/errno.ts';
import { fromWire } from '#src/wire-text.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';

export type MountFailure = Exclude<mountstat3, typeof MNT3.OK>;

/** RFC 1813, 5.1.5. MOUNT has no status for "try again later" (see mount.ts): an errno that is not listed is an input/output error. */
const STATUS: Partial<Record<Errno, MountFailure>> = {
  EPERM: MNT3.ERR_PERM,
  ENOENT: MNT3.ERR_NOENT,
  ESTALE: MNT3.ERR_NOENT,
  EIO: MNT3.ERR_IO,
  EACCES: MNT3.ERR_ACCES,
  EROFS: MNT3.ERR_ACCES,
  ENOTDIR: MNT3.ERR_NOTDIR,
  ELOOP: MNT3.ERR_NOTDIR,
  EINVAL: MNT3.ERR_INVAL,
  ENAMETOOLONG: MNT3.ERR_NAMETOOLONG,
  ENOSYS: MNT3.ERR_NOTSUPP,
  EOPNOTSUPP: MNT3.ERR_NOTSUPP,
  ENOTSUPP: MNT3.ERR_NOTSUPP,
};

/** Returns the status of an error, and logs it: as a refusal, or as a bug of this program if it has no errno. */
export function failureOf({ call, log }: MountCall, path: string, error: unknown): MountFailure {
  const client = call.peer.address;
  const errno = errnoOf(error);
  if (errno === undefined) {
    log.error({ err: error, client, path: fromWire(path), xid: call.xid }, 'MNT failed');
    return MNT3.ERR_SERVERFAULT;
  }
  log.warn({ client, path: fromWire(path), errno, why: (error as Error).message }, 'mount refused');
  return STATUS[errno] ?? MNT3.ERR_IO;
}
