/** Fops on the bytes of a file, and on open files. */
import { OWN } from '../../../../graph/own-frame.ts';
import { GF_LK, GF_LK_TYPE, GF_SEEK } from '#protocols/gluster/constants.ts';
import { ERRNO, FsError } from '../../../../errno.ts';
import * as fops from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import {
  O_CREAT,
  O_EXCL,
  O_TRUNC,
  O_DSYNC,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_ZERO_RANGE,
} from '../../../../sys/constants.ts';
import { ANONYMOUS, type Reopening } from '../fds.ts';
import { FOPS } from '../fops.ts';
import { requireBelowMax } from '../../../../graph/fops/range.ts';
import { fdInstead } from '../nameless.ts';
import type { Remote } from '../remote.ts';
import { requireDone } from '../replies.ts';
import { changed, known, withXdata, wccOf } from './answers.ts';

function checkFile({ type }: Inode): void {
  if (type === FileType.DIR) throw new FsError('EISDIR', 'EISDIR: a directory has no data');
  if (type !== FileType.REG) throw new FsError('EINVAL', 'EINVAL: only a file has data');
}

export async function open(
  remote: Remote,
  frame: Frame,
  inode: Inode,
  flags: number,
  xdata?: fops.Xdata,
): Promise<fops.Opened> {
  checkFile(inode);
  const asked = flags & ~(O_CREAT | O_EXCL);
  const reply = await remote.ask(FOPS.OPEN, { gfid: inode.gfid, flags: asked, xdata }, frame);
  requireDone(reply, 'open');
  return { notes: remote.fds.opened(reply.fd, inode.gfid, asked), ...withXdata(reply.xdata) };
}

/** Closes at the brick what `fd` has open there. */
export function releaseFd(remote: Remote, fd: Fd): void {
  const open = remote.fds.release(fd);
  if (open === undefined) return;
  const procedure = open.flags === undefined ? FOPS.RELEASEDIR : FOPS.RELEASE;
  // If it fails the connection has ended, and the brick has closed it.
  remote.ask(procedure, { gfid: open.gfid, fd: open.number, xdata: undefined }, OWN).catch(() => {});
}

/** How a new connection opens what was open, and locks what was locked. The rights were checked the first time. */
export const reopening = (remote: Remote): Reopening => ({
  async open({ gfid, flags }) {
    const reply =
      flags === undefined
        ? await remote.ask(FOPS.OPENDIR, { gfid, xdata: undefined }, OWN)
        : await remote.ask(FOPS.OPEN, { gfid, flags: flags & ~O_TRUNC, xdata: undefined }, OWN);
    requireDone(reply, 'open');
    return reply.fd;
  },
  async lock({ frame, gfid, lock }, fd) {
    const type = lock.type === 'read' ? GF_LK_TYPE.RDLCK : GF_LK_TYPE.WRLCK;
    const { start, length: len } = lock;
    const flock = { type, whence: 0, start, len, pid: frame.pid ?? 0, lk_owner: frame.lkOwner ?? Buffer.alloc(0) };
    const args = { gfid, fd, cmd: GF_LK.SETLK, type, flock, xdata: undefined };
    const reply = await remote.call(FOPS.LK, args, frame);
    reply.release();
    requireDone(reply.value, 'lk');
  },
});

export async function readv(
  remote: Remote,
  frame: Frame,
  fd: Fd,
  size: number,
  offset: number,
  xdata?: fops.Xdata,
): Promise<fops.ReadReply> {
  const { inode } = fd;
  checkFile(inode);
  const { busy } = remote;
  const open = fd.anonymous ? busy.begin(inode, false) : undefined;
  const args = { gfid: inode.gfid, fd: open?.number ?? remote.fdOf(fd), offset, size, flag: 0, xdata };
  let reply;
  if (open === undefined) {
    const asked = remote.call(FOPS.READ, args, frame);
    if (fd.anonymous) busy.count(inode, false);
    reply = await asked;
  } else {
    try {
      reply = await remote.call(FOPS.READ, args, frame);
    } finally {
      busy.end(open);
    }
    if (busy.isToRepeat(open, reply.value, reply.value.stat?.nlink)) {
      reply.release();
      args.fd = ANONYMOUS;
      reply = await remote.call(FOPS.READ, args, frame);
    }
  }
  const instead = fd.anonymous ? fdInstead(remote, frame, inode.gfid, reply.value) : undefined;
  if (instead !== undefined) {
    reply.release();
    args.fd = instead;
    reply = await remote.call(FOPS.READ, args, frame);
  }
  const { value } = reply;
  try {
    requireDone(value, 'readv');
    const { data } = value;
    if (data.length > size || data.length !== value.op_ret) {
      throw new FsError('EREMOTEIO', `EREMOTEIO: ${remote.name} answers readv with ${data.length} bytes`);
    }
    return {
      data,
      // The one case in which the errno of a success says something.
      eof: value.op_errno === ERRNO.ENOENT || (data.length === 0 && size > 0),
      iatt: known(remote, value.stat, 'readv'),
      release: () => reply.release(),
      ...withXdata(value.xdata),
    };
  } catch (error) {
    reply.release();
    throw error;
  }
}

