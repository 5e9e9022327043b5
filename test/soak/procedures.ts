/** NFS3, MOUNT3, MOUNT2 and MOUNT1 as a client sees them: every procedure with its numbers and codecs. */
import * as mount from '#protocols/mount.ts';
import { NFS_PROGRAM, NFS_V3, NFSPROC3 } from '#protocols/nfs3/constants.ts';
import * as directory from '#protocols/nfs3/directory.ts';
import * as file from '#protocols/nfs3/file.ts';
import * as filesystem from '#protocols/nfs3/filesystem.ts';
import * as names from '#protocols/nfs3/names.ts';
import * as object from '#protocols/nfs3/object.ts';
import { type Codec, nothing } from '#protocols/xdr/codec.ts';
import type { RemoteProcedure } from '#src/rpcclnt/client.ts';

function nfs<A, R>(name: keyof typeof NFSPROC3, args: Codec<A>, res: Codec<R>): RemoteProcedure<A, R> {
  return { name, prog: NFS_PROGRAM, vers: NFS_V3, proc: NFSPROC3[name], args, res };
}

export const NFS3 = {
  NULL: nfs('NULL', nothing, nothing),
  GETATTR: nfs('GETATTR', object.GETATTR3args, object.GETATTR3res),
  SETATTR: nfs('SETATTR', object.SETATTR3args, object.SETATTR3res),
  LOOKUP: nfs('LOOKUP', names.LOOKUP3args, names.LOOKUP3res),
  ACCESS: nfs('ACCESS', object.ACCESS3args, object.ACCESS3res),
  READLINK: nfs('READLINK', object.READLINK3args, object.READLINK3res),
  READ: nfs('READ', file.READ3args, file.READ3res),
  WRITE: nfs('WRITE', file.WRITE3args, file.WRITE3res),
  CREATE: nfs('CREATE', names.CREATE3args, names.CREATE3res),
  MKDIR: nfs('MKDIR', names.MKDIR3args, names.MKDIR3res),
  SYMLINK: nfs('SYMLINK', names.SYMLINK3args, names.SYMLINK3res),
  MKNOD: nfs('MKNOD', names.MKNOD3args, names.MKNOD3res),
  REMOVE: nfs('REMOVE', names.REMOVE3args, names.REMOVE3res),
  RMDIR: nfs('RMDIR', names.RMDIR3args, names.RMDIR3res),
  RENAME: nfs('RENAME', names.RENAME3args, names.RENAME3res),
  LINK: nfs('LINK', names.LINK3args, names.LINK3res),
  READDIR: nfs('READDIR', directory.READDIR3args, directory.READDIR3res),
  READDIRPLUS: nfs('READDIRPLUS', directory.READDIRPLUS3args, directory.READDIRPLUS3res),
  FSSTAT: nfs('FSSTAT', filesystem.FSSTAT3args, filesystem.FSSTAT3res),
  FSINFO: nfs('FSINFO', filesystem.FSINFO3args, filesystem.FSINFO3res),
  PATHCONF: nfs('PATHCONF', filesystem.PATHCONF3args, filesystem.PATHCONF3res),
  COMMIT: nfs('COMMIT', file.COMMIT3args, file.COMMIT3res),
} as const satisfies Record<keyof typeof NFSPROC3, RemoteProcedure<any, any>>;

function mnt<A, R>(vers: number, name: keyof typeof mount.MOUNTPROC3, args: Codec<A>, res: Codec<R>) {
  const procedure: RemoteProcedure<A, R> = {
    name: `MOUNT${vers} ${name}`,
    prog: mount.MOUNT_PROGRAM,
    vers,
    proc: mount.MOUNTPROC3[name],
    args,
    res,
  };
  return procedure;
}

function mountVersion<R>(vers: number, res: Codec<R>) {
  return {
    NULL: mnt(vers, 'NULL', nothing, nothing),
    MNT: mnt(vers, 'MNT', mount.dirpath_arg, res),
    DUMP: mnt(vers, 'DUMP', nothing, mount.mountlist),
    UMNT: mnt(vers, 'UMNT', mount.dirpath_arg, nothing),
    UMNTALL: mnt(vers, 'UMNTALL', nothing, nothing),
    EXPORT: mnt(vers, 'EXPORT', nothing, mount.exports),
  } as const satisfies Record<keyof typeof mount.MOUNTPROC3, RemoteProcedure<any, any>>;
}

export const MOUNT3 = mountVersion(mount.MOUNT_V3, mount.mountres3);
export const MOUNT2 = {
  ...mountVersion(mount.MOUNT_V2, mount.fhstatus),
  PATHCONF: {
    name: 'MOUNT2 PATHCONF',
    prog: mount.MOUNT_PROGRAM,
    vers: mount.MOUNT_V2,
    proc: mount.MOUNTPROC2.PATHCONF,
    args: mount.dirpath_arg,
    res: mount.ppathcnf,
  },
} as const;
export const MOUNT1 = mountVersion(mount.MOUNT_V1, mount.fhstatus);

/** The procedures of all programs. */
export const PROCEDURES: readonly RemoteProcedure<any, any>[] = [
  ...Object.values(NFS3),
  ...Object.values(MOUNT3),
  ...Object.values(MOUNT2),
  ...Object.values(MOUNT1),
];
