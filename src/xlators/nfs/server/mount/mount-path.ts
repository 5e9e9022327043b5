import { MNTPATHLEN } from '#protocols/mount.ts';
import { FsError } from '../../../../errno.ts';
import { NAME_MAX } from '../../../../sys/constants.ts';

/**
 * Splits a path to mount into names. The slash at its beginning may be missing, as with mountd and gNFS; slashes may be
 * doubled or stand at the end, `.` is left out, and nothing is unescaped. `..` is refused: what it means depends on
 * symbolic links, and clients do not need it here.
 * @throws {FsError} ENAMETOOLONG, EINVAL, EACCES
 */
export function splitMountPath(path: string): string[] {
  if (path.length > MNTPATHLEN) {
    throw new FsError('ENAMETOOLONG', `a path of ${path.length} bytes; at most ${MNTPATHLEN} (RFC 1813, 5.1.3)`);
  }
  if (path.includes('\0')) throw new FsError('EINVAL', 'the path to mount has a NUL in it');
  const names = path.split('/').filter(name => name !== '' && name !== '.');
  if (names.includes('..')) throw new FsError('EACCES', 'the path to mount must not have ".." in it');
  const long = names.find(name => name.length > NAME_MAX);
  if (long !== undefined) {
    throw new FsError('ENAMETOOLONG', `a name of ${long.length} bytes in the path; at most ${NAME_MAX}`);
  }
  return names;
}

/** Joins names to a path, in the only spelling that the mount table uses. */
export function joinMountPath(names: readonly string[]): string {
  return `/${names.join('/')}`;
}

interface Node<T> {
  readonly below: Map<string, Node<T>>;
  value?: T;
}

/** Values by paths. A search finds the value whose path is the longest of those with which the given names begin. */
export class PathTree<T> {
  readonly #root: Node<T> = { below: new Map() };

  /** Adds a value. Returns false if there is already one with that path, which then stays. */
  add(path: string, value: T): boolean {
    let node = this.#root;
    for (const name of splitMountPath(path)) {
      const next: Node<T> = node.below.get(name) ?? { below: new Map() };
      node.below.set(name, next);
      node = next;
    }
    if (node.value !== undefined) return false;
    node.value = value;
    return true;
  }

  /** Returns the value with the longest path that `names` begin with, and the names that follow that path. */
  find(names: readonly string[]): { value: T; rest: readonly string[] } | undefined {
    let node: Node<T> | undefined = this.#root;
    let found: { value: T; rest: readonly string[] } | undefined;
    for (let i = 0; node !== undefined; i++) {
      if (node.value !== undefined) found = { value: node.value, rest: names.slice(i) };
      node = i < names.length ? node.below.get(names[i]!) : undefined;
    }
    return found;
  }
}
