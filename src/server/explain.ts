/** Whether a call would be let in, by which rule, and as whom it would act: the questions are asked, not the call made. */
import { auth_flavor } from '#protocols/rpc.ts';
import { errnoOf, FsError } from '../errno.ts';
import { identityOf } from '../graph/identity.ts';
import type { Frame } from '../graph/frame.ts';
import { FileType } from '../graph/iatt.ts';
import { Access } from '../graph/fops.ts';
import { groupsOf } from '../sys/groups.ts';
import { squashed, verdict, type Verdict } from '../xlators/nfs/server/access.ts';
import { type Export, hostRulesOf } from '../xlators/nfs/server/exports.ts';
import { type PathTree, splitMountPath } from '../xlators/nfs/server/mount-path.ts';
import type { NfsServer } from '../xlators/nfs/server/server.ts';
import type { Volume } from '../xlators/nfs/server/volume.ts';
import { walk } from '../xlators/nfs/server/walk.ts';
import { fromWire, toWire } from '../wire-text.ts';
import { ControlError } from './control.ts';

/** Who asks for what. */
export interface Question {
  /** The client's address. */
  readonly client: string;
  readonly port: number;
  /** As it would be mounted, or a path below. */
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

export interface Explanation {
  readonly allowed: boolean;
  /** What decided, and where that is written: `file:line`, or `default`. */
  readonly rule: string;
  readonly where: string;
  readonly reason: string;
  readonly export?: string;
  readonly volume?: string;
  /** As whom the caller acts. */
  readonly identity?: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  readonly squash?: { readonly mode: string; readonly applied: boolean; readonly where: string };
  readonly access?: { readonly mode: 'read-write' | 'read-only'; readonly where: string };
  /** The object, as the server finds it; absent when only the rules were asked. */
  readonly object?: ObjectReport;
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

interface Asked {
  readonly explanation: Explanation;
  /** What is to be looked up, if the rules let the caller in. */
  readonly on?: Export;
  readonly rest?: readonly string[];
}

/** What the rules say, without a look at the disk. */
export async function explainRules(
  exports: PathTree<Export>,
  known: readonly string[],
  asked: Question,
): Promise<Asked> {
  const names = namesOf(asked.path);
  const found = exports.find(names);
  if (found === undefined) {
    const reason = `no export has this path; there are ${known.map(fromWire).join(', ') || 'none'}`;
    return { explanation: { allowed: false, rule: 'exports', where: 'default', reason } };
  }
  const { value: on, rest } = found;
  await Promise.all(hostRulesOf(on).map(hosts => hosts.ready(asked.client)));
  const decided: Verdict = verdict(on, { address: asked.client, port: asked.port }, auth_flavor.AUTH_SYS);
  const { uid, gid, groups } = squashed(on, { ...asked, flavor: auth_flavor.AUTH_SYS, machinename: '' });
  const { squash, readOnly } = on.rules;
  const { allowed, rule, where, reason } = decided;
  const explanation: Explanation = {
    allowed,
    rule,
    where,
    reason,
    export: fromWire(on.paths[0]!),
    volume: on.volume,
    identity: { uid, gid, groups },
    squash: {
      mode: squash.value,
      applied: uid !== asked.uid || gid !== asked.gid || groups.join() !== asked.groups.join(),
      where: squash.where,
    },
    access: { mode: readOnly.value ? 'read-only' : 'read-write', where: readOnly.where },
  };
  return { explanation, on, rest };
}

/** As {@link explainRules}, and what there is at the path. */
export async function explain(nfs: NfsServer, asked: Question): Promise<Explanation> {
  const known = nfs.exports.flatMap(({ paths }) => paths);
  const { explanation, on, rest } = await explainRules(nfs.exportPaths, known, asked);
  if (on === undefined || !explanation.allowed) return explanation;
  const { uid, gid, groups } = explanation.identity!;
  const frame: Frame = {
    identity: identityOf(uid, gid, on.rules.auxGids ? await groupsOf(uid, gid) : groups),
    client: asked.client,
    signal: AbortSignal.timeout(5000),
  };
  const object = await objectAt(nfs.volumes.get(on.volume)!, frame, [...on.dir, ...rest!]);
  return { ...explanation, object };
}

function namesOf(path: string): readonly string[] {
  try {
    return splitMountPath(toWire(path));
  } catch (error) {
    if (error instanceof FsError) throw new ControlError(`--path: ${error.message}`);
    throw error;
  }
}

async function objectAt(volume: Volume, frame: Frame, names: readonly string[]): Promise<ObjectReport> {
  if (!volume.up) return { exists: false, error: `volume ${volume.name} is down` };
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
