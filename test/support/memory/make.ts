/** Makes objects as a GlusterFS brick does. */
import type { Made, NewAttr, Xdata, XdataValue } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import type { FileType } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { isLinkto, stringOf } from './answers.ts';
import { iattOf, type Node } from './node.ts';
import { mayChange } from './rights.ts';
import { failed, type Tree } from './tree.ts';

const NO_GFID = Buffer.alloc(16);
/** Names an extended attribute of the parent, which must still have the value that is told under the same key. */
const PREOP_KEY = 'glusterfs.preop.parent.key';
const PREOP_FAILED = 'glusterfs.preop.check.failed';
const NAMESPACES = /^(trusted|user|security|system)\./;
/** Keys with these names are commands to the brick. */
const IS_COMMAND = new Set(['trusted.glusterfs.mdata']);

/** What is to be made. */
export interface New {
  readonly type: FileType;
  readonly attr: NewAttr;
  /** The mode, unless `attr` has one. */
  readonly mode: number;
  readonly fill?: (node: Node) => void;
  /** Where the object has this gfid already, it gets a further name: so it is with mknod for a layer's own use. */
  readonly mayLink?: boolean;
  /** Whether the fop checks the parent's layout, which is so with MKDIR and CREATE. */
  readonly checksParent?: boolean;
}

/** Makes an object. Values in `xdata` become extended attributes of it. */
export function make(
  tree: Tree,
  frame: Frame,
  parent: Inode,
  name: string,
  { type, attr, mode, fill, mayLink = false, checksParent = false }: New,
  xdata?: Xdata,
): Made {
  const directory = tree.directory(parent);
  const before = iattOf(directory);
  if (!checksParent && xdata?.has(PREOP_KEY)) throw new Error('only MKDIR and CREATE check the layout of the parent');
  const checked = checkParent(directory, xdata);
  if (!checked) throw failed('EIO', before, undefined, new Map([[PREOP_FAILED, 1]]));
  if (!mayChange(frame, directory)) throw failed('EACCES', before);
  const { gfid } = attr;
  if (gfid && (gfid.length !== 16 || gfid.equals(NO_GFID))) throw failed('EINVAL', before);
  if (xdata?.has('force-replace') && isLinkto(directory.entries.get(name)?.node)) tree.leave(directory, name);
  if (directory.entries.has(name) || name === '.' || name === '..') throw failed('EEXIST', before);
  if (name.length > 255) throw failed('ENAMETOOLONG', before);
  const there = gfid && tree.store.nodes.get(gfid.toString('hex'));
  if (there && !(mayLink && xdata?.has('glusterfs-internal-fop'))) throw failed('ENODATA', before);
  const node = there ?? tree.add(type, mode, gfid && Buffer.from(gfid));
  if (there) {
    node.nlink++;
  } else {
    node.uid = frame.identity.uid;
    node.gid = frame.identity.gid;
    for (const [key, value] of checked) node.xattrs.set(key, value);
    fill?.(node);
    tree.set(node, attr);
  }
  tree.enter(directory, name, node);
  return { iatt: tree.iattOf(node), parent: { before, after: iattOf(directory) } };
}

/** Returns the extended attributes for the new object, or `undefined` if the parent is not as the caller believes. */
function checkParent(parent: Node, xdata: Xdata = new Map()): [string, Buffer][] | undefined {
  const key = stringOf(xdata.get(PREOP_KEY));
  const expected = key === undefined ? undefined : xdata.get(key);
  if (key !== undefined && Buffer.isBuffer(expected) && !parent.xattrs.get(key)?.equals(expected)) return undefined;
  return [...xdata].flatMap(([name, value]) => {
    const bytes = bytesOf(value);
    const isXattr = NAMESPACES.test(name) && name !== key && !IS_COMMAND.has(name);
    return isXattr && bytes !== undefined ? [[name, bytes] as [string, Buffer]] : [];
  });
}

const bytesOf = (value: XdataValue): Buffer | undefined =>
  typeof value === 'string'
    ? Buffer.from(`${value}\0`, 'latin1')
    : Buffer.isBuffer(value)
      ? Buffer.from(value)
      : undefined;
