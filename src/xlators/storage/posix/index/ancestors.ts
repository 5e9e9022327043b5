/** Notes directories that were reached from below, through `..`, so that the index does not know their names. */
import { fsError } from '../../../../sys/failure.ts';
import { asRoot } from '../../../../sys/process/identity.ts';
import { cName } from '../../../../sys/files/names.ts';
import { isWithin, pathOf } from '../../../../sys/files/paths.ts';
import { statName } from '../../../../sys/files/statx.ts';
import type { PosixObject } from '../objects/object.ts';
import type { Objects } from '../objects/objects.ts';
import { note } from './places.ts';

/**
 * Notes the directory and all its ancestors in the index, before its handle is given out. Returns `object`, with its
 * attributes in `stat`.
 */
export function noteWay(objects: Objects, object: PosixObject): PosixObject {
  const { index, root } = objects;
  if (index === undefined || object === root || object.placeParent !== undefined) return object;
  asRoot();
  const top = pathOf(root.path!.fd);
  const path = pathOf(objects.fd(object));
  if (!isWithin(path, top)) throw moved();
  let at = root;
  for (const name of path.slice(top.length).split('/')) {
    if (name === '') continue;
    const fd = objects.fd(at);
    const bytes = cName(name);
    if (statName(fd, bytes) < 0) throw moved();
    const next = objects.seen(fd, bytes);
    note(index, next, at, name);
    at = next;
  }
  if (at !== object) throw moved();
  objects.stat(object);
  return object;
}

const moved = () => fsError('EJUKEBOX', 'the directory is being moved');
