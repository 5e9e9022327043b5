import { fuse_link_in, fuse_mkdir_in, fuse_mknod_in, fuse_symlink_in } from '#protocols/fuse/names.ts';
import { FsError } from '#src/errno.ts';
import { fuseActor } from '../actor.ts';
import { deviceOf, typeOfMode } from '../attributes.ts';
import { answerEntry } from '../entry.ts';
import { modeFor } from '../umask.ts';

export const mknod = fuseActor({
  name: 'MKNOD',
  args: fuse_mknod_in,
  changes: true,

  async run(call, parent, { mode, rdev, umask, name }) {
    const type = typeOfMode(mode);
    if (type === undefined) throw new FsError('EINVAL', 'mknod of no type');
    const attr = { mode: await modeFor(call, parent, mode, umask) };
    const { top } = call.serving.volume;
    answerEntry(call, (await top.mknod(call.frame, parent, name, type, attr, deviceOf(rdev))).iatt, name);
  },
});

export const mkdir = fuseActor({
  name: 'MKDIR',
  args: fuse_mkdir_in,
  changes: true,

  async run(call, parent, { mode, umask, name }) {
    const attr = { mode: await modeFor(call, parent, mode, umask) };
    answerEntry(call, (await call.serving.volume.top.mkdir(call.frame, parent, name, attr)).iatt, name);
  },
});

export const symlink = fuseActor({
  name: 'SYMLINK',
  args: fuse_symlink_in,
  changes: true,

  async run(call, parent, { name, target }) {
    answerEntry(call, (await call.serving.volume.top.symlink(call.frame, parent, name, target, {})).iatt, name);
  },
});

export const link = fuseActor({
  name: 'LINK',
  args: fuse_link_in,
  changes: true,
  other: ({ oldnodeid }) => oldnodeid,

  async run(call, parent, { oldnodeid, newname }) {
    const inode = call.inodeOf(oldnodeid);
    answerEntry(call, (await call.serving.volume.top.link(call.frame, inode, parent, newname)).iatt, newname);
  },
});
