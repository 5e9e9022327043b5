/** Finds out which bricks have the present content of a file. */
import type { Errno } from '../../../../errno.ts';
import type { Xattrs } from '../../../../graph/fops.ts';
import { type Bricks, brick, countOf } from '../bricks.ts';
import type { Answer, Volume } from '../volume.ts';
import { CONFIG, isHealing, sizeIn, versionIn } from '../xattrs.ts';

export interface Present {
  readonly good: Bricks;
  readonly healing: Bricks;
  readonly size: number | undefined;
  /** Why the file cannot be used. */
  readonly code: Errno | undefined;
}

/**
 * Those bricks have the present content that agree with `k - 1` others on version, size and config: there cannot be two
 * such groups, since `k` is more than half of all.
 */
export function presentIn({ k, config }: Volume, answers: readonly Answer<Xattrs>[]): Present {
  const groups = new Map<string, { bricks: Bricks; readonly size: number | undefined }>();
  let healing = 0;
  let answered = 0;
  const codes: Errno[] = [];
  for (const { brick: index, value, code } of answers) {
    if (code !== undefined) {
      codes.push(code);
      continue;
    }
    answered++;
    const version = versionIn(value);
    if (isHealing(version)) {
      healing |= brick(index);
      continue;
    }
    if (value.get(CONFIG)?.equals(config) !== true) continue;
    const size = sizeIn(value);
    const key = `${version} ${size}`;
    const group = groups.get(key) ?? { bricks: 0, size };
    group.bricks |= brick(index);
    groups.set(key, group);
  }
  for (const { bricks, size } of groups.values()) {
    if (countOf(bricks) >= k && size !== undefined) return { good: bricks, healing, size, code: undefined };
  }
  const gone = codes.filter(code => code === 'ESTALE' || code === 'ENOENT');
  const reason = gone.length >= k ? gone[0] : answered < k ? codes.find(code => code !== 'ENOTCONN') : undefined;
  return { good: 0, healing: 0, size: undefined, code: reason ?? (answered < k ? 'ENOTCONN' : 'EIO') };
}
