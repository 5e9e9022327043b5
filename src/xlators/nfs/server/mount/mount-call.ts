/** What the actors of MOUNT are given; `src/xlators/nfs/server/` implements it. */
import type { Statfs } from '../../../../graph/fops.ts';
import type { PeerLogger } from '../../../../peer-log.ts';
import type { Call } from '../../../../rpcsvc/actor.ts';
import type { MountTable } from './mount-table.ts';

/** An entry in the reply of EXPORT: a path that can be mounted. */
export interface ExportEntry {
  /** Absolute, latin1. */
  readonly directory: string;
  /** The hosts that may mount it: addresses, networks, names; empty for all hosts. */
  readonly groups: readonly string[];
}

/** The answer to a MNT that succeeds. */
export interface Mounted {
  /** The file handle of the directory: at most 64 bytes, and 32 bytes for version 1. */
  readonly handle: Buffer;
  /** The auth flavors that the export accepts, the preferred one first. */
  readonly flavors: readonly number[];
}

/** The context of MOUNT's actors, one for each call. */
export interface MountCall {
  readonly call: Call;
  /** Aborted when a call that waits for something should end, since its graph is to be taken down. */
  readonly ending: AbortSignal;
  readonly log: PeerLogger;
  readonly mounts: MountTable;
  /**
   * Finds the directory that the caller may mount by `path`, which is spelt as `joinMountPath` spells it: absolute,
   * without empty names, `.`, `..` or a slash at the end.
   * @throws {FsError} EACCES (no such export, or not for this caller), ENOENT, ENOTDIR, ENAMETOOLONG, EIO, …
   */
  mount(path: string): Promise<Mounted>;
  /** Returns the limits of the directory's file system for links and names. @throws {FsError} like {@link mount} */
  pathconf(path: string): Promise<Pick<Statfs, 'linkMax' | 'nameMax'>>;
  /** Returns everything that can be mounted. */
  exports(): readonly ExportEntry[];
}
