import { SetattrValid } from '#protocols/fuse/constants.ts';
import { fuse_access_in, fuse_getattr_in, fuse_setattr_in } from '#protocols/fuse/object.ts';
import type { SetAttr } from '#src/graph/fops.ts';
import { FsError, isGone } from '#src/errno.ts';
import type { Fd, Inode } from '#src/graph/inode.ts';
import type { FuseCall } from '#src/xlators/mount/fuse/fuse-call.ts';
import { fuseActor } from '../actor.ts';
import { answerAttr } from '../entry.ts';
import { dropSetId } from '../set-id.ts';

/**
 * Does what the kernel asks for without naming an fd. A brick of GlusterFS does not find an object that has lost its last
 * name, but knows it by an fd: if there is one, `fop` is called again with that.
 */
async function orOpen<T>(call: FuseCall, inode: Inode, fop: (fd?: Fd) => Promise<T>): Promise<T> {
  try {
    return await fop();
  } catch (error) {
    const fd = isGone(error) ? call.serving.files.anyOf(inode) : undefined;
    if (fd === undefined) throw error;
    return fop(fd);
  }
}

export const getattr = fuseActor({
  name: 'GETATTR',
  args: fuse_getattr_in,
  changes: false,

  async run(call, inode) {
    const { top } = call.serving.volume;
    const frame = call.openFrame;
    answerAttr(
      call,
      await orOpen(call, inode, fd => (fd === undefined ? top.stat(frame, inode) : top.fstat(frame, fd))),
    );
  },
});

function toSetAttr(args: fuse_setattr_in): SetAttr {
  const { valid, mode, uid, gid, size, atime, atimensec, mtime, mtimensec } = args;
  const attr: SetAttr = {};
  if ((valid & SetattrValid.MODE) !== 0) attr.mode = mode & 0o7777;
  if ((valid & SetattrValid.UID) !== 0) attr.uid = uid;
  if ((valid & SetattrValid.GID) !== 0) attr.gid = gid;
  if ((valid & SetattrValid.SIZE) !== 0) attr.size = size;
  if ((valid & SetattrValid.ATIME_NOW) !== 0) attr.atime = 'now';
  else if ((valid & SetattrValid.ATIME) !== 0) attr.atime = { sec: atime, nsec: atimensec };
  if ((valid & SetattrValid.MTIME_NOW) !== 0) attr.mtime = 'now';
  else if ((valid & SetattrValid.MTIME) !== 0) attr.mtime = { sec: mtime, nsec: mtimensec };
  return attr;
}

export const setattr = fuseActor({
  name: 'SETATTR',
  args: fuse_setattr_in,
  changes: true,

  async run(call, inode, args) {
    const { files, volume } = call.serving;
    const attr = toSetAttr(args);
    const fd = (args.valid & SetattrValid.FH) === 0 ? undefined : files.of(args.fh);
    const { after } =
      fd === undefined
        ? await orOpen(call, inode, open =>
            open === undefined
              ? volume.top.setattr(call.frame, inode, attr)
              : volume.top.fsetattr(call.frame, open, attr),
          )
        : await volume.top.fsetattr(call.frame, fd, attr);
    const kills = (args.valid & SetattrValid.KILL_SUIDGID) !== 0;
    const iatt =
      (kills ? await dropSetId(call, inode, after) : after) ?? (await volume.top.stat(call.openFrame, inode));
    answerAttr(call, iatt);
  },
});

/** Asked only of mounts on which the kernel does not decide by the mode itself. */
export const access = fuseActor({
  name: 'ACCESS',
  args: fuse_access_in,
  changes: false,

  async run(call, inode, { mask }) {
    const { granted } = await call.serving.volume.top.access(call.frame, inode, mask);
    if (granted !== mask) throw new FsError('EACCES', 'access');
    call.answerNothing();
  },
});
