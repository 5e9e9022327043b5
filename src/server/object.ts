/** What there is at a path and what a caller may do with it: a stage is asked, since it has the graph. */
import { errnoOf } from '../errno.ts';
import type { Frame } from '../graph/frame.ts';
import { Access } from '../graph/fops.ts';
import { FileType } from '../graph/iatt.ts';
import { identityOf } from '../graph/identity.ts';
import type { NfsServer } from '../xlators/nfs/server/server.ts';
import { walk } from '../xlators/nfs/server/walk.ts';

/** Plain data, since it is posted to a stage. */
export interface ObjectQuestion {
  readonly client: string;
  /** As whom the caller acts. */
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly volume: string;
  /** The names from the volume's root on, latin1. */
  readonly names: readonly string[];
}

export interface ObjectReport {
  readonly exists: boolean;
  /** The errno, if it could not be looked up. */
  readonly error?: string;
  readonly type?: string;
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** What the brick lets the caller do with it: `rwx`, with - for what it does not. */
  readonly granted?: string;
}

const LOOKUP_MS = 5000;

export async function objectAt(nfs: NfsServer, asked: ObjectQuestion): Promise<ObjectReport> {
  const { client, uid, gid, groups, names } = asked;
  const volume = nfs.volumes.get(asked.volume);
  if (!volume?.up) return { exists: false, error: `volume ${asked.volume} is down` };
  const frame: Frame = { identity: identityOf(uid, gid, groups), client, signal: AbortSignal.timeout(LOOKUP_MS) };
  try {
    const inode = await walk(volume, frame, names);
    const all = Access.READ | Access.WRITE | Access.EXECUTE;
    const { granted, iatt } = await volume.top.access(frame, inode, all);
    const bit = (mask: number, letter: string) => ((granted & mask) === mask ? letter : '-');
    return {
      exists: true,
      type: TYPES[iatt.type],
      mode: iatt.mode.toString(8).padStart(4, '0'),
      uid: iatt.uid,
      gid: iatt.gid,
      granted: bit(Access.READ, 'r') + bit(Access.WRITE, 'w') + bit(Access.EXECUTE, 'x'),
    };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    return { exists: !ABSENT.has(errno), error: errno };
  }
}

const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ESTALE']);

const TYPES: Readonly<Record<FileType, string>> = {
  [FileType.REG]: 'file',
  [FileType.DIR]: 'directory',
  [FileType.BLK]: 'block device',
  [FileType.CHR]: 'character device',
  [FileType.LNK]: 'symbolic link',
  [FileType.SOCK]: 'socket',
  [FileType.FIFO]: 'fifo',
};
