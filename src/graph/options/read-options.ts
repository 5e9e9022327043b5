import { OptionNames, patternOf } from './option-names.ts';
import type { ForeignOption, ForeignTable, Option, OptionTable, OptionValues } from '../options.ts';
import type { Setting, Stanza } from '../../volfile/volfile.ts';
import { shown, VolfileError } from '../../volfile/volfile-error.ts';

/** An option of a stanza that the table of its layer does not have. */
export interface UnknownOption {
  readonly name: string;
  readonly setting: Setting;
  /** The option that was probably meant, as ` (did you mean "…"?)`, or nothing. */
  readonly meant: string;
}

export interface ReadOptions<O extends OptionTable> {
  readonly values: OptionValues<O>;
  /** Where each option was set (`file:line`), by its name in the volfile. Options left at their defaults are absent. */
  readonly origins: ReadonlyMap<string, string>;
  readonly unknown: readonly UnknownOption[];
  /** The names of options that are set and have no effect, of the kind that needs no warning. */
  readonly unused: readonly string[];
  /** One line for each option that is set and has no effect. */
  readonly warnings: readonly string[];
}

function parse<T>(name: string, option: Option<T>, { value, where }: Setting): T {
  const parsed = option.parse(value);
  if (parsed === undefined) throw VolfileError.expected(where, `${option.expected} for option ${name}`, shown(value));
  return parsed;
}

/** Whether `setting` may take the place of one under another name: only the command line may, and only once. */
function checkTwin(name: string, setting: Setting, twin: string, stanza: Stanza): void {
  if (setting.override && !stanza.options.get(twin)!.override) return;
  throw new VolfileError(setting.where, `expected one of ${twin} and ${name}, which are the same option, found both`);
}

/** What the table says about an option, or about a type, of other software. */
export function foreignRule(name: string, foreign: ForeignTable): ForeignOption | undefined {
  const key = Object.keys(foreign).find(pattern => patternOf(pattern).test(name));
  return key === undefined ? undefined : foreign[key];
}

/**
 * Returns the warning about an option of other software, if there is to be one.
 * @throws {VolfileError} the option must not be ignored
 */
function passedOver(
  name: string,
  { where }: Setting,
  option: ForeignOption,
  { name: volume }: Stanza,
): string | undefined {
  if ('instead' in option) throw VolfileError.expected(where, `${option.instead} in place of it`, shown(name));
  if ('unused' in option) return undefined;
  return `${where}: volume ${shown(volume)}: option ${name} has no effect here: ${option.ignored}`;
}

/**
 * The options of a stanza by the table of its xlator, defaults filled in.
 * @param foreign options of other software: those that may be passed over become warnings, the others stop the start
 * @throws {VolfileError} a value is not what its option expects, is set under two names, is required and not there, or
 *   is for a subvolume that the stanza does not have
 */
export function readOptions<O extends OptionTable>(
  table: O,
  stanza: Stanza,
  foreign: ForeignTable = {},
): ReadOptions<O> {
  const names = new OptionNames(table, stanza);
  const values: Record<string, unknown> = {};
  const origins = new Map<string, string>();
  const setAs = new Map<string, string>();
  const unknown: UnknownOption[] = [];
  const unused: string[] = [];
  const warnings: string[] = [];
  for (const [name, setting] of stanza.options) {
    const found = names.find(name, setting.where);
    if (!found) {
      const rule = foreignRule(name, foreign);
      if (rule === undefined) {
        unknown.push({ name, setting, meant: names.meant(name) });
        continue;
      }
      const warning = passedOver(name, setting, rule, stanza);
      if (warning === undefined) unused.push(name);
      else warnings.push(warning);
      continue;
    }
    const { key, option, subvolume } = found;
    const id = subvolume === undefined ? key : `${key} ${subvolume}`;
    const twin = setAs.get(id);
    if (twin !== undefined) {
      checkTwin(name, setting, twin, stanza);
      origins.delete(twin);
    }
    setAs.set(id, name);
    origins.set(name, setting.where);
    const value = parse(name, option, setting);
    if (subvolume === undefined) values[key] = value;
    else ((values[key] ??= new Map()) as Map<string, unknown>).set(subvolume, value);
  }
  for (const [key, option] of Object.entries(table)) {
    if (Object.hasOwn(values, key)) continue;
    if (option.required) {
      const found = `volume ${shown(stanza.name)} without it`;
      throw VolfileError.expected(stanza.where, `option ${key} (${option.expected})`, found);
    }
    values[key] = option.default;
  }
  return { values: values as OptionValues<O>, origins, unknown, unused, warnings };
}
