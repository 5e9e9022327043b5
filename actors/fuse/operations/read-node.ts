import { fuse_node_in, fuse_statfs_out } from '#protocols/fuse/object.ts';
import { fuseActor } from '../actor.ts';

/** The unit in which space is counted. */
const BLOCK_BYTES = 4096;

export const readlink = fuseActor({
  name: 'READLINK',
  args: fuse_node_in,
  changes: false,

  async run(call, inode) {
    const { target } = await call.serving.volume.top.readlink(call.openFrame, inode);
    call.answerBytes(Buffer.from(target, 'latin1'));
  },
});

export const statfs = fuseActor({
  name: 'STATFS',
  args: fuse_node_in,
  changes: false,

  async run(call, inode) {
    const found = await call.serving.volume.top.statfs(call.openFrame, inode);
    call.answer(fuse_statfs_out, {
      blocks: Math.floor(found.bytesTotal / BLOCK_BYTES),
      bfree: Math.floor(found.bytesFree / BLOCK_BYTES),
      bavail: Math.floor(found.bytesAvailable / BLOCK_BYTES),
      files: found.filesTotal,
      ffree: found.filesFree,
      bsize: BLOCK_BYTES,
      namelen: found.nameMax,
      frsize: BLOCK_BYTES,
    });
  },
});
