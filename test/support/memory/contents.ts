import { FileType } from '#src/graph/iatt.ts';
import type { Memory } from './memory.ts';
import type { Node } from './node.ts';

/** What a brick keeps of one object. */
export interface Content {
  readonly gfid: string;
  readonly type: FileType;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** The bytes of a file or the target of a link, in latin1. */
  readonly data: string;
  /** The extended attributes, in hexadecimal digits. */
  readonly xattrs: Readonly<Record<string, string>>;
}

/**
 * All that a brick keeps, by its paths, to be compared with another brick. `isShown` chooses the extended attributes.
 */
export function contentsOf(brick: Memory, isShown: (xattr: string) => boolean = () => true): Record<string, Content> {
  const all: Record<string, Content> = {};
  const visit = (path: string, node: Node) => {
    const shown = [...node.xattrs].filter(([name]) => isShown(name)).sort(([a], [b]) => (a < b ? -1 : 1));
    const { gfid, type, mode, nlink, uid, gid, data, target } = node;
    all[path] = {
      gfid: gfid.toString('hex'),
      type,
      mode,
      nlink,
      uid,
      gid,
      data: type === FileType.LNK ? target : data.toString('latin1'),
      xattrs: Object.fromEntries(shown.map(([name, value]) => [name, value.toString('hex')])),
    };
    for (const [name, entry] of [...node.entries].sort(([a], [b]) => (a < b ? -1 : 1)))
      visit(`${path}/${name}`, entry.node);
  };
  visit('', brick.tree.root);
  return all;
}
