import { type Errno, FsError } from '#src/errno.ts';
import { RenameFlag, type Renamed } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { iattOf, type Node } from './node.ts';
import { failed, type Tree } from './tree.ts';

interface Place {
  readonly directory: Inode;
  readonly name: string;
}

/** Renames an object of the brick in memory, as renameat2(2) does. */
export function rename(tree: Tree, from: Place, to: Place, flags: number): Renamed {
  const [source, target] = [tree.directory(from.directory), tree.directory(to.directory)];
  const [fromBefore, toBefore] = [iattOf(source), iattOf(target)];
  const fail = (code: Errno) => failed(code, fromBefore, toBefore);
  if (flags !== 0 && flags !== RenameFlag.NOREPLACE && flags !== RenameFlag.EXCHANGE) throw fail('EINVAL');
  const node = source.entries.get(from.name)?.node;
  const other = target.entries.get(to.name)?.node;
  if (!node) throw fail('ENOENT');
  if (other && flags === RenameFlag.NOREPLACE) throw fail('EEXIST');
  if (!other && flags === RenameFlag.EXCHANGE) throw fail('ENOENT');
  if (isBelow(tree, target, node)) throw fail('EINVAL');
  if (other !== node) {
    try {
      if (flags === RenameFlag.EXCHANGE) exchange(tree, [source, from.name], [target, to.name], node, other!);
      else replace(tree, [source, from.name], [target, to.name], node, other);
    } catch (error) {
      throw error instanceof FsError ? fail(error.code) : error;
    }
  }
  return { from: { before: fromBefore, after: iattOf(source) }, to: { before: toBefore, after: iattOf(target) } };
}

type Entry = readonly [directory: Node, name: string];

/** Whether `directory` is `node` or below it. */
function isBelow(tree: Tree, directory: Node, node: Node): boolean {
  if (node.type !== FileType.DIR) return false;
  for (let at = directory; at !== tree.root; at = at.parent) if (at === node) return true;
  return false;
}

function replace(tree: Tree, from: Entry, to: Entry, node: Node, replaced: Node | undefined): void {
  if (replaced) {
    if (node.type === FileType.DIR && replaced.type !== FileType.DIR) throw new FsError('ENOTDIR');
    if (node.type !== FileType.DIR && replaced.type === FileType.DIR) throw new FsError('EISDIR');
    if (replaced.entries.size > 0) throw new FsError('ENOTEMPTY');
    tree.leave(...to);
  }
  move(tree, from, to, node);
}

function exchange(tree: Tree, from: Entry, to: Entry, node: Node, other: Node): void {
  if (isBelow(tree, from[0], other)) throw new FsError('EINVAL');
  // Each object counts one more link while it has two names or none, so that it stays alive throughout.
  other.nlink++;
  tree.leave(to[0], to[1], true);
  move(tree, from, to, node);
  tree.enter(from[0], from[1], other);
}

function move(tree: Tree, from: Entry, to: Entry, node: Node): void {
  node.nlink++; // It has two names for a moment.
  tree.enter(to[0], to[1], node);
  tree.leave(from[0], from[1], true);
}
