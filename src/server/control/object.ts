/** Reports what is at a path and what a caller may do with it. A stage answers this, since it has the graph. */
import { errnoOf } from '../../errno.ts';
import type { Frame, Identity } from '../../graph/frame.ts';
import { Access } from '../../graph/fops.ts';
import { FileType, isStored } from '../../graph/iatt.ts';
import { identityOf, ROOT } from '../../graph/identity.ts';
import { groupsOf } from '../../sys/process/groups.ts';
import { canSwitch, SERVER } from '../../sys/process/identity.ts';
import type { NfsServer } from '../../xlators/nfs/server/nfs-server.ts';
import { walk } from '../../xlators/nfs/server/mount/walk.ts';

/** A question about a path. It is plain data, since it is posted to a stage. */
export interface ObjectQuestion {
  readonly client: string;
  /** The ids with which the export lets the caller act. */
  readonly identity: Identity;
  /** Whether the server looks up the caller's groups instead of taking them from the call. */
  readonly auxGids: boolean;
  readonly volume: string;
  /** The names from the volume's root to where the export begins, latin1, which the server walks itself. */
  readonly dir: readonly string[];
  /** The names from there on, which the caller looks up. */
  readonly names: readonly string[];
  /** Whether the export refuses changes, because of an option or a layer. */
  readonly readOnly: boolean;
}

export interface ObjectReport {
  /** The ids with which the caller acts: those of the server's own user if `toldApart` is false. */
  readonly identity: Identity;
  /** Absent if the stage has not answered. */
  readonly toldApart?: boolean;
  readonly exists: boolean;
  /** The errno, if it could not be looked up: `EJUKEBOX` if the volume is down, `ETIMEDOUT` if its disk is slow. */
  readonly error?: string;
  readonly type?: string;
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** What the graph lets the caller do with it: `rwx`, with - for what it does not. */
  readonly granted?: string;
  /** Whether the file system is mounted read-only, or a layer makes it so. */
  readonly readOnly?: boolean;
}

/** How long the look-up may take. */
const LOOKUP_MS = 5000;

export async function objectAt(nfs: NfsServer, asked: ObjectQuestion): Promise<ObjectReport> {
  const who = { identity: await actingAs(asked), toldApart: canSwitch };
  const subvolume = nfs.subvolumes.get(asked.volume);
  if (!subvolume?.up) return { ...who, exists: false, error: 'EJUKEBOX' };
  const { volume } = subvolume;
  const { client, dir, names } = asked;
  const signal = AbortSignal.timeout(LOOKUP_MS);
  const frame: Frame = {
    identity: identityOf(who.identity.uid, who.identity.gid, who.identity.groups),
    client,
    signal,
  };
  try {
    const top = await walk(volume, { ...frame, identity: ROOT }, dir);
    const inode = await walk(volume, frame, names, top);
    const iatt = await volume.top.stat(frame, inode);
    const { granted } = await volume.top.access(frame, inode, Access.READ | Access.WRITE | Access.EXECUTE);
    const { readOnly } = await volume.top.statfs(frame, inode);
    const refused = (asked.readOnly || readOnly) && isStored(iatt.type) ? Access.WRITE : 0;
    const bit = (mask: number, letter: string) => ((granted & ~refused & mask) === mask ? letter : '-');
    return {
      ...who,
      exists: true,
      type: TYPES[iatt.type],
      mode: iatt.mode.toString(8).padStart(4, '0'),
      uid: iatt.uid,
      gid: iatt.gid,
      granted: bit(Access.READ, 'r') + bit(Access.WRITE, 'w') + bit(Access.EXECUTE, 'x'),
      readOnly,
    };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    return { ...who, exists: !ABSENT.has(errno), error: errno };
  }
}

/** Returns the ids with which a stage makes the caller's calls. */
async function actingAs({ identity, auxGids }: ObjectQuestion): Promise<Identity> {
  if (!canSwitch) return SERVER;
  const { uid, gid } = identity;
  return auxGids ? { uid, gid, groups: await groupsOf(uid, gid) } : identity;
}

/** Errors that mean that nothing is at the path. */
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
