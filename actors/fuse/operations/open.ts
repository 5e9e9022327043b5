import { OpenFlag, ReleaseFlag } from '#protocols/fuse/constants.ts';
import { fuse_create_in, fuse_flush_in, fuse_open_in, fuse_open_out, fuse_release_in } from '#protocols/fuse/file.ts';
import { FsError } from '#src/errno.ts';
import { FileType } from '#src/graph/iatt.ts';
import { FMODE_EXEC, O_DIRECT, O_DSYNC, O_EXCL, O_RDWR, O_SYNC, O_WRONLY } from '#src/sys/constants.ts';
import type { FuseActor } from '#src/xlators/mount/fuse/fuse-actor.ts';
import type { FuseCall } from '#src/xlators/mount/fuse/fuse-call.ts';
import { fuseActor } from '../actor.ts';
import { answerCreated } from '../entry.ts';
import { modeFor } from '../umask.ts';

/** What the graph is told of the flags of open(2). The kernel itself creates, truncates and finds the end of a file. */
const GRAPH_FLAGS = O_WRONLY | O_RDWR | O_SYNC | O_DSYNC | FMODE_EXEC;

/** What closing a file does to the locks of its owner. */
const UNLOCK_ALL = { type: 'unlock', start: 0n, length: 0n } as const;

function openFlags({ serving: { options } }: FuseCall, flags: number): number {
  const direct = options['direct-io-mode'] || (flags & O_DIRECT) !== 0;
  return (direct ? OpenFlag.DIRECT_IO : 0) | (options['fopen-keep-cache'] ? OpenFlag.KEEP_CACHE : 0);
}

/** Answers with an fd that was opened. */
function answerOpen(call: FuseCall, fh: number, open_flags: number): void {
  if (!call.answer(fuse_open_out, { fh, open_flags, backing_id: 0 })) call.serving.files.release(fh);
}

export const open = fuseActor({
  name: 'OPEN',
  args: fuse_open_in,
  changes: false,

  async run(call, inode, { flags }) {
    const { files, volume } = call.serving;
    const wanted = flags & GRAPH_FLAGS;
    const fh = files.add(inode, wanted, await volume.top.open(call.frame, inode, wanted));
    answerOpen(call, fh, openFlags(call, flags));
  },
});

export const opendir = fuseActor({
  name: 'OPENDIR',
  args: fuse_open_in,
  changes: false,

  async run(call, inode) {
    const { files, volume } = call.serving;
    answerOpen(call, files.add(inode, 0, await volume.top.opendir(call.frame, inode)), 0);
  },
});

export const create = fuseActor({
  name: 'CREATE',
  args: fuse_create_in,
  changes: true,

  async run(call, parent, { flags, mode, umask, name }) {
    const { files, nodes, volume } = call.serving;
    const attr = { mode: await modeFor(call, parent, mode, umask) };
    const wanted = flags & (GRAPH_FLAGS | O_EXCL);
    const how = { mode: (flags & O_EXCL) === 0 ? 'unchecked' : 'guarded', attr } as const;
    const { iatt, opened = {} } = await volume.top.create(call.frame, parent, name, how, wanted);
    // Another client has made something else of this name since the kernel has looked.
    if (iatt.type !== FileType.REG) throw new FsError('EEXIST', 'create');
    const nodeid = nodes.learn(iatt, call.header.nodeid, name);
    const fh = files.add(call.inodeOf(nodeid), wanted & ~O_EXCL, opened);
    answerCreated(call, nodeid, iatt, { fh, open_flags: openFlags(call, flags), backing_id: 0 });
  },
});

/** What close(2) asks for. */
export const flush = fuseActor({
  name: 'FLUSH',
  args: fuse_flush_in,
  changes: true,
  closes: true,

  async run(call, _inode, { fh, lock_owner }) {
    const { files, locks, volume } = call.serving;
    const [frame, fd] = [call.lockFrame(lock_owner), files.of(fh)];
    try {
      await volume.top.flush(frame, fd);
    } finally {
      if (!locks.isEmpty) locks.set(frame, fd.inode.gfid, UNLOCK_ALL, undefined);
    }
    call.answerNothing();
  },
});

/** The last descriptor of an open file was closed. */
export const release: FuseActor<fuse_release_in> = {
  name: 'RELEASE',
  args: fuse_release_in,
  changes: true,
  closes: true,

  async run(call, { fh, release_flags, lock_owner }) {
    const { files, locks, volume } = call.serving;
    try {
      if ((release_flags & ReleaseFlag.FLOCK_UNLOCK) === 0) return;
      const [frame, fd] = [call.lockFrame(lock_owner), files.of(fh)];
      locks.set(frame, fd.inode.gfid, UNLOCK_ALL, undefined);
      await volume.top.lk(frame, fd, 'set', UNLOCK_ALL);
    } finally {
      const fd = files.release(fh);
      if (fd !== undefined) locks.forget(fd); // those of OFD, which no request gives up
      call.answerNothing();
    }
  },
};

/** Releases a file or directory in which nothing is locked. */
export const releasedir: FuseActor<fuse_release_in> = {
  name: 'RELEASEDIR',
  args: fuse_release_in,
  changes: true,
  closes: true,

  run(call, { fh }) {
    call.serving.files.release(fh);
    call.answerNothing();
  },
};
