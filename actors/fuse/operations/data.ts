import { FsyncFlag, WriteFlag } from '#protocols/fuse/constants.ts';
import {
  fuse_fallocate_in,
  fuse_fsync_in,
  fuse_lseek_in,
  fuse_lseek_out,
  fuse_read_in,
  fuse_write_in,
  fuse_write_out,
} from '#protocols/fuse/file.ts';
import { FsError } from '#src/errno.ts';
import { Stable } from '#src/graph/fops.ts';
import { setIdOf } from '#src/graph/iatt.ts';
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  O_DSYNC,
  O_SYNC,
  SEEK_DATA,
  SEEK_HOLE,
} from '#src/sys/constants.ts';
import { fuseActor } from '../actor.ts';
import { dropSetId } from '../set-id.ts';

export const read = fuseActor({
  name: 'READ',
  args: fuse_read_in,
  changes: false,

  async run(call, _inode, { fh, offset, size }) {
    const { files, volume } = call.serving;
    const { data, release } = await volume.top.readv(call.openFrame, files.of(fh), size, offset);
    try {
      call.answerBytes(data);
    } finally {
      release?.();
    }
  },
});

const stableOf = (flags: number): Stable =>
  (flags & O_SYNC) === O_SYNC ? Stable.FILE_SYNC : (flags & O_DSYNC) === O_DSYNC ? Stable.DATA_SYNC : Stable.UNSTABLE;

export const write = fuseActor({
  name: 'WRITE',
  args: fuse_write_in,
  changes: true,

  async run(call, inode, { fh, offset, size, write_flags, flags, data }) {
    if (data.length !== size) throw new FsError('EINVAL', 'data of another length than announced');
    const { files, volume } = call.serving;
    const stable = stableOf(flags);
    const { before, after, count } = await volume.top.writev(call.openFrame, files.of(fh), data, offset, stable);
    if ((write_flags & WriteFlag.KILL_SUIDGID) !== 0 && (before === undefined || setIdOf(before.mode) !== 0)) {
      await dropSetId(call, inode, after);
      // The kernel leaves the bits to the file system, and does not know that they are gone.
      call.serving.device.attributesChanged(call.header.nodeid);
    }
    call.answer(fuse_write_out, { size: count });
  },
});

export const fsync = fuseActor({
  name: 'FSYNC',
  args: fuse_fsync_in,
  changes: true,

  async run(call, _inode, { fh, fsync_flags }) {
    const { files, volume } = call.serving;
    await volume.top.fsync(call.openFrame, files.of(fh), (fsync_flags & FsyncFlag.DATASYNC) !== 0);
    call.answerNothing();
  },
});

export const fsyncdir = fuseActor({
  name: 'FSYNCDIR',
  args: fuse_fsync_in,
  changes: true,

  async run(call, _inode, { fh, fsync_flags }) {
    const { files, volume } = call.serving;
    await volume.top.fsyncdir(call.openFrame, files.of(fh), (fsync_flags & FsyncFlag.DATASYNC) !== 0);
    call.answerNothing();
  },
});

export const fallocate = fuseActor({
  name: 'FALLOCATE',
  args: fuse_fallocate_in,
  changes: true,

  async run(call, _inode, { fh, offset, length, mode }) {
    const { top } = call.serving.volume;
    const frame = call.openFrame;
    const fd = call.serving.files.of(fh);
    if (mode === 0 || mode === FALLOC_FL_KEEP_SIZE) await top.fallocate(frame, fd, mode, offset, length);
    else if (mode === (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) await top.discard(frame, fd, offset, length);
    else if (mode === FALLOC_FL_ZERO_RANGE) await top.zerofill(frame, fd, offset, length);
    else throw new FsError('EOPNOTSUPP', 'fallocate of this mode');
    call.answerNothing();
  },
});

export const lseek = fuseActor({
  name: 'LSEEK',
  args: fuse_lseek_in,
  changes: false,

  async run(call, _inode, { fh, offset, whence }) {
    if (whence !== SEEK_DATA && whence !== SEEK_HOLE) throw new FsError('EINVAL', 'lseek from neither data nor hole');
    const { files, volume } = call.serving;
    const what = whence === SEEK_DATA ? 'data' : 'hole';
    call.answer(fuse_lseek_out, { offset: await volume.top.seek(call.openFrame, files.of(fh), offset, what) });
  },
});
