/** Finds out which bricks have the present content of an object. */
import type { Errno } from '../../../../errno.ts';
import type { Xattrs } from '../../../../graph/fops.ts';
import { refusalOf } from '../answers/majority.ts';
import { type Bricks, brick, countOf } from '../bricks.ts';
import type { Answer, Volume } from '../volume.ts';
import { CONFIG, isHealing, sizeIn, versionIn } from '../xattrs.ts';

export interface Present {
  readonly good: Bricks;
  readonly healing: Bricks;
  readonly size: number | undefined;
  /** Why the object cannot be used. */
  readonly code: Errno | undefined;
}

/**
 * Those bricks have the present content that agree with `k - 1` others on the version, and of a file on size and config:
 * there cannot be two such groups, since `k` is more than half of all.
 */
export function presentIn(volume: Volume, answers: readonly Answer<Xattrs>[], isFile: boolean): Present {
  const { k, config } = volume;
  const groups = new Map<string, { bricks: Bricks; readonly size: number | undefined }>();
  let healing = 0;
  for (const { brick: index, value, code } of answers) {
    if (code !== undefined) continue;
    const version = versionIn(value);
    if (isHealing(version)) {
      healing |= brick(index);
      continue;
    }
    if (isFile && value.get(CONFIG)?.equals(config) !== true) continue;
    const size = isFile ? sizeIn(value) : 0;
    const key = `${version} ${size}`;
    const group = groups.get(key) ?? { bricks: 0, size };
    group.bricks |= brick(index);
    groups.set(key, group);
  }
  for (const { bricks, size } of groups.values()) {
    if (countOf(bricks) >= k && size !== undefined) return { good: bricks, healing, size, code: undefined };
  }
  return { good: 0, healing: 0, size: undefined, code: refusalOf(volume, answers) };
}
