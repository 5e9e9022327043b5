/**
 * Decides about options that a layer does not take. Such an option is named in a warning and ignored, unless it limits
 * access: ignoring that would leave open what the administrator meant to close, so the graph does not start.
 */
import { closest } from '../../volfile/did-you-mean.ts';
import { patternOf } from './option-names.ts';
import type { Registry } from '../registry.ts';
import type { UnknownOption } from './read-options.ts';
import type { Stanza } from '../../volfile/volfile.ts';
import { shown, VolfileError } from '../../volfile/volfile-error.ts';
import type { XlatorClass } from '../xlator.ts';

/** A volume whose options have been read, except for those that its layer does not know. */
interface Layer {
  readonly stanza: Stanza;
  readonly xlatorClass: XlatorClass;
  readonly read: { readonly unknown: readonly UnknownOption[]; readonly origins: ReadonlyMap<string, string> };
}

/** The greatest number of edits at which a name counts as a misspelling of another layer's access option. */
const EDITS_MAX = 2;

/**
 * One warning for each option that is ignored.
 * @throws {VolfileError} one that limits access, or may do so, is not understood where it stands
 */
export async function judgeUnknown(layers: readonly Layer[], registry: Registry): Promise<string[]> {
  const taken = new Set(layers.flatMap(({ read }) => [...read.origins.values()]));
  const warnings: string[] = [];
  for (const { stanza, xlatorClass, read } of layers) {
    for (const unknown of read.unknown) {
      if (isForOthers(unknown, taken)) continue;
      const { name, setting, meant } = unknown;
      const found = `${shown(name)}${meant}`;
      if (xlatorClass.limitsAccess) {
        throw VolfileError.expected(
          setting.where,
          `an option of ${stanza.type} in volume ${shown(stanza.name)}`,
          found,
        );
      }
      // The first that is wrong, in the volfile's order.
      const owner = await ownerOf(name, registry);
      if (owner?.limits) {
        const place = `in volume ${shown(stanza.name)} (${stanza.type}), where it limits nothing`;
        throw VolfileError.expected(setting.where, owner.expected, `${shown(name)} ${place}`);
      }
      const hint = owner === undefined ? meant : ` (it is one of ${owner.type})`;
      warnings.push(
        `${setting.where}: volume ${shown(stanza.name)}: ${stanza.type} has no option ${shown(name)}${hint}; it is ignored`,
      );
    }
  }
  return warnings;
}

/** Whether the option comes from an override for many volumes of which some take it. The others may pass over it. */
export function isForOthers({ setting }: UnknownOption, taken: ReadonlySet<string>): boolean {
  return setting.glob === true && taken.has(setting.where);
}

/** An option of some layer. */
interface Owned {
  readonly type: string;
  /** As in its table, with `*` for a subvolume. */
  readonly option: string;
  readonly limits: boolean;
  /** What should be written instead, and where. */
  readonly expected: string;
}

/**
 * Finds the option of another layer that `name` probably means: one of that name, a similar one that limits access, or
 * one of the same family.
 */
async function ownerOf(name: string, registry: Registry): Promise<Owned | undefined> {
  const classes = await Promise.all(
    Object.entries(registry).map(async ([type, load]) => [type, await load()] as const),
  );
  const all = classes.flatMap(([type, xlatorClass]) => ownedBy(type, xlatorClass));
  const same = all.filter(({ option }) => patternOf(option).test(name));
  if (same.length > 0) return same.find(({ limits }) => limits) ?? same[0]!;
  const limiting = all.filter(({ limits }) => limits);
  return nearest(name, limiting, option => option) ?? nearest(name, limiting, lastPart) ?? kinOf(name, classes);
}

function ownedBy(type: string, { options = {}, foreign = {} }: XlatorClass): Owned[] {
  const at = `in a volume of type ${type}`;
  const own = Object.entries(options).flatMap(([key, { aliases = [], limits = false }]) =>
    [key, ...aliases].map(option => ({
      type,
      option,
      limits,
      expected: `option ${option.replace('*', 'VOLUME')} ${at}`,
    })),
  );
  const refused = Object.entries(foreign).flatMap(([option, rule]) =>
    'instead' in rule ? [{ type, option, limits: true, expected: `${rule.instead} ${at}` }] : [],
  );
  return [...own, ...refused];
}

const lastPart = (option: string) => option.slice(option.lastIndexOf('.') + 1);

/** The option whose name, as `part` makes it, is `name` or a misspelling of it. */
function nearest(name: string, options: readonly Owned[], part: (option: string) => string): Owned | undefined {
  const parts = new Map(options.map(owned => [part(owned.option), owned]));
  parts.delete('*');
  const near = closest(name, parts.keys(), name.length > EDITS_MAX * 3 ? EDITS_MAX : 0);
  return near === undefined ? undefined : parts.get(near);
}

/** Finds a layer that limits access and whose options begin as `name` does: `rpc-auth.…`. */
function kinOf(name: string, classes: readonly (readonly [string, XlatorClass])[]): Owned | undefined {
  const family = /^[^.]+\./.exec(name)?.[0];
  const kin = classes.find(
    ([, { limitsAccess, options = {} }]) =>
      limitsAccess && family !== undefined && Object.keys(options).some(option => option.startsWith(family)),
  );
  const type = kin?.[0];
  return type === undefined
    ? undefined
    : { type, option: name, limits: true, expected: `an option ${family}… in a volume of type ${type}` };
}
