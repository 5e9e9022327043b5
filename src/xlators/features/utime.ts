import type { Fop, Fops, SetAttr, Time, Xdata } from '../../graph/fops.ts';
import type { FopTimes, Frame } from '../../graph/frame.ts';
import type { Fd, Inode } from '../../graph/inode.ts';
import { bool, live } from '../../graph/options.ts';
import { Xlator } from '../../graph/xlator.ts';

const options = {
  noatime: live(bool({ default: true }, 'Reading a file or directory does not change its access time.')),
};

const CTIME = 1;
const MTIME = 2;
const ATIME = 4;
const PARENT = 8 | 16; // ctime and mtime of the directory
const MAKES = CTIME | MTIME | ATIME | PARENT;
const RENAMES = CTIME | PARENT;
/** GlusterFS's own client has fallocate and zerofill set the access time in place of the ctime, which changes as well. */
const WRITES = CTIME | MTIME;

/**
 * The times that each fop sets, which bricks are told in the credentials of the call. `accesses` sets the access time if
 * that is wanted; what setattr sets depends on its arguments.
 */
const SETS: Readonly<Record<Fop, number | 'accesses' | 'attributes'>> = {
  lookup: 0,
  discover: 0,
  stat: 0,
  fstat: 0,
  readlink: 0,
  access: 0,
  mknod: MAKES,
  mkdir: MAKES,
  symlink: MAKES,
  create: MAKES,
  link: RENAMES,
  unlink: RENAMES,
  rmdir: RENAMES,
  rename: RENAMES,
  setattr: 'attributes',
  fsetattr: 'attributes',
  truncate: WRITES,
  ftruncate: WRITES,
  open: 'accesses',
  readv: 'accesses',
  writev: WRITES,
  flush: 0,
  fsync: 0,
  fallocate: WRITES,
  discard: WRITES,
  zerofill: WRITES,
  seek: 0,
  opendir: 'accesses',
  readdir: 0,
  readdirp: 0,
  fsyncdir: 0,
  statfs: 0,
  getxattr: 0,
  fgetxattr: 0,
  setxattr: CTIME,
  fsetxattr: CTIME,
  removexattr: CTIME,
  fremovexattr: CTIME,
  xattrop: 0,
  fxattrop: 0,
  inodelk: 0,
  finodelk: 0,
  entrylk: 0,
  fentrylk: 0,
  lk: 0,
};

/**
 * features/utime: reads the clock once for each fop that sets times, and sends the time down with the frame, so that all
 * replicas of an object have the same times. A brick sets the times that the flags say, and no others.
 */
export class Utime extends Xlator<typeof options> {
  static readonly doc = 'Lets all replicas of a file have the same times, which are those of the server.';
  static readonly options = options;

  protected override wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    const sets = SETS[fop];
    const flags = sets === 'accesses' ? (this.options.noatime ? 0 : ATIME) : sets;
    if (typeof flags === 'number' && flags !== 0) args[0] = timed(args[0], flags, now());
    return super.wind(fop, ...args);
  }

  override setattr(
    frame: Frame,
    inode: Inode,
    attr: SetAttr,
    guard?: Time,
    xdata?: Xdata,
  ): ReturnType<Fops['setattr']> {
    const time = now();
    return super.wind('setattr', timed(frame, changed(attr), time), inode, atTime(attr, time), guard, xdata);
  }

  override fsetattr(frame: Frame, fd: Fd, attr: SetAttr, xdata?: Xdata): ReturnType<Fops['fsetattr']> {
    const time = now();
    return super.wind('fsetattr', timed(frame, changed(attr), time), fd, atTime(attr, time), xdata);
  }
}

/** What {@link performance.now} lacks to the time of the clock that is set, in milliseconds. */
let lack = 0;

/**
 * Reads the clock. JavaScript's tells whole milliseconds, in which a file may change many times, so the fraction comes from
 * the monotonic clock. It never leaves the millisecond, even if the clock is set or slewed.
 */
function now(): Time {
  const wall = Date.now();
  const monotonic = performance.now();
  const ahead = monotonic + lack - wall;
  const fraction = ahead < 0 ? 0 : ahead < 1 ? ahead : 0.999_999;
  if (fraction !== ahead) lack = wall + fraction - monotonic;
  const sec = Math.floor(wall / 1000);
  return { sec, nsec: (wall - sec * 1000) * 1_000_000 + Math.floor(fraction * 1_000_000) };
}

function timed(frame: Frame, flags: number, { sec, nsec }: Time): Frame {
  const times: FopTimes = { flags, sec, nsec };
  return { ...frame, times };
}

/** The times that setattr sets beside those among the attributes, which a brick sets together with the ctime. */
const changed = ({ mode, uid, gid, atime, mtime }: SetAttr): number =>
  mode !== undefined || uid !== undefined || gid !== undefined || (atime === undefined && mtime === undefined)
    ? CTIME
    : 0;

/** The attributes with the time that `'now'` stands for. */
function atTime(attr: SetAttr, time: Time): SetAttr {
  if (attr.atime !== 'now' && attr.mtime !== 'now') return attr;
  const set = { ...attr };
  if (attr.atime === 'now') set.atime = time;
  if (attr.mtime === 'now') set.mtime = time;
  return set;
}
