/**
 * What becomes of an option that its layer does not take. It is named in a warning and ignored, unless it limits
 * access: ignoring that would leave open what somebody meant to close, so the graph does not start.
 */
import { closest } from './closest.ts';
import { patternOf } from './option-names.ts';
import type { Registry } from './plan.ts';
import type { UnknownOption } from './read-options.ts';
import type { Stanza } from './volfile.ts';
import { shown, VolfileError } from './volfile-error.ts';
import type { XlatorClass } from './xlator.ts';

/** A volume of which all is known but what becomes of its unknown options. */
interface Layer {
  readonly stanza: Stanza;
  readonly xlatorClass: XlatorClass;
  readonly read: { readonly unknown: readonly UnknownOption[]; readonly origins: ReadonlyMap<string, string> };
}

/** A misspelling is taken for an access option of another layer up to this many edits. */
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
      // oxlint-disable-next-line no-await-in-loop -- the first that is wrong, in the volfile's order
      const owner = await ownerOf(name, registry);
      if (owner?.limits) {
        const expected = `option ${owner.option} in a volume of type ${owner.type}`;
        const place = `in volume ${shown(stanza.name)} (${stanza.type}), where it limits nothing`;
        throw VolfileError.expected(setting.where, expected, `${shown(name)} ${place}`);
      }
      const hint = owner === undefined ? meant : ` (it is one of ${owner.type})`;
      warnings.push(
        `${setting.where}: volume ${shown(stanza.name)}: ${stanza.type} has no option ${shown(name)}${hint}, it is ignored`,
      );
    }
  }
  return warnings;
}

/** Of an override for many volumes: some do not take it, others have. */
export function isForOthers({ setting }: UnknownOption, taken: ReadonlySet<string>): boolean {
  return setting.glob === true && taken.has(setting.where);
}

interface Owner {
  readonly type: string;
  readonly option: string;
  readonly limits: boolean;
}

/** The layer that `name` was meant for, if it takes the option, or limits access and has others of its kind. */
async function ownerOf(name: string, registry: Registry): Promise<Owner | undefined> {
  const classes = await Promise.all(
    Object.entries(registry).map(async ([type, load]) => [type, await load()] as const),
  );
  const guards = classes.filter(([, { limitsAccess }]) => limitsAccess);
  const options = (of: typeof classes) =>
    of.flatMap(([type, { options = {} }]) =>
      Object.entries(options).flatMap(([key, { aliases = [], limits = false }]) =>
        [key, ...aliases].map(option => ({ type, option, limits })),
      ),
    );
  const same = options(classes).filter(({ option }) => patternOf(option).test(name));
  if (same.length > 0) return same.find(({ limits }) => limits) ?? same[0]!;
  const limiting = options(classes).filter(({ limits }) => limits);
  const near = closest(
    name,
    limiting.map(({ option }) => option),
    EDITS_MAX,
  );
  if (near !== undefined) return limiting.find(({ option }) => option === near);
  const family = /^[^.]+\./.exec(name)?.[0];
  const kin = family === undefined ? undefined : options(guards).find(({ option }) => option.startsWith(family));
  return kin && { type: kin.type, option: shown(name), limits: true };
}
