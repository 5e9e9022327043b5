import { option } from '../../graph/options.ts';
import type { XlatorConfig } from '../../graph/xlator.ts';
import { Distribute } from './distribute/distribute.ts';
import { fromPosix } from './distribute/layout/munge.ts';
import { options as common } from './distribute/options.ts';

/** Names that match a pattern, and the subvolumes that take them. */
interface Case {
  readonly pattern: string;
  readonly matches: RegExp;
  readonly subvolumes: readonly string[];
}

/** A pattern of the shell: `*`, `?` and characters in brackets. */
const fromGlob = (pattern: string): RegExp | undefined =>
  fromPosix(
    `^${pattern
      .replaceAll(/[.+(){}|^$]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  );

/** Cases such as `*.jpg:volume-a,volume-b;*.txt:volume-c`. */
function parseCases(value: string): readonly Case[] | undefined {
  const cases = value.split(';').filter(part => part !== '');
  const parsed = cases.map((part): Case | undefined => {
    const at = part.lastIndexOf(':');
    const subvolumes = part.slice(at + 1).split(',');
    const pattern = part.slice(0, at);
    const matches = fromGlob(pattern);
    return at < 1 || subvolumes.includes('') || matches === undefined ? undefined : { pattern, matches, subvolumes };
  });
  return parsed.every(one => one !== undefined) ? parsed : undefined;
}

const options = {
  ...common,
  'pattern.switch.case': option(
    { default: [] as readonly Case[] },
    'patterns with subvolumes, such as *.jpg:volume-a,volume-b;*.txt:volume-c',
    'Where new files go whose names match a pattern.',
    parseCases,
    cases => cases.map(({ pattern, subvolumes }) => `${pattern}:${subvolumes.join()}`).join(';'),
  ),
};

/** cluster/switch: as cluster/distribute, but the data of new files go where a pattern of their names says. */
export class Switch extends Distribute {
  static override readonly doc = 'As cluster/distribute, but patterns of names say where new files go.';
  static override readonly options = options;
  readonly #cases: readonly { readonly matches: RegExp; readonly children: readonly number[] }[];

  constructor(config: XlatorConfig<typeof options>) {
    super(config);
    this.#cases = config.options['pattern.switch.case'].map(({ matches, subvolumes }) => ({
      matches,
      children: config.children.flatMap((_, i) =>
        subvolumes.some(name => this.core.childNamed(name) === i) ? [i] : [],
      ),
    }));
  }

  protected override preferred(name: string, hashed: number): number {
    const found = this.#cases.find(({ matches, children }) => children.length > 0 && matches.test(name));
    if (found === undefined || found.children.includes(hashed)) return hashed;
    return found.children[hashed % found.children.length]!;
  }
}
