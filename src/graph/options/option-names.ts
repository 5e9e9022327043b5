/** Finds the options of a table that the names in a volfile mean. */
import { didYouMean } from '../../volfile/did-you-mean.ts';
import type { Option, OptionTable } from '../options.ts';
import type { Stanza } from '../../volfile/volfile.ts';
import { shown, VolfileError } from '../../volfile/volfile-error.ts';

export interface FoundOption {
  /** The option in the table. */
  readonly key: string;
  readonly option: Option<unknown>;
  /** The text that matched the `*` of a pattern. */
  readonly subvolume?: string;
}

interface Pattern {
  readonly key: string;
  /** The name as in the table, or an alias: `nfs3.*.squash`. */
  readonly name: string;
  readonly regexp: RegExp;
  readonly of: Option<unknown>;
}

/** How many subvolumes are listed in a message, and tried when a name was misspelt. */
const SHOWN_MAX = 8;
const TRIED_MAX = 64;

export class OptionNames {
  readonly #stanza: Stanza;
  readonly #exact = new Map<string, { key: string; option: Option<unknown> }>();
  readonly #patterns: Pattern[] = [];

  constructor(table: OptionTable, stanza: Stanza) {
    this.#stanza = stanza;
    for (const [key, option] of Object.entries(table)) {
      for (const name of [key, ...(option.aliases ?? [])]) {
        if (option.each) this.#patterns.push({ key, name, regexp: patternOf(name), of: option.each });
        else this.#exact.set(name, { key, option });
      }
    }
  }

  /**
   * The option that `name` sets; `undefined` if the table has none. An exact name is preferred to a pattern.
   * @throws {VolfileError} at `where`: a pattern fits, but with the name of no subvolume, or of two
   */
  find(name: string, where: string): FoundOption | undefined {
    const exact = this.#exact.get(name);
    if (exact) return exact;
    const fits = this.#patterns.flatMap(({ key, regexp, of }) => {
      const [, part] = regexp.exec(name) ?? [];
      return part === undefined ? [] : [{ key, option: of, subvolume: part }];
    });
    if (fits.length === 0) return undefined;
    const known = fits.filter(({ subvolume }) => this.#stanza.subvolumes.some(child => child.name === subvolume));
    if (known.length === 1) return known[0]!;
    if (known.length > 1) {
      const both = known.map(({ subvolume }) => shown(subvolume)).join(' and ');
      throw VolfileError.expected(where, 'an option of one subvolume', `${name}, which may be meant for ${both}`);
    }
    const shortest = fits.reduce((a, b) => (b.subvolume.length < a.subvolume.length ? b : a)).subvolume;
    throw VolfileError.expected(where, `a subvolume of ${this.#subvolumes()} in option ${name}`, this.#near(shortest));
  }

  /** Returns a hint for a name that {@link find} does not know: ` (did you mean "…"?)`, or nothing. */
  meant(name: string): string {
    const subvolumes = [...this.#stanza.subvolumes.slice(0, TRIED_MAX).map(child => child.name), 'VOLUME'];
    const filled = this.#patterns.flatMap(({ name: pattern }) =>
      subvolumes.map(child => pattern.replace('*', () => child)),
    );
    return didYouMean(name, [...this.#exact.keys(), ...filled]);
  }

  #subvolumes(): string {
    const { name, subvolumes } = this.#stanza;
    const names = subvolumes.slice(0, SHOWN_MAX).map(child => child.name);
    const more = subvolumes.length > SHOWN_MAX ? `, and ${subvolumes.length - SHOWN_MAX} more` : '';
    return `${shown(name)} (${names.join(', ') || 'it has none'}${more})`;
  }

  #near(part: string): string {
    return `${shown(part)}${didYouMean(
      part,
      this.#stanza.subvolumes.map(child => child.name),
    )}`;
  }
}

/** The regular expression of a name with a `*` in it, which stands for one character or more. */
export function patternOf(name: string): RegExp {
  const source = name
    .split('*')
    .map(part => RegExp.escape(part))
    .join('(.+)');
  return new RegExp(`^${source}$`, 's');
}
