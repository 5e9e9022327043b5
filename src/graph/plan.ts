/** Finds the class and the options of every volume of a volfile, before anything is started. */
import { applyOverrides } from '../volfile/overrides.ts';
import { type ReadOptions, readOptions } from './options/read-options.ts';
import { didYouMean } from '../volfile/did-you-mean.ts';
import { FILE_TYPE, loadUserXlator } from './user-xlator.ts';
import { foreignClass, leaveOut } from './options/left-out.ts';
import type { ForeignTable } from './options.ts';
import { parseVolfile, type Stanza } from '../volfile/volfile.ts';
import { masked, printVolfile } from '../volfile/print.ts';
import { shown, VolfileError } from '../volfile/volfile-error.ts';
import { isForOthers, judgeUnknown } from './options/unknown-options.ts';
import type { Registry } from './registry.ts';
import type { Layer, XlatorClass } from './xlator.ts';

export interface GraphSource {
  /** The volfile. */
  readonly text: string;
  /** Its path: for messages, and `type file:…` is relative to its folder. */
  readonly file: string;
  readonly registry: Registry;
  /** Types of other software's layers: those that do nothing here, and those that are refused. */
  readonly foreign?: ForeignTable;
  /** `NAME.OPTION=VALUE`, as --xlator-option has them. */
  readonly overrides?: readonly string[];
}

export interface PlannedVolume {
  readonly stanza: Stanza;
  readonly xlatorClass: XlatorClass;
  readonly read: ReadOptions<any>;
  /** The layer that refuses every change, if this one or all of those below it do. */
  readonly readOnlyBy: Layer | undefined;
}

export interface Plan {
  /** In the volfile's order: a volume's subvolumes come before it. */
  readonly volumes: readonly PlannedVolume[];
  /**
   * Where calls come in: the last volume or, if that is a master, all masters that are a subvolume of no other volume. The
   * last volume is the last of them.
   */
  readonly tops: readonly PlannedVolume[];
  /** One line each: options that have no effect, volumes that are not used. */
  readonly warnings: readonly string[];
  /** One line on the layers and options of GlusterFS that have no effect here, if there are any. */
  readonly note: string | undefined;
}

async function classOf(stanza: Stanza, source: GraphSource): Promise<XlatorClass> {
  const { type, typeWhere } = stanza;
  if (type.startsWith(FILE_TYPE)) return loadUserXlator(type, source.file, typeWhere);
  const known = Object.keys(source.registry);
  if (!known.includes(type)) {
    const foreign = foreignClass(stanza, source.foreign ?? {});
    if (foreign !== undefined) return foreign;
    const expected = `a type that is known (${known.join(', ')}, or file:PATH)`;
    throw VolfileError.expected(typeWhere, expected, `${shown(type)}${didYouMean(type, known)}`);
  }
  return source.registry[type]!();
}

function checkChildren({ name, type, subvolumes, where }: Stanza, xlatorClass: XlatorClass): void {
  const [min, max] = xlatorClass.children ?? [1, 1];
  const count = subvolumes.length;
  if (count >= min && count <= max) return;
  const number = min === max ? `${min === 0 ? 'no' : min}` : max === Infinity ? `at least ${min}` : `${min} to ${max}`;
  const expected = `${number} subvolume${max === 1 ? '' : 's'} for ${type} in volume ${shown(name)}`;
  throw VolfileError.expected(subvolumes[max]?.where ?? where, expected, `${count === 0 ? 'none' : count}`);
}

/** The error for a layer that limits access and is declared, but that no call passes through. */
function withoutEffect({ stanza: { name, type, where } }: PlannedVolume): VolfileError {
  const expected = `volume ${shown(name)} (${type}) as a subvolume of another, since it limits access`;
  return VolfileError.expected(where, expected, 'no volume that uses it');
}

/** The settings without those that an override for many volumes has set here although the layer does not take them. */
function withoutOthers(volume: PlannedVolume, taken: ReadonlySet<string>): PlannedVolume {
  const { stanza, read } = volume;
  const others = new Set(read.unknown.filter(one => isForOthers(one, taken)).map(({ name }) => name));
  if (others.size === 0) return volume;
  const options = new Map([...stanza.options].filter(([name]) => !others.has(name)));
  return { ...volume, stanza: { ...stanza, options } };
}

