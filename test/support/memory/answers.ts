/** What a brick answers to the keys of xdata. */
import type { Xdata, XdataValue } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import type { Node } from './node.ts';
import type { Tree } from './tree.ts';

const LINKTO = 'trusted.glusterfs.dht.linkto';

/** Where an object was found. */
export interface Place {
  readonly directory: Node;
  readonly name: string;
}

type Answer = (tree: Tree, node: Node, value: XdataValue, place: Place | undefined) => XdataValue | undefined;

/** Keys that are no extended attributes; `undefined` is no answer. */
const VIRTUAL: Readonly<Record<string, Answer>> = {
  'glusterfs.inodelk-count': (_tree, { locks }) => locks.rangeCount(),
  'glusterfs.entrylk-count': (_tree, { locks }) => locks.nameCount(),
  'glusterfs.parent-entrylk': (_tree, _node, _value, place) => place?.directory.locks.nameCount(place.name),
  'glusterfs.open-fd-count': (_tree, { opens }) => opens,
  'glusterfs.open-active-fd-count': (_tree, { opens }) => opens,
  'glusterfs.content': (_tree, { type, data }, value) =>
    type === FileType.REG && data.length <= Number(value) ? Buffer.from(data) : undefined,
  'link-count': (tree, _node, value) =>
    stringOf(value) === 'glusterfs.xattrop_index_count' ? indexCount(tree) : undefined,
  gf_request_link_count: (_tree, { nlink }) => nlink,
};

/** Keys whose answer stands under another key. */
const RENAMED: Readonly<Record<string, string>> = { gf_request_link_count: 'gf_response_link_count' };

/**
 * `answer` with what `asked` asks for: like a GlusterFS brick, the extended attributes with its keys, and counts of locks
 * and others.
 */
export function answering<T extends object>(
  tree: Tree,
  answer: T,
  node: Node,
  asked: Xdata | undefined,
  place?: Place,
  more: readonly (readonly [string, XdataValue])[] = [],
): T & { xdata?: Xdata } {
  if (asked === undefined) return answer;
  const found = new Map<string, XdataValue>(more.filter(([key]) => asked.has(key)));
  for (const [key, value] of asked) {
    const xattr = node.xattrs.get(key);
    const result = xattr === undefined ? VIRTUAL[key]?.(tree, node, value, place) : Buffer.from(xattr);
    if (result !== undefined) found.set(RENAMED[key] ?? key, result);
    // The count of one domain is answered under the key of the count of all.
    const domain = key === 'glusterfs.inodelk-dom-count' ? stringOf(value) : undefined;
    if (domain !== undefined) found.set('glusterfs.inodelk-count', node.locks.rangeCount(domain));
    if (key === 'list-xattr') for (const [name, bytes] of node.xattrs) found.set(name, Buffer.from(bytes));
  }
  return { ...answer, xdata: found };
}

/** How many objects stand in the brick's index of what must be healed. */
function indexCount(tree: Tree): number {
  const isIndexed = (name: string) =>
    (name.startsWith('trusted.afr.') && name !== 'trusted.afr.dirty') || name === 'trusted.ec.dirty';
  return [...tree.store.nodes.values()].filter(({ xattrs }) =>
    [...xattrs].some(([name, value]) => isIndexed(name) && value.some(byte => byte !== 0)),
  ).length;
}

/** Whether it is a file of cluster/distribute that only tells where the data are. */
export const isLinkto = (node: Node | undefined): boolean =>
  node !== undefined && node.type === FileType.REG && node.mode === 0o1000 && node.xattrs.has(LINKTO);

/** A text of xdata, which may have come as bytes. */
export const stringOf = (value: XdataValue | undefined): string | undefined =>
  typeof value === 'string' ? value : Buffer.isBuffer(value) ? value.toString('latin1').replace(/\0$/, '') : undefined;
