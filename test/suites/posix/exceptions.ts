/** What NFSv3 cannot give. docs/nfsv3-limits.md says the same in prose, and a test compares the two. */
export type Expect = 'local' | 'nfs' | 'nfs-fallback' | 'nfs-gluster';

export interface Exception {
  readonly id: string;
  /** Where it applies: to every NFSv3 mount, or a server without CAP_DAC_READ_SEARCH, or a GlusterFS volume. */
  readonly on: 'nfs' | 'nfs-fallback' | 'nfs-gluster';
  readonly what: string;
  readonly reason: string;
}

export const EXCEPTIONS = [
  {
    id: 'times',
    on: 'nfs',
    what: 'Times before 1970, and those from February 2106 on, are not kept',
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
    what: 'In a directory that was removed while a process has it open or works in it, calls fail with ESTALE, not ENOENT',
    reason:
      'the server knows the directory by its handle alone, and answers NFS3ERR_STALE for a handle whose object is gone (RFC 1813, 2.6)',
  },
  {
    id: 'rights-at-open',
    on: 'nfs',
    what: "A process that has another user's file open can no longer use it once the file's mode forbids it; the owner still can",
    reason: 'the server checks each READ and WRITE again, and makes an exception for the owner alone (RFC 1813, 4.4)',
  },
  {
    id: 'access-bits',
    on: 'nfs',
    what: 'access(2) fails with EACCES for W_OK on a directory that cannot be searched, and for X_OK on an object that is neither a file nor a directory',
    reason: 'ACCESS tells what the caller can do with an object, not what its mode says (RFC 1813, 3.3.4)',
  },
  {
    id: 'read-only-access',
    on: 'nfs',
    what: 'On an export that is read-only on the server alone, opening for writing, truncate(2) and access(2) fail with EACCES, not EROFS',
    reason: 'ACCESS answers with bits, and has no bit for the reason (RFC 1813, 3.3.4)',
  },
  {
    id: 'touch-of-one',
    on: 'nfs',
    what: 'A caller that may write to a file may set one of its times to UTIME_NOW and keep the other, and other callers get EACCES; locally only the owner may do so, and others get EPERM',
    reason: 'a client also sends SETATTR with the mtime alone when a writer truncates an empty file (RFC 1813, 3.3.2)',
  },
  {
    id: 'many-links',
    on: 'nfs-gluster',
    what: 'A file has fewer than 100 names: about 50 where bricks are on ext4',
    reason:
      'a brick keeps an extended attribute for each name, for which ext4 has 4 KiB, and has a limit of its own (`storage.max-hardlinks`, 100)',
  },
  {
    id: 'replaced-object',
    on: 'nfs-gluster',
    what: 'When one of several names of an object is given to another object by rename, the ctime of the former stays',
    reason: 'a brick sets the ctime of the object that is renamed and of the directories (`features.ctime`)',
  },
  {
    id: 'long-paths',
    on: 'nfs-gluster',
    what: 'Nothing can be made or used where a path from the root of the volume has nearly 4,096 bytes or more',
    reason:
      "a brick puts the path of its own directory before that of the object, and the kernel's limit holds for both",
  },
  {
    id: 'space-of-bricks',
    on: 'nfs-gluster',
    what: 'On a full disk, calls that need neither a block nor an inode may be refused, and what was refused may exist',
    reason:
      'a brick keeps links, directories and extended attributes of its own for each object, and removes none if they fail',
  },
] as const satisfies readonly Exception[];

export type ExceptionId = (typeof EXCEPTIONS)[number]['id'];

export const holds = (exception: Exception, expect: Expect): boolean =>
  expect !== 'local' && (exception.on === 'nfs' || exception.on === expect);
