import { COOKIE_MAX } from '../../../../graph/fops/cookies.ts';
import { ERRNO, FsError } from '../../../../errno.ts';
import { type Dirent, direntBytes, type DirList, type Opened, type Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { FOPS } from '../fops.ts';
import { iattOf } from '../iatt.ts';
import type { Remote } from '../remote.ts';
import { requireDone } from '../replies.ts';
import { known, withXdata } from './answers.ts';
import { isName } from './name-checks.ts';

/**
 * How a brick counts an entry with a name of usual length: by the bytes that it takes in its memory. It answers as many
 * entries as have room in the size that it is asked for, and in 128 KiB (GlusterFS 10.3).
 */
const BRICK_ENTRY_BYTES = 228;
const BRICK_BYTES_MAX = 128 * 1024;
const NAME_BYTES_USUAL = 16;
/** How much of a name that is none goes into a message. */
const SHOWN_MAX = 60;

/** How many bytes a brick is asked for, so that a listing of `size` bytes is filled and few entries are left over. */
function brickBytes(size: number, hasIatt: boolean): number {
  const entries = Math.floor(size / direntBytes(NAME_BYTES_USUAL, hasIatt)) + 1;
  // Names of any length have room for one entry.
  return Math.min(BRICK_BYTES_MAX, Math.max(entries, 3) * BRICK_ENTRY_BYTES);
}

export async function opendir(remote: Remote, frame: Frame, inode: Inode, xdata?: Xdata): Promise<Opened> {
  if (inode.type !== FileType.DIR) throw new FsError('ENOTDIR', 'ENOTDIR: opendir');
  const reply = await remote.ask(FOPS.OPENDIR, { gfid: inode.gfid, xdata }, frame);
  requireDone(reply, 'opendir');
  return { notes: remote.fds.opened(reply.fd, inode.gfid), ...withXdata(reply.xdata) };
}

/** Checks all entries, and gives them what a brick does not tell. */
function checked(remote: Remote, entries: readonly Dirent[]): void {
  const { fsid } = remote;
  for (const { name, cookie, iatt } of entries) {
    if (cookie > COOKIE_MAX || !isName(name)) throw wrongEntry(remote, name, cookie);
    if (iatt !== undefined) iattOf(iatt, fsid);
  }
}

function wrongEntry(remote: Remote, name: string, cookie: bigint): FsError {
  const entry = `${JSON.stringify(name.slice(0, SHOWN_MAX))} with the cookie ${cookie}`;
  return new FsError('EREMOTEIO', `EREMOTEIO: ${remote.name} answers readdirp with ${entry}`);
}

const withoutIatt = ({ name, ino, cookie, xdata }: Dirent): Dirent => ({ name, ino, cookie, ...withXdata(xdata) });

/** How many of the entries have room in `size` bytes; the first one has in any case. */
function fitting(entries: readonly Dirent[], size: number): number {
  let bytes = 0;
  for (let i = 0; i < entries.length; i++) {
    const { name, iatt } = entries[i]!;
    bytes += direntBytes(name.length, iatt !== undefined);
    if (bytes > size && i > 0) return i;
  }
  return entries.length;
}

/**
 * Lists a directory by READDIRP. READDIR would do for names alone, but its numbers of inodes are those of the brick's
 * disk, where all other replies have those that follow from the gfid.
 */
async function list(
  remote: Remote,
  frame: Frame,
  fd: Fd,
  size: number,
  cookie: bigint,
  withIatt: boolean,
  xdata?: Xdata,
): Promise<DirList> {
  if (frame.narrowCookies) throw new FsError('EOVERFLOW', 'the cookies of a brick have 63 bits');
  const { gfid } = fd.inode;
  const args = { gfid, fd: remote.fdOf(fd), offset: cookie, size: brickBytes(size, withIatt), xdata };
  const [listed, own] = await Promise.all([
    remote.ask(FOPS.READDIRP, args, frame),
    remote.ask(FOPS.STAT, { gfid, xdata: undefined }, frame),
  ]);
  requireDone(listed, 'readdirp');
  requireDone(own, 'stat');
  const iatt = known(remote, own.stat, 'stat');
  checked(remote, listed.reply);
  const entries = withIatt ? listed.reply : listed.reply.map(withoutIatt);
  const last = entries.at(-1);
  // A listing that goes on from there would never come to an end.
  if (last?.cookie === cookie && listed.op_errno !== ERRNO.ENOENT) throw wrongEntry(remote, last.name, last.cookie);
  const fit = fitting(entries, size);
  const eof = fit === entries.length && (entries.length === 0 || listed.op_errno === ERRNO.ENOENT);
  entries.length = fit;
  return { entries, eof, iatt, ...withXdata(listed.xdata) };
}

export const readdir = (
  remote: Remote,
  frame: Frame,
  fd: Fd,
  size: number,
  cookie: bigint,
  xdata?: Xdata,
): Promise<DirList> => list(remote, frame, fd, size, cookie, false, xdata);

export const readdirp = (
  remote: Remote,
  frame: Frame,
  fd: Fd,
  size: number,
  cookie: bigint,
  xdata?: Xdata,
): Promise<DirList> => list(remote, frame, fd, size, cookie, true, xdata);

export async function fsyncdir(remote: Remote, frame: Frame, fd: Fd, dataOnly: boolean, xdata?: Xdata): Promise<void> {
  const args = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), data: dataOnly ? 1 : 0, xdata };
  requireDone(await remote.ask(FOPS.FSYNCDIR, args, frame), 'fsyncdir');
}
