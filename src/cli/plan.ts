/** A volfile looked at without starting it. */
import { statSync } from 'node:fs';
import { type GraphSource, type Plan, planGraph } from '../graph/plan.ts';
import { shown, VolfileError } from '../graph/volfile-error.ts';
import { type Export, exportsOf } from '../xlators/nfs/server/exports.ts';
import { PathTree } from '../xlators/nfs/server/mount-path.ts';
import { NfsServer } from '../xlators/nfs/server/server.ts';
import type { NfsOptionValues } from '../xlators/nfs/server/options.ts';
import { XLATORS } from '../xlators/registry.ts';
import { textsOf, textOf } from './arguments.ts';
import { readVolfile } from './serve-options.ts';

export const PLAN_OPTIONS = {
  volfile: { type: 'string', alias: 'f', coerce: textOf('--volfile'), describe: 'the volfile' },
  'xlator-option': {
    type: 'string',
    array: true,
    coerce: textsOf('--xlator-option'),
    describe: 'NAME.OPTION=VALUE: an option of a volume; may be repeated',
  },
} as const;

export interface Planned {
  readonly plan: Plan;
  readonly settings: NfsOptionValues;
  readonly exports: readonly Export[];
  readonly exportPaths: PathTree<Export>;
}

/** @throws {VolfileError} */
export async function planVolfile(file: string, overrides: readonly string[]): Promise<Planned> {
  return planText({ text: readVolfile(file), file, overrides });
}

/** What serving it would find wrong at once is found here, without starting anything. @throws {VolfileError} */
export async function planText(source: Omit<GraphSource, 'registry'>): Promise<Planned> {
  const plan = await planGraph({ ...source, registry: XLATORS });
  const { stanza, read, xlatorClass } = plan.volumes.at(-1)!;
  if (xlatorClass !== NfsServer) {
    throw VolfileError.expected(stanza.where, 'nfs/server as the last volume, the top of the graph', stanza.type);
  }
  checkDirectories(plan);
  const volumes = stanza.subvolumes.map(({ name }) => name);
  const settings = read.values as NfsOptionValues;
  const exports = exportsOf(volumes, settings, read.origins);
  const exportPaths = new PathTree<Export>();
  for (const one of exports) {
    for (const path of one.paths) {
      if (!exportPaths.add(path, one)) throw VolfileError.expected(stanza.where, 'each path exported once', path);
    }
  }
  return { plan, settings, exports, exportPaths };
}

function checkDirectories(plan: Plan): void {
  for (const { stanza } of plan.volumes) {
    const directory = stanza.type === 'storage/posix' ? stanza.options.get('directory') : undefined;
    if (directory === undefined) continue;
    const found = statSync(directory.value, { throwIfNoEntry: false });
    if (found?.isDirectory()) continue;
    throw VolfileError.expected(
      directory.where,
      'a directory',
      `${found ? 'none' : 'nothing'} at ${shown(directory.value)}`,
    );
  }
}
