/** Walks from the path that a client asks to mount to the directory there. */
import { FsError } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import type { Export } from '../exports/exports.ts';
import type { Volume } from '../../../../master/volume.ts';
import { walk } from './walk.ts';

/** The most symbolic links that are followed in one path: as many as Linux follows (MAXSYMLINKS). */
const LINKS_MAX = 40;
/** The most names that are looked up for one MNT, including those of symbolic links. */
const NAMES_MAX = 1024;

export interface MountWalk {
  readonly volume: Volume;
  readonly on: Export;
  /** The server's own frame, for the way to the top of the export, which the caller need not be able to reach. */
  readonly server: Frame;
  /**
   * The caller's frame, squashed. Below the top of the export the walk finds only what the caller could find itself.
   */
  readonly caller: Frame;
  /**
   * Returns the names that follow the export's path, if `names` (from the server's `/`) lead to or into the same
   * export.
   */
  within(names: readonly string[]): readonly string[] | undefined;
}

/**
 * Finds the object at `rest` below the top of the export. Symbolic links are followed while they stay in the export:
 * relative ones by their names, absolute ones if they begin with a path by which the export is mounted.
 * @throws {FsError} ENOENT, ENOTDIR, EACCES (the caller may not, or the link leads out of the export), ELOOP, …
 */
export async function walkToMount(way: MountWalk, rest: readonly string[]): Promise<Inode> {
  const { table } = way.volume;
  // The directories on the way down, so that `..` in a link leads back to where the walk came from.
  const path = [table.ref(await walk(way.volume, way.server, way.on.dir))];
  try {
    return await descend(way, path, rest);
  } finally {
    for (const inode of path) table.unref(inode);
  }
}

async function descend(way: MountWalk, path: Inode[], rest: readonly string[]): Promise<Inode> {
  const { volume, caller } = way;
  let names = [...rest];
  let links = 0;
  for (let count = 0; names.length > 0; count++) {
    if (count >= NAMES_MAX) throw new FsError('ENAMETOOLONG', `more than ${NAMES_MAX} names, links followed`);
    const name = names.shift()!;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (path.length === 1) throw leadsOut();
      volume.table.unref(path.pop()!);
      continue;
    }
    const parent = path.at(-1)!;
    const { iatt } = await volume.top.lookup(caller, parent, name);
    const inode = volume.table.link(iatt, parent, name);
    if (inode.type !== FileType.LNK) {
      path.push(volume.table.ref(inode));
      continue;
    }
    if (++links > LINKS_MAX) throw new FsError('ELOOP', `more than ${LINKS_MAX} symbolic links`);
    const { target } = await volume.top.readlink(caller, inode);
    if (target.startsWith('/')) {
      const behind = way.within(target.split('/').filter(part => part !== ''));
      if (behind === undefined) throw leadsOut();
      for (const left of path.splice(1)) volume.table.unref(left);
      names = [...behind, ...names];
    } else {
      names = [...target.split('/'), ...names];
    }
  }
  return path.at(-1)!;
}

const leadsOut = () => new FsError('EACCES', 'a symbolic link in the path leads out of the export');
