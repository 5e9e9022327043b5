/**
 * Examines a volfile without starting it. It gives the main thread what it must know of the graph that its stages run.
 */
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GraphSource, type Plan, planGraph } from '../graph/plan.ts';
import { shown, VolfileError } from '../volfile/volfile-error.ts';
import { bytesOfText } from '../wire-text.ts';
import { type Export, exportsOf, pathsOf } from '../xlators/nfs/server/exports/exports.ts';
import type { PathTree } from '../xlators/nfs/server/mount/mount-path.ts';
import { NfsServer } from '../xlators/nfs/server/nfs-server.ts';
import { waysAround } from '../xlators/nfs/server/exports/ways-around.ts';
import type { NfsOptionValues } from '../xlators/nfs/server/options.ts';
import { XLATORS } from '../xlators/registry.ts';

export interface Planned {
  readonly plan: Plan;
  readonly settings: NfsOptionValues;
  readonly exports: readonly Export[];
  readonly exportPaths: PathTree<Export>;
}

/**
 * Plans the server without starting anything, and finds the errors that would stop the start at once. @throws
 * {VolfileError}
 */
export async function planServer({ text, file, overrides }: Omit<GraphSource, 'registry'>): Promise<Planned> {
  const plan = await planGraph({ text, file, registry: XLATORS, ...(overrides && { overrides }) });
  const { stanza, read, xlatorClass } = plan.volumes.at(-1)!;
  if (xlatorClass !== NfsServer) {
    throw VolfileError.expected(stanza.where, 'nfs/server as the last volume, the top of the graph', stanza.type);
  }
  await checkDirectories(plan);
  const volumes = stanza.subvolumes.map(({ name }) => name);
  const settings = read.values as NfsOptionValues;
  const readOnlyBy = new Map(plan.volumes.map(volume => [volume.stanza.name, volume.readOnlyBy]));
  const exports = exportsOf(volumes, settings, read.origins, readOnlyBy);
  const warnings = [...plan.warnings, ...waysAround(exports)];
  return { plan: { ...plan, warnings }, settings, exports, exportPaths: pathsOf(exports, stanza.where) };
}

const SILENT = Symbol('silent');
const ANSWER_MS = 5000;

const silence = () => sleep(ANSWER_MS, SILENT, { ref: false });

/** Checks the directories in the thread pool, since one may be on a file system that does not answer. */
async function checkDirectories(plan: Plan): Promise<void> {
  for (const { stanza } of plan.volumes) {
    const directory = stanza.type === 'storage/posix' ? stanza.options.get('directory') : undefined;
    if (directory === undefined) continue;
    // oxlint-disable-next-line no-await-in-loop -- the first that is wrong, in the volfile's order
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
