/** What the actors of MOUNT are given; `src/xlators/nfs/server/` implements it. */
import type { Statfs } from '../../../../graph/fops.ts';
import type { PeerLogger } from '../../../../peer-log.ts';
import type { Call } from '../../../../rpcsvc/actor.ts';
import type { MountTable } from './mount-table.ts';

/** What can be mounted, for EXPORT. */
export interface ExportEntry {
  /** Absolute, latin1. */
  readonly directory: string;
  /** The hosts that may mount it: addresses, networks, names; empty for all hosts. */
  readonly groups: readonly string[];
}

export interface Mounted {
  /** The file handle of the directory: 8 to 64 bytes; 32 for version 1. */
  readonly handle: Buffer;
  /** The auth flavors that the export takes, the preferred first. */
  readonly flavors: readonly number[];
}

/** The context of MOUNT's actors, one for each call. */
export interface MountCall {
  readonly call: Call;
  readonly log: PeerLogger;
  readonly mounts: MountTable;
  /**
   * The directory that the caller may mount as `/NAME/…` or under its absolute path. `path` comes as
   * mount-path.ts spells it: absolute, no empty names, no `.` or `..`, no slash at the end.
   * @throws {FsError} EACCES (no such export, or not for this caller), ENOENT, ENOTDIR, ENAMETOOLONG, EIO, …
   */
  mount(path: string): Promise<Mounted>;
  /** The limits that the file system of such a directory has for links and names. @throws {FsError} as {@link mount} */
  pathconf(path: string): Promise<Pick<Statfs, 'linkMax' | 'nameMax'>>;
  /** What there is to mount. */
  exports(): readonly ExportEntry[];
}