export async function writev(
  remote: Remote,
  frame: Frame,
  fd: Fd,
  data: Buffer,
  offset: number,
  stable: fops.Stable,
  xdata?: fops.Xdata,
): Promise<fops.Written> {
  const { inode } = fd;
  checkFile(inode);
  requireBelowMax(offset + data.length);
  const { busy } = remote;
  const open = fd.anonymous ? busy.begin(inode, true) : undefined;
  const flag = stable === fops.Stable.UNSTABLE ? 0 : O_DSYNC;
  const number = open?.number ?? remote.fdOf(fd);
  const args = { gfid: inode.gfid, fd: number, offset, size: data.length, flag, xdata, data };
  let reply;
  if (open === undefined) {
    const asked = remote.ask(FOPS.WRITE, args, frame);
    if (fd.anonymous) busy.count(inode, true);
    reply = await asked;
  } else {
    try {
      reply = await remote.ask(FOPS.WRITE, args, frame);
    } finally {
      busy.end(open);
    }
    if (busy.isToRepeat(open, reply, reply.poststat?.nlink)) {
      args.fd = ANONYMOUS;
      reply = await remote.ask(FOPS.WRITE, args, frame);
    }
  }
  const instead = fd.anonymous ? fdInstead(remote, frame, inode.gfid, reply) : undefined;
  if (instead !== undefined) {
    args.fd = instead;
    reply = await remote.ask(FOPS.WRITE, args, frame);
  }
  busy.written(reply);
  requireDone(reply, 'writev');
  const count = reply.op_ret;
  if (count > data.length) throw new FsError('EREMOTEIO', `EREMOTEIO: ${remote.name} has written too much`);
  if (flag === 0) remote.hasUnsynced = true;
  // With the flag the brick has called fsync(2).
  const reached = flag === 0 ? fops.Stable.UNSTABLE : fops.Stable.FILE_SYNC;
  return { ...wccOf(remote, reply.prestat, reply.poststat), count, stable: reached, ...withXdata(reply.xdata) };
}

export async function flush(remote: Remote, frame: Frame, fd: Fd, xdata?: fops.Xdata): Promise<void> {
  try {
    const args = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), xdata };
    requireDone(await remote.ask(FOPS.FLUSH, args, frame), 'flush');
  } finally {
    remote.fds.flushed(frame, fd); // without a connection, too: the next one must not take the locks again
  }
}

export async function fsync(
  remote: Remote,
  frame: Frame,
  fd: Fd,
  dataOnly: boolean,
  xdata?: fops.Xdata,
): Promise<fops.WccReply> {
  const args = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), data: dataOnly ? 1 : 0, xdata };
  let reply = await remote.ask(FOPS.FSYNC, args, frame);
  const instead = fd.anonymous ? fdInstead(remote, frame, args.gfid, reply) : undefined;
  if (instead !== undefined) reply = await remote.ask(FOPS.FSYNC, { ...args, fd: instead }, frame);
  return changed(remote, reply, 'fsync');
}

export async function truncate(
  remote: Remote,
  frame: Frame,
  inode: Inode,
  size: number,
  xdata?: fops.Xdata,
): Promise<fops.WccReply> {
  checkFile(inode);
  requireBelowMax(size);
  const reply = await remote.ask(FOPS.TRUNCATE, { gfid: inode.gfid, offset: size, xdata }, frame);
  return changed(remote, reply, 'truncate');
}

export async function ftruncate(
  remote: Remote,
  frame: Frame,
  fd: Fd,
  size: number,
  xdata?: fops.Xdata,
): Promise<fops.WccReply> {
  checkFile(fd.inode);
  requireBelowMax(size);
  const args = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), offset: size, xdata };
  return changed(remote, await remote.ask(FOPS.FTRUNCATE, args, frame), 'ftruncate');
}

/** Each mode of fallocate(2) is a fop of its own, as far as a brick has it. */
export async function fallocate(
  remote: Remote,
  frame: Frame,
  fd: Fd,
  mode: number,
  offset: number,
  length: number,
  xdata?: fops.Xdata,
): Promise<fops.WccReply> {
  if (mode === (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) return discard(remote, frame, fd, offset, length, xdata);
  if (mode === FALLOC_FL_ZERO_RANGE) return zerofill(remote, frame, fd, offset, length, xdata);
  if (mode !== 0 && mode !== FALLOC_FL_KEEP_SIZE)
    throw new FsError('EOPNOTSUPP', `EOPNOTSUPP: fallocate of mode ${mode}`);
  const reply = await remote.ask(FOPS.FALLOCATE, { ...rangeOf(remote, fd, offset, length, xdata), flags: mode }, frame);
  return changed(remote, reply, 'fallocate');
}

export const discard = onRange('DISCARD', 'discard');
export const zerofill = onRange('ZEROFILL', 'zerofill');

function onRange(procedure: 'DISCARD' | 'ZEROFILL', what: string) {
  return async (
    remote: Remote,
    frame: Frame,
    fd: Fd,
    offset: number,
    length: number,
    xdata?: fops.Xdata,
  ): Promise<fops.WccReply> => {
    const reply = await remote.ask(FOPS[procedure], rangeOf(remote, fd, offset, length, xdata), frame);
    return changed(remote, reply, what);
  };
}

function rangeOf(remote: Remote, fd: Fd, offset: number, size: number, xdata: fops.Xdata | undefined) {
  checkFile(fd.inode);
  requireBelowMax(offset + size);
  return { gfid: fd.inode.gfid, fd: remote.fdOf(fd), offset, size, xdata };
}

export async function seek(
  remote: Remote,
  frame: Frame,
  fd: Fd,
  offset: number,
  what: 'data' | 'hole',
  xdata?: fops.Xdata,
): Promise<number> {
  checkFile(fd.inode);
  const from = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), offset, xdata };
  const reply = await remote.ask(FOPS.SEEK, { ...from, what: what === 'data' ? GF_SEEK.DATA : GF_SEEK.HOLE }, frame);
  requireDone(reply, 'seek');
  return reply.offset;
}
