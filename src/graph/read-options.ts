import { didYouMean } from './closest.ts';
import type { Option, OptionTable, OptionValues } from './options.ts';
import type { Setting, Stanza } from './volfile.ts';
import { shown, VolfileError } from './volfile-error.ts';

export interface ReadOptions<O extends OptionTable> {
  readonly values: OptionValues<O>;
  /** Where each option was set (`file:line`), by its name in the volfile. Options left at their defaults are absent. */
  readonly origins: ReadonlyMap<string, string>;
  /** One line for each option of the stanza that the table does not have. */
  readonly unknown: readonly string[];
}

interface Pattern {
  readonly key: string;
  readonly regexp: RegExp;
  readonly of: Option<unknown>;
}

/** A table made ready for look-ups by the names that a volfile may use. */
class Names {
  readonly #keys = new Map<string, string>();
  readonly #patterns: Pattern[] = [];

  constructor(table: OptionTable) {
    for (const [key, option] of Object.entries(table)) {
      for (const name of [key, ...(option.aliases ?? [])]) {
        if (!option.each) {
          this.#keys.set(name, key);
          continue;
        }
        const source = name
          .split('*')
          .map(part => RegExp.escape(part))
          .join('(.+)');
        this.#patterns.push({ key, regexp: new RegExp(`^${source}$`, 's'), of: option.each });
      }
    }
  }

  /** An exact name is preferred to a pattern, an earlier pattern to a later one. */
  find(name: string): { key: string; each?: { name: string; of: Option<unknown> } } | undefined {
    const key = this.#keys.get(name);
    if (key !== undefined) return { key };
    for (const { key, regexp, of } of this.#patterns) {
      const [, part] = regexp.exec(name) ?? [];
      if (part !== undefined) return { key, each: { name: part, of } };
    }
    return undefined;
  }

  all(): Iterable<string> {
    return this.#keys.keys();
  }
}

function parse<T>(name: string, option: Option<T>, { value, where }: Setting): T {
  const parsed = option.parse(value);
  if (parsed === undefined) throw VolfileError.expected(where, `${option.expected} for option ${name}`, shown(value));
  return parsed;
}

/**
 * The options of a stanza by the table of its xlator, defaults filled in.
 * @throws {VolfileError} a value is not what its option expects, is set under two names, or is required and not there
 */
export function readOptions<O extends OptionTable>(table: O, stanza: Stanza): ReadOptions<O> {
  const names = new Names(table);
  const values: Record<string, unknown> = {};
  const origins = new Map<string, string>();
  const setAs = new Map<string, string>();
  const unknown: string[] = [];
  for (const [name, setting] of stanza.options) {
    const found = names.find(name);
    if (!found) {
      unknown.push(
        `${setting.where}: volume ${shown(stanza.name)}: ${stanza.type} has no option ${shown(name)}` +
          `${didYouMean(name, names.all())}, it is ignored`,
      );
      continue;
    }
    const { key, each } = found;
    const id = each ? `${key} ${each.name}` : key;
    const twin = setAs.get(id);
    if (twin !== undefined && setting.override) {
      origins.delete(twin);
    } else if (twin !== undefined) {
      throw new VolfileError(
        setting.where,
        `expected one of ${twin} and ${name}, which are the same option, found both`,
      );
    }
    setAs.set(id, name);
    origins.set(name, setting.where);
    if (each) {
      const map = (values[key] ??= new Map()) as Map<string, unknown>;
      map.set(each.name, parse(name, each.of, setting));
    } else {
      values[key] = parse(name, table[key]!, setting);
    }
  }
  for (const [key, option] of Object.entries(table)) {
    if (Object.hasOwn(values, key)) continue;
    if (option.required) {
      const found = `volume ${shown(stanza.name)} without it`;
      throw VolfileError.expected(stanza.where, `option ${key} (${option.expected})`, found);
    }
    values[key] = option.default;
  }
  return { values: values as OptionValues<O>, origins, unknown };
}
