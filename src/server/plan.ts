/**
 * Examines a volfile without starting it. It gives the main thread what it must know of the graph that its stages run.
 */
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OptionTable } from '../graph/options.ts';
import { type GraphSource, type Plan, planGraph, type PlannedVolume } from '../graph/plan.ts';
import { shown, VolfileError } from '../volfile/volfile-error.ts';
import { bytesOfText } from '../wire-text.ts';
import { type ExportPlan, planExports } from '../xlators/nfs/server/exports/plan-exports.ts';
import { NfsServer } from '../xlators/nfs/server/nfs-server.ts';
import { waysAround } from '../xlators/nfs/server/exports/ways-around.ts';
import { type NfsOptionValues, OPTIONS } from '../xlators/nfs/server/options.ts';
import { FOREIGN_LAYERS } from '../xlators/foreign.ts';
import { XLATORS } from '../xlators/registry.ts';

export interface Planned extends ExportPlan {
  readonly plan: Plan;
  readonly settings: NfsOptionValues;
}

/**
 * Plans the server without starting anything, and finds the errors that would stop the start at once.
 * @throws {VolfileError}
 */
export async function planServer({ text, file, overrides }: Omit<GraphSource, 'registry'>): Promise<Planned> {
  const plan = await planGraph({
    text,
    file,
    registry: XLATORS,
    foreign: FOREIGN_LAYERS,
    ...(overrides && { overrides }),
  });
  const { stanza, read } = nfsOf(plan);
  await checkDirectories(plan);
  const byName = new Map(plan.volumes.map(volume => [volume.stanza.name, volume]));
  const volumes = stanza.subvolumes.map(({ name }) => ({ name, readOnlyBy: byName.get(name)!.readOnlyBy }));
  const settings = read.values as NfsOptionValues;
  const { exports, paths } = planExports(volumes, { options: settings, origins: read.origins, where: stanza.where });
  const warnings = [...plan.warnings, ...waysAround(exports)];
  return { plan: { ...plan, warnings }, settings, exports, paths };
}

/**
 * Finds the volume through which NFS is served.
 * @throws {VolfileError} there is none, or more than one
 */
function nfsOf({ tops }: Plan): PlannedVolume {
  const [nfs, another] = tops.filter(({ xlatorClass }) => xlatorClass === NfsServer);
  if (nfs === undefined) {
    const { where, type } = tops.at(-1)!.stanza;
    throw VolfileError.expected(where, 'nfs/server as the last volume, the top of the graph', type);
  }
  if (another === undefined) return nfs;
  throw VolfileError.expected(another.stanza.where, 'one nfs/server', `another at ${nfs.stanza.where}`);
}

/** Stands for a file system that has not answered in time. */
const SILENT = Symbol('silent');
/** How long a file system may take to answer. */
const ANSWER_MS = 5000;

const silence = () => sleep(ANSWER_MS, SILENT, { ref: false });

/** Checks the directories in the thread pool, since one may be on a file system that does not answer. */
async function checkDirectories(plan: Plan): Promise<void> {
  for (const { stanza } of plan.volumes) {
    const directory = stanza.type === 'storage/posix' ? stanza.options.get('directory') : undefined;
    if (directory === undefined) continue;
    // One after the other, so that the error names the first directory in the volfile that is wrong.
    const found = await Promise.race([stat(bytesOfText(directory.value)).catch(() => undefined), silence()]);
    if (found === SILENT) {
      throw VolfileError.expected(
        directory.where,
        'a directory',
        `no answer about ${shown(directory.value)} in ${ANSWER_MS / 1000} s`,
      );
    }
    if (found?.isDirectory()) continue;
    const there = `${found ? 'something else' : 'nothing'} at ${shown(directory.value)}`;
    throw VolfileError.expected(directory.where, 'a directory', there);
  }
}

/** Returns the names of the options that differ and are read only when the server starts. */
export function changedAtStart(before: NfsOptionValues, after: NfsOptionValues): string[] {
  const names = Object.keys(OPTIONS) as (keyof NfsOptionValues)[];
  return names
    .filter(name => (OPTIONS as OptionTable)[name]!.effect === 'start' && before[name] !== after[name])
    .sort();
}
