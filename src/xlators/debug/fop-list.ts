import type { Fop } from '../../graph/fops.ts';
import { list, type Option, option } from '../../graph/options.ts';
import { ALL_FOPS } from '../../graph/xlator.ts';

/** GlusterFS's names for fops that are called otherwise here. */
const OTHER_NAMES: Readonly<Record<string, Fop>> = { read: 'readv', write: 'writev' };

/** GlusterFS's fops that do not exist here, so that a list may name them and they mean nothing. */
const UNKNOWN_HERE: ReadonlySet<string> = new Set([
  'rchecksum',
  'forget',
  'release',
  'releasedir',
  'getspec',
  'ipc',
  'lease',
  'compound',
  'getactivelk',
  'setactivelk',
  'put',
  'icreate',
  'namelink',
  'copy_file_range',
]);

const one = option<Fop | 'unknown here'>({ required: true }, `one of ${ALL_FOPS.join(', ')}`, 'A fop.', text => {
  const word = text.toLowerCase();
  if (Object.hasOwn(OTHER_NAMES, word)) return OTHER_NAMES[word];
  return UNKNOWN_HERE.has(word) ? 'unknown here' : ALL_FOPS.find(fop => fop === word);
});

/** Names of fops, separated by commas, in upper or lower case. */
export function fopList(
  spec: { readonly default: readonly Fop[]; readonly aliases?: readonly string[]; readonly unset?: string },
  doc: string,
): Option<readonly Fop[]> {
  const all = list(one, spec, doc) as Option<readonly (Fop | 'unknown here')[]>;
  return {
    ...(all as Option<readonly Fop[]>),
    parse: text => all.parse(text)?.filter(fop => fop !== 'unknown here'),
  };
}
