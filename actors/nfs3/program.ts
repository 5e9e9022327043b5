import { NFS_PROGRAM, NFS_V3, NFSPROC3 } from '#protocols/nfs3/constants.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import type { Actor, Call, Program } from '#src/rpcsvc/actor.ts';
import type { NfsCall } from '#src/xlators/nfs/server/nfs-call.ts';
import { nullActor } from '../null.ts';
import { access } from './procedures/access.ts';
import { commit } from './procedures/commit.ts';
import { create } from './procedures/create.ts';
import { fsinfo } from './procedures/fsinfo.ts';
import { fsstat } from './procedures/fsstat.ts';
import { getattr } from './procedures/getattr.ts';
import { link } from './procedures/link.ts';
import { lookup } from './procedures/lookup.ts';
import { mkdir } from './procedures/mkdir.ts';
import { mknod } from './procedures/mknod.ts';
import { pathconf } from './procedures/pathconf.ts';
import { read } from './procedures/read.ts';
import { readdir } from './procedures/readdir.ts';
import { readdirplus } from './procedures/readdirplus.ts';
import { readlink } from './procedures/readlink.ts';
import { remove } from './procedures/remove.ts';
import { rename } from './procedures/rename.ts';
import { rmdir } from './procedures/rmdir.ts';
import { setattr } from './procedures/setattr.ts';
import { symlink } from './procedures/symlink.ts';
import { write } from './procedures/write.ts';

/** By procedure number. A missing procedure is a type error. */
const actors = {
  [NFSPROC3.NULL]: nullActor,
  [NFSPROC3.GETATTR]: getattr,
  [NFSPROC3.SETATTR]: setattr,
  [NFSPROC3.LOOKUP]: lookup,
  [NFSPROC3.ACCESS]: access,
  [NFSPROC3.READLINK]: readlink,
  [NFSPROC3.READ]: read,
  [NFSPROC3.WRITE]: write,
  [NFSPROC3.CREATE]: create,
  [NFSPROC3.MKDIR]: mkdir,
  [NFSPROC3.SYMLINK]: symlink,
  [NFSPROC3.MKNOD]: mknod,
  [NFSPROC3.REMOVE]: remove,
  [NFSPROC3.RMDIR]: rmdir,
  [NFSPROC3.RENAME]: rename,
  [NFSPROC3.LINK]: link,
  [NFSPROC3.READDIR]: readdir,
  [NFSPROC3.READDIRPLUS]: readdirplus,
  [NFSPROC3.FSSTAT]: fsstat,
  [NFSPROC3.FSINFO]: fsinfo,
  [NFSPROC3.PATHCONF]: pathconf,
  [NFSPROC3.COMMIT]: commit,
} satisfies Record<NFSPROC3, Actor<NfsCall>>;

/** NFS version 3. `contextOf` makes the context of a call, which resolves its handles. */
export function nfs3Program(contextOf: (call: Call) => NfsCall): Program<NfsCall> {
  return { name: 'NFS3', number: NFS_PROGRAM, version: NFS_V3, minAuth: auth_flavor.AUTH_SYS, actors, contextOf };
}
