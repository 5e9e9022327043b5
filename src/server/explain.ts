/** Whether a call would be let in, by which rule, and as whom it would act: the questions are asked, not the call made. */
import { auth_flavor } from '#protocols/rpc.ts';
import { FsError } from '../errno.ts';
import { groupsOf } from '../sys/groups.ts';
import { squashed, verdict, type Verdict } from '../xlators/nfs/server/access.ts';
import { type Export, hostRulesOf } from '../xlators/nfs/server/exports.ts';
import { type PathTree, splitMountPath } from '../xlators/nfs/server/mount-path.ts';
import { fromWire, toWire } from '../wire-text.ts';
import { ControlError } from './control.ts';
import type { ObjectReport } from './object.ts';
import type { Server } from './server.ts';

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
export async function explain(server: Server, asked: Question): Promise<Explanation> {
  const { exports, exportPaths } = server.planned;
  const known = exports.flatMap(({ paths }) => paths);
  const { explanation, on, rest } = await explainRules(exportPaths, known, asked);
  if (on === undefined || !explanation.allowed) return explanation;
  const { uid, gid, groups } = explanation.identity!;
  const object = await server.objectAt({
    client: asked.client,
    uid,
    gid,
    groups: on.rules.auxGids ? await groupsOf(uid, gid) : groups,
    volume: on.volume,
    names: [...on.dir, ...rest!],
  });
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
