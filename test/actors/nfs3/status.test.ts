import t from 'tap';
import { statusOf, StatusError } from '#actors/nfs3/status.ts';
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { ERRNO, type Errno, FsError } from '#src/errno.ts';

/** The errnos of each status. Every other errno is IO. */
const EXPECTED: Readonly<Record<string, string>> = {
  PERM: 'EPERM',
  NOENT: 'ENOENT',
  NXIO: 'ENXIO',
  ACCES: 'EACCES ETXTBSY EBUSY',
  EXIST: 'EEXIST',
  XDEV: 'EXDEV',
  NODEV: 'ENODEV',
  NOTDIR: 'ENOTDIR',
  ISDIR: 'EISDIR',
  INVAL: 'EINVAL ELOOP ERANGE EDOM EILSEQ',
  FBIG: 'EFBIG EOVERFLOW E2BIG',
  NOSPC: 'ENOSPC',
  ROFS: 'EROFS',
  MLINK: 'EMLINK',
  NAMETOOLONG: 'ENAMETOOLONG',
  NOTEMPTY: 'ENOTEMPTY',
  DQUOT: 'EDQUOT',
  STALE: 'ESTALE',
  BADHANDLE: 'EBADHANDLE',
  NOTSUPP: 'ENOSYS EOPNOTSUPP ENOTSUP ENOTSUPP',
  JUKEBOX:
    'EJUKEBOX EAGAIN EWOULDBLOCK EINTR ECANCELED EDEADLK ENOLCK ENOMEM ENOBUFS EMFILE ENFILE ETIMEDOUT ETIME ' +
    'ENOTCONN ECONNREFUSED ECONNRESET ECONNABORTED EPIPE EHOSTUNREACH ENETUNREACH ENETDOWN',
};

t.test('every errno has its status', async t => {
  const expected = new Map<string, string>();
  for (const [status, errnos] of Object.entries(EXPECTED)) {
    for (const errno of errnos.split(' ')) expected.set(errno, `NFS3ERR_${status}`);
  }
  const names = new Map(Object.entries(nfsstat3).map(([name, value]) => [value, name]));
  for (const errno of Object.keys(ERRNO) as Errno[]) {
    const status = statusOf(new FsError(errno));
    t.equal(status !== undefined && names.get(status), expected.get(errno) ?? 'NFS3ERR_IO', errno);
  }
});

t.test("Node's own errors have the status of their code", async t => {
  t.equal(statusOf(Object.assign(new Error('no space'), { code: 'ENOSPC' })), nfsstat3.NFS3ERR_NOSPC);
});

t.test('a StatusError has its own status', async t => {
  t.equal(statusOf(new StatusError(nfsstat3.NFS3ERR_TOOSMALL, 'no room')), nfsstat3.NFS3ERR_TOOSMALL);
});

t.test('any other error is a bug and has no status', async t => {
  t.equal(statusOf(new TypeError('x is not a function')), undefined);
  t.equal(statusOf(Object.assign(new Error('bad'), { code: 'ERR_INVALID_ARG_TYPE' })), undefined);
  t.equal(statusOf('EIO'), undefined);
});
