import type { Fop } from '../../graph/fops.ts';
import { choice, list, type Option } from '../../graph/options.ts';
import { ALL_FOPS } from '../../graph/xlator.ts';

const one = choice(ALL_FOPS, { required: true }, 'A fop.');

/** Names of fops, separated by commas, in upper or lower case. */
export function fopList(
  spec: { readonly default: readonly Fop[]; readonly aliases?: readonly string[]; readonly unset?: string },
  doc: string,
): Option<readonly Fop[]> {
  return list(one, spec, doc);
}
