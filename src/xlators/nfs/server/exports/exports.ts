/** Exports: the options of nfs/server made into rules for what may be mounted, by which hosts and with which ids. */
import { shown } from '../../../../volfile/volfile-error.ts';
import type { Layer } from '../../../../graph/xlator.ts';
import type { HostRules } from './hosts.ts';

export type Squash = 'none' | 'root' | 'all';

/**
 * How far writes are answered as more durable than they are: `write` answers UNSTABLE ones as FILE_SYNC, so that the
 * client never asks for a COMMIT; `sync` makes nothing durable at all, and says it has. A power cut loses data that
 * clients believe safe: only for bricks that cannot lose any, or data that may be lost.
 */
export type Trust = 'none' | 'write' | 'sync';

/** A setting, and where it was made: `file:line`, or `default`. */
export interface Rule<T> {
  readonly value: T;
  readonly option: string;
  readonly where: string;
}

/** The rules that hold for a whole volume. */
export interface VolumeRules {
  readonly authNone: Rule<boolean>;
  readonly authSys: Rule<boolean>;
  /** The lists of rejected hosts: the volume's own, and the one for all volumes. */
  readonly rejects: readonly Rule<HostRules>[];
  readonly allow: Rule<HostRules>;
  readonly insecurePorts: Rule<boolean>;
  readonly readOnly: Rule<boolean>;
  readonly squash: Rule<Squash>;
  readonly trust: Trust;
  readonly anonUid: number;
  readonly anonGid: number;
  /** Whether the server looks up the groups of users instead of taking them from calls. */
  readonly auxGids: boolean;
}

/**
 * What the exports need to know of a volume. It is a subvolume that runs, or one in a volfile that is only examined.
 */
export interface ExportedVolume {
  readonly name: string;
  /** The layer that refuses every change, if there is one. */
  readonly readOnlyBy?: Layer | undefined;
}

/** A volume, or a directory in one, that may be mounted. */
export interface Export<V extends ExportedVolume = ExportedVolume> {
  /**
   * Identifies the export within its volume: 0 for the whole volume, otherwise made from the directory's path, so that
   * it stays the same when exports are added or removed.
   */
  readonly id: number;
  readonly volume: V;
  /** The directory's names from the volume's root on, latin1; none for the whole volume. */
  readonly dir: readonly string[];
  /** The directory's path within the volume, latin1; `/` for the whole volume. */
  readonly path: string;
  /** The paths by which clients mount it, latin1. */
  readonly paths: readonly string[];
  /** The hosts that may mount this directory, besides the volume's rules. */
  readonly hosts: Rule<HostRules | undefined>;
  readonly rules: VolumeRules;
}

/** Whether an export is only a part of its volume. */
export const isPart = ({ dir }: Export): boolean => dir.length > 0;

/** The lists that decide on a client's address. */
export function hostRulesOf({ hosts, rules }: Export): HostRules[] {
  const lists = [...rules.rejects.map(({ value }) => value), rules.allow.value, hosts.value];
  return lists.filter(list => list !== undefined);
}

/** Whether anything can be changed through an export, which option or layer decides that, and where it is written. */
export interface AccessMode {
  readonly mode: 'read-write' | 'read-only';
  readonly by: string;
  readonly where: string;
}

export function accessOf({ rules: { readOnly }, volume: { readOnlyBy } }: Export): AccessMode {
  if (readOnly.value || readOnlyBy === undefined) {
    return { mode: readOnly.value ? 'read-only' : 'read-write', by: readOnly.option, where: readOnly.where };
  }
  const { name, type, where } = readOnlyBy;
  return { mode: 'read-only', by: `volume ${shown(name)}, ${type}`, where };
}
