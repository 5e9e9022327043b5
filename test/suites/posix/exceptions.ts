/** What NFSv3 cannot give: docs/nfsv3-limits.md says the same in prose, and a test compares the two. */
export type Expect = 'local' | 'nfs' | 'nfs-fallback';

export interface Exception {
  readonly id: string;
  /** Where it holds: over NFSv3 at all, or only on a server without CAP_DAC_READ_SEARCH. */
  readonly on: 'nfs' | 'nfs-fallback';
  readonly what: string;
  readonly reason: string;
}

export const EXCEPTIONS = [
  {
    id: 'times',
    on: 'nfs',
    what: 'Times before 1970 and from 2106 on are not kept',
    reason: 'nfstime3 counts seconds since 1970 in an unsigned 32-bit number (RFC 1813, 2.6)',
  },
  {
    id: 'silly-rename',
    on: 'nfs',
    what: 'A file that is removed while it is open keeps a name (`.nfs…`) and a link in its directory until it is closed',
    reason: 'the server keeps no state of open files, so the client renames it instead (RFC 1813, 4.2)',
  },
  {
    id: 'removed-directory',
    on: 'nfs',
    what: 'In a directory that was removed while somebody is in it, or has it open, calls say ESTALE, not ENOENT',
    reason:
      'the handle is all that the server knows of it, and NFS3ERR_STALE is what it says of one that is gone (RFC 1813, 2.6)',
  },
  {
    id: 'rights-at-open',
    on: 'nfs',
    what: "Who has somebody else's file open loses it when its mode is taken away; the owner does not",
    reason: 'each READ and WRITE is checked anew, with an exception for the owner alone (RFC 1813, 4.4)',
  },
  {
    id: 'access-bits',
    on: 'nfs',
    what: 'access(2) says EACCES to W_OK for a directory that cannot be searched, and to X_OK for what is neither file nor directory',
    reason: 'ACCESS tells what can be done with an object, not what its mode says (RFC 1813, 3.3.4)',
  },
  {
    id: 'read-only-access',
    on: 'nfs',
    what: 'On an export that only the server has read-only, opening for writing, truncate(2) and access(2) say EACCES, not EROFS',
    reason: 'ACCESS answers with bits, and has none for the reason (RFC 1813, 3.3.4)',
  },
  {
    id: 'touch-of-one',
    on: 'nfs',
    what: 'Who may write a file may set one of its times to UTIME_NOW and leave the other, and is told EACCES if he may not; locally only the owner may (EPERM)',
    reason:
      'SETATTR of the mtime alone is also what a client sends for a writer that truncates an empty file (RFC 1813, 3.3.2)',
  },
] as const satisfies readonly Exception[];

export type ExceptionId = (typeof EXCEPTIONS)[number]['id'];

export const holds = (exception: Exception, expect: Expect): boolean =>
  expect !== 'local' && (exception.on === 'nfs' || exception.on === expect);