/** The layer that makes a volume read-only: the volume's own layer, or the one of all its subvolumes. */
function readOnlyBy(
  { name, type, where, subvolumes }: Stanza,
  { readOnly }: XlatorClass,
  values: unknown,
  below: ReadonlyMap<string, PlannedVolume>,
): Layer | undefined {
  if (readOnly?.(values)) return { name, type, where };
  const layers = subvolumes.map(child => below.get(child.name)!.readOnlyBy);
  return layers.every(layer => layer !== undefined) ? layers[0] : undefined;
}

/**
 * Checks a volfile as far as that goes without starting it.
 * @throws {VolfileError} one line with `file:line` and what was expected
 */
export async function planGraph(source: GraphSource): Promise<Plan> {
  const written = applyOverrides(parseVolfile(source.text, source.file), source.overrides ?? []);
  const classes = new Map<string, XlatorClass>();
  for (const stanza of written) classes.set(stanza.name, await classOf(stanza, source));
  const { stanzas, types } = leaveOut(written, classes);
  const planned = new Map<string, PlannedVolume>();
  for (const stanza of stanzas) {
    const xlatorClass = classes.get(stanza.name)!;
    checkChildren(stanza, xlatorClass);
    const read = readOptions(xlatorClass.options ?? {}, stanza, xlatorClass.foreign);
    const by = readOnlyBy(stanza, xlatorClass, read.values, planned);
    planned.set(stanza.name, { stanza, xlatorClass, read, readOnlyBy: by });
  }
  const volumes = [...planned.values()];
  const unknown = await judgeUnknown(volumes, source.registry);
  const used = new Set(stanzas.flatMap(stanza => stanza.subvolumes.map(({ name }) => name)));
  const last = volumes.at(-1)!;
  const isUnused = ({ stanza }: PlannedVolume) => !used.has(stanza.name);
  const tops = last.xlatorClass.isMaster ? volumes.filter(one => one.xlatorClass.isMaster && isUnused(one)) : [last];
  const unused = volumes.filter(volume => isUnused(volume) && !tops.includes(volume));
  const idle = unused.find(({ xlatorClass }) => xlatorClass.limitsAccess);
  if (idle) throw withoutEffect(idle);
  const top = shown(last.stanza.name);
  const warnings = [
    ...volumes.flatMap(({ read }) => read.warnings),
    ...unknown,
    ...unused.map(
      ({ stanza: { name, where } }) =>
        `${where}: volume ${shown(name)} is not used: it is neither the top (${top}) nor a subvolume`,
    ),
  ];
  const taken = new Set(volumes.flatMap(({ read }) => [...read.origins.values()]));
  return {
    volumes: volumes.map(volume => withoutOthers(volume, taken)),
    tops,
    warnings,
    note: noteOf(types, volumes),
  };
}

/** Names, in one line, what GlusterFS has written and has no effect here. */
function noteOf(types: readonly string[], volumes: readonly PlannedVolume[]): string | undefined {
  const options = new Map<string, Set<string>>();
  for (const { stanza, read } of volumes) {
    for (const name of types.includes(stanza.type) ? [] : read.unused) {
      if (!options.has(stanza.type)) options.set(stanza.type, new Set());
      options.get(stanza.type)!.add(name);
    }
  }
  const named = [...options].map(([type, names]) => `${[...names].sort().join(', ')} (${type})`);
  const parts = [
    ...(types.length > 0 ? [`layers that do nothing here: ${types.join(', ')}`] : []),
    ...(named.length > 0 ? [`options without effect here: ${named.join(', ')}`] : []),
  ];
  return parts.length > 0 ? `${parts.join('; ')} (bricknfs options TYPE tells why)` : undefined;
}

/** The effective graph: the volfile with the overrides in it, without secrets. */
export function printPlan(plan: Plan): string {
  return printVolfile(masked(plan.volumes.map(volume => volume.stanza)));
}
