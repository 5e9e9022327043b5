/** What the cases of a read-only file system want to find there. It is made while the file system could still be written. */
import { mkdirSync } from 'node:fs';
import { KINDS, make, needsRoot } from './kinds.ts';
import { isRoot, owner } from './people.ts';

/** One of each kind, once root's and once of `owner`, and a directory with something in it. */
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
