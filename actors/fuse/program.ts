/** The operations of FUSE and what answers them. */
import { Opcode } from '#protocols/fuse/constants.ts';
import type { FuseActor, FuseActors } from '#src/xlators/mount/fuse/fuse-actor.ts';
import { access, getattr, setattr } from './operations/attributes.ts';
import { fallocate, fsync, fsyncdir, lseek, read, write } from './operations/data.ts';
import { batchForget, forget, interrupt } from './operations/forget.ts';
import { readdir, readdirplus } from './operations/listing.ts';
import { getlk, setlk, setlkw } from './operations/lock.ts';
import { lookup } from './operations/lookup.ts';
import { link, mkdir, mknod, symlink } from './operations/make.ts';
import { create, flush, open, opendir, release, releasedir } from './operations/open.ts';
import { readlink, statfs } from './operations/read-node.ts';
import { rename, rename2, rmdir, unlink } from './operations/remove.ts';
import { getxattr, listxattr, removexattr, setxattr } from './operations/xattr.ts';

/** The answer is ENOSYS: the kernel does without, and most of these it then asks for no more. */
const ABSENT = undefined;

const ACTORS = {
  LOOKUP: lookup,
  FORGET: forget,
  GETATTR: getattr,
  SETATTR: setattr,
  READLINK: readlink,
  SYMLINK: symlink,
  MKNOD: mknod,
  MKDIR: mkdir,
  UNLINK: unlink,
  RMDIR: rmdir,
  RENAME: rename,
  LINK: link,
  OPEN: open,
  READ: read,
  WRITE: write,
  STATFS: statfs,
  RELEASE: release,
  FSYNC: fsync,
  SETXATTR: setxattr,
  GETXATTR: getxattr,
  LISTXATTR: listxattr,
  REMOVEXATTR: removexattr,
  FLUSH: flush,
  // The session begins with it, before there are calls.
  INIT: ABSENT,
  OPENDIR: opendir,
  READDIR: readdir,
  RELEASEDIR: releasedir,
  FSYNCDIR: fsyncdir,
  GETLK: getlk,
  SETLK: setlk,
  SETLKW: setlkw,
  ACCESS: access,
  CREATE: create,
  INTERRUPT: interrupt,
  // A volume is no block device.
  BMAP: ABSENT,
  // Only sent by mounts of block devices.
  DESTROY: ABSENT,
  // The graph has no such fops.
  IOCTL: ABSENT,
  POLL: ABSENT,
  COPY_FILE_RANGE: ABSENT,
  TMPFILE: ABSENT,
  SYNCFS: ABSENT,
  // Nothing is asked for that this would answer.
  NOTIFY_REPLY: ABSENT,
  BATCH_FORGET: batchForget,
  FALLOCATE: fallocate,
  READDIRPLUS: readdirplus,
  RENAME2: rename2,
  LSEEK: lseek,
  // Memory is shared with virtual machines only.
  SETUPMAPPING: ABSENT,
  REMOVEMAPPING: ABSENT,
  // GETATTR tells as much of what the graph knows.
  STATX: ABSENT,
} as const satisfies Record<keyof typeof Opcode, FuseActor | undefined>;

const actors: (FuseActor | undefined)[] = [];
for (const [name, actor] of Object.entries(ACTORS)) actors[Opcode[name as keyof typeof Opcode]] = actor;

/** The actors of all operations by their numbers. */
export const fuseActors: FuseActors = actors;
