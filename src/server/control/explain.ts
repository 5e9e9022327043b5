/** Tells whether a call would be allowed, by which rule, and with which ids it would run, without making the call. */
import { auth_flavor } from '#protocols/rpc.ts';
import { FsError } from '../../errno.ts';
import type { Identity } from '../../graph/frame.ts';
import { squashed, verdict, type Verdict } from '../../xlators/nfs/server/exports/access.ts';
import { type AccessMode, accessOf, type Export, hostRulesOf } from '../../xlators/nfs/server/exports/exports.ts';
import { type PathTree, splitMountPath } from '../../xlators/nfs/server/mount/mount-path.ts';
import { fromWire, toWire } from '../../wire-text.ts';
import { ControlError } from './control.ts';
import type { ObjectReport } from './object.ts';
import type { Server } from '../server.ts';

/** A caller and the path that it would use. */
export interface Question {
  /** The client's address. */
  readonly client: string;
  readonly port: number;
  /** A path that is mounted, or one below it. */
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

export interface Explanation {
  /** Whether the caller may do anything at the path or, if only the rules were asked, whether they admit the client. */
  readonly allowed: boolean;
  /** What decided, and where it is written: `file:line`, `default`, or `on the disk`. */
  readonly rule: string;
  readonly where: string;
  readonly reason: string;
  readonly export?: string;
  readonly volume?: string;
  /** The ids with which the caller acts or, if only the rules were asked, those with which the export lets it act. */
  readonly identity?: Identity;
  /**
   * Whether the server can act with its callers' ids; if not, all act as its own user. Absent if only the rules were
   * asked.
   */
  readonly toldApart?: boolean | undefined;
  readonly squash?: { readonly mode: string; readonly applied: boolean; readonly where: string };
  /** Whether anything can be changed, by which option or layer, and where that is written. */
  readonly access?: AccessMode;
  /** The object, as the server finds it; absent when only the rules were asked. */
  readonly object?: ObjectReport;
}

/** What the rules say. */
interface Asked {
  readonly explanation: Explanation;
  /** The export and the names below it to look up, if the rules admit the caller. */
  readonly on?: Export;
  readonly rest?: readonly string[];
}

/** Applies the rules, without asking the graph. */
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
  const { squash } = on.rules;
  const { allowed, rule, where, reason } = decided;
  const explanation: Explanation = {
    allowed,
    rule,
    where,
    reason,
    export: fromWire(on.paths[0]!),
    volume: on.volume.name,
    identity: { uid, gid, groups },
    squash: {
      mode: squash.value,
      applied: uid !== asked.uid || gid !== asked.gid || groups.join() !== asked.groups.join(),
      where: squash.where,
    },
    access: accessOf(on),
  };
  return { explanation, on, rest };
}

/** Applies the rules as {@link explainRules} does, and looks up the path. */
export async function explain(server: Server, asked: Question): Promise<Explanation> {
  const { exports, paths } = server.planned;
  const known = exports.flatMap(({ paths }) => paths);
  const { explanation, on, rest } = await explainRules(paths, known, asked);
  if (on === undefined || !explanation.allowed) return explanation;
  const object = await server.objectAt({
    client: asked.client,
    identity: explanation.identity!,
    auxGids: on.rules.auxGids,
    volume: on.volume.name,
    dir: on.dir,
    names: rest!,
    readOnly: explanation.access!.mode === 'read-only',
  });
  const { identity, toldApart } = object;
  return { ...explanation, identity, toldApart, ...decisionOf(explanation, object, asked), object };
}

const ON_DISK = 'on the disk';

/** Adds the graph's answer to that of the rules: whether the caller can do anything there, and why not. */
function decisionOf(explanation: Explanation, object: ObjectReport, { client, path }: Question): Partial<Explanation> {
  const { error, granted = '', identity } = object;
  const no = (rule: string, reason: string) => ({ allowed: false, rule, where: ON_DISK, reason });
  const uid = `uid ${identity.uid}`;
  if (error === 'EJUKEBOX')
    return no(error, `volume ${explanation.volume} is down; clients are told to try again later`);
  if (error === 'EACCES') return no(error, `${uid} may not search a directory above ${path}`);
  if (error !== undefined) return no(error, object.exists ? `${path} cannot be examined` : `${path} does not exist`);
  if (granted === '---') {
    const { mode, uid: owner, gid: group } = object;
    return no(`mode ${mode}, owner ${owner}:${group}`, `${uid} may do nothing with ${path}`);
  }
  const reason = `${client} may mount ${explanation.export}, and ${uid} may ${verbs(object)} ${path}`;
  if (!object.readOnly || explanation.access!.mode === 'read-only') return { reason };
  return { reason, access: { mode: 'read-only', by: 'its file system', where: ON_DISK } };
}

/** Says what is granted: `read, write and execute`. */
function verbs({ granted = '', type }: ObjectReport): string {
  const words = [
    ...(granted.includes('r') ? ['read'] : []),
    ...(granted.includes('w') ? ['write'] : []),
    ...(granted.includes('x') ? [type === 'directory' ? 'search' : 'execute'] : []),
  ];
  return [words.slice(0, -1).join(', '), words.at(-1)].filter(part => part !== '').join(' and ');
}

function namesOf(path: string): readonly string[] {
  try {
    return splitMountPath(toWire(path));
  } catch (error) {
    if (error instanceof FsError) throw new ControlError(`--path: ${error.message}`);
    throw error;
  }
}
