/**
 * What the cases about a read-only file system need to find there. It is made while the file system can still be
 * written to.
 */
import { mkdirSync } from 'node:fs';
import { KINDS, make, needsRoot } from './kinds.ts';
import { isRoot, owner } from './people.ts';

/** Makes one object of each kind for root and one for `owner`, and a directory that is not empty. */
export function stock(dir: string): void {
  for (const whose of ['root', 'owner'] as const) {
    mkdirSync(`${dir}/${whose}`, { mode: 0o755 });
    const ids = whose === 'owner' && isRoot ? { uid: owner.uid, gid: owner.gid } : {};
    for (const kind of KINDS) {
      if (!needsRoot(kind) || isRoot) make(stocked(dir, whose, kind), kind, { mode: 0o755, ...ids });
    }
    make(`${dir}/${whose}/full`, 'directory', ids);
    make(`${dir}/${whose}/full/x`, 'regular', ids);
  }
}

export const stocked = (dir: string, whose: 'root' | 'owner', kind: string): string => `${dir}/${whose}/${kind}`;
