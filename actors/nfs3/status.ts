/** The one place where an errno becomes a wire status (RFC 1813, 2.6). */
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import type { Failure } from '#protocols/nfs3/types.ts';
import { type Errno, errnoOf } from '#src/errno.ts';

/** A failure with a status that no errno stands for, such as TOOSMALL or BADTYPE. */
export class StatusError extends Error {
  override name = 'StatusError';
  readonly status: Failure;

  constructor(status: Failure, message: string) {
    super(message);
    this.status = status;
  }
}

const STATUS: Partial<Record<Errno, Failure>> = {
  EPERM: nfsstat3.NFS3ERR_PERM,
  ENOENT: nfsstat3.NFS3ERR_NOENT,
  EIO: nfsstat3.NFS3ERR_IO,
  ENXIO: nfsstat3.NFS3ERR_NXIO,
  EACCES: nfsstat3.NFS3ERR_ACCES,
  EEXIST: nfsstat3.NFS3ERR_EXIST,
  EXDEV: nfsstat3.NFS3ERR_XDEV,
  ENODEV: nfsstat3.NFS3ERR_NODEV,
  ENOTDIR: nfsstat3.NFS3ERR_NOTDIR,
  EISDIR: nfsstat3.NFS3ERR_ISDIR,
  EINVAL: nfsstat3.NFS3ERR_INVAL,
  EFBIG: nfsstat3.NFS3ERR_FBIG,
  ENOSPC: nfsstat3.NFS3ERR_NOSPC,
  EROFS: nfsstat3.NFS3ERR_ROFS,
  EMLINK: nfsstat3.NFS3ERR_MLINK,
  ENAMETOOLONG: nfsstat3.NFS3ERR_NAMETOOLONG,
  ENOTEMPTY: nfsstat3.NFS3ERR_NOTEMPTY,
  EDQUOT: nfsstat3.NFS3ERR_DQUOT,
  ESTALE: nfsstat3.NFS3ERR_STALE,
  EBADHANDLE: nfsstat3.NFS3ERR_BADHANDLE,

  ENOSYS: nfsstat3.NFS3ERR_NOTSUPP,
  EOPNOTSUPP: nfsstat3.NFS3ERR_NOTSUPP,
  ENOTSUP: nfsstat3.NFS3ERR_NOTSUPP,
  ENOTSUPP: nfsstat3.NFS3ERR_NOTSUPP,

  // Trouble of the server that may pass: the client waits and tries again, and its programs do not notice.
  EJUKEBOX: nfsstat3.NFS3ERR_JUKEBOX,
  EAGAIN: nfsstat3.NFS3ERR_JUKEBOX,
  EWOULDBLOCK: nfsstat3.NFS3ERR_JUKEBOX,
  EINTR: nfsstat3.NFS3ERR_JUKEBOX,
  ECANCELED: nfsstat3.NFS3ERR_JUKEBOX,
  EDEADLK: nfsstat3.NFS3ERR_JUKEBOX,
  ENOLCK: nfsstat3.NFS3ERR_JUKEBOX,
  ENOMEM: nfsstat3.NFS3ERR_JUKEBOX,
  ENOBUFS: nfsstat3.NFS3ERR_JUKEBOX,
  EMFILE: nfsstat3.NFS3ERR_JUKEBOX,
  ENFILE: nfsstat3.NFS3ERR_JUKEBOX,
  ETIMEDOUT: nfsstat3.NFS3ERR_JUKEBOX,
  ETIME: nfsstat3.NFS3ERR_JUKEBOX,
  ENOTCONN: nfsstat3.NFS3ERR_JUKEBOX,
  ECONNREFUSED: nfsstat3.NFS3ERR_JUKEBOX,
  ECONNRESET: nfsstat3.NFS3ERR_JUKEBOX,
  ECONNABORTED: nfsstat3.NFS3ERR_JUKEBOX,
  EPIPE: nfsstat3.NFS3ERR_JUKEBOX,
  EHOSTUNREACH: nfsstat3.NFS3ERR_JUKEBOX,
  ENETUNREACH: nfsstat3.NFS3ERR_JUKEBOX,
  ENETDOWN: nfsstat3.NFS3ERR_JUKEBOX,

  // The state of the object (a running program, a mount point) forbids it now. With IO a client would conclude that
  // data were lost.
  ETXTBSY: nfsstat3.NFS3ERR_ACCES,
  EBUSY: nfsstat3.NFS3ERR_ACCES,

  // A symlink where none is allowed is an object of the wrong type; knfsd answers the same.
  ELOOP: nfsstat3.NFS3ERR_INVAL,
  ERANGE: nfsstat3.NFS3ERR_INVAL,
  EDOM: nfsstat3.NFS3ERR_INVAL,
  EILSEQ: nfsstat3.NFS3ERR_INVAL,
  EOVERFLOW: nfsstat3.NFS3ERR_FBIG,
  E2BIG: nfsstat3.NFS3ERR_FBIG,
};

/**
 * Returns the status for anything that was thrown; `undefined` for an error without an errno, which is a bug of this
 * program. An errno without a status in NFS3 (EBADF, EPROTO) becomes IO, and not STALE, since clients drop unwritten
 * data of an object that is stale.
 */
export function statusOf(error: unknown): Failure | undefined {
  if (error instanceof StatusError) return error.status;
  const errno = errnoOf(error);
  return errno && (STATUS[errno] ?? nfsstat3.NFS3ERR_IO);
}
