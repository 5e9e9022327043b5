/** Notes the places of directories that were reached from below, through `..`, so that the finder does not know them. */
import { fsError } from '../../../../sys/failure.ts';
import { cName } from '../../../../sys/files/names.ts';
import { isWithin, pathOf } from '../../../../sys/files/paths.ts';
import { statName } from '../../../../sys/files/statx.ts';
import { asRoot } from '../../../../sys/process/identity.ts';
import { note } from './finder.ts';
import type { PosixObject } from './object.ts';
import type { Objects } from './objects.ts';

/** Notes the places of a directory and all its ancestors, which must be done before its handle is answered. */
export function noteAncestors(objects: Objects, dir: PosixObject): void {
  const { finder, root } = objects;
  if (finder === undefined || dir === root || dir.placeParent !== undefined) return;
  asRoot();
  const top = pathOf(root.path!.fd);
  const path = pathOf(objects.fd(dir));
  if (!isWithin(path, top)) throw moved();
  let at = root;
  for (const name of path.slice(top.length).split('/')) {
    if (name === '') continue;
    const fd = objects.fd(at);
    const bytes = cName(name);
    const seen = statName(fd, bytes);
    if (seen === undefined) throw moved();
    const next = objects.named(fd, bytes, seen);
    note(finder, next, at, name);
    at = next;
  }
  if (at !== dir) throw moved();
}

const moved = () => fsError('EJUKEBOX', 'the directory is being moved');
