/** A small model of GlusterFS's self-heal daemon, over bricks in memory: which brick it takes for the source, and what it does. */
import { FileType } from '#src/graph/iatt.ts';
import type { Memory } from '../../../support/memory/memory.ts';
import type { Node } from '../../../support/memory/node.ts';

const OFFSETS = { data: 0, metadata: 4, entry: 8 };
type Kind = keyof typeof OFFSETS;

interface Copy {
  readonly brick: number;
  readonly node: Node;
}

const count = (node: Node, name: string, kind: Kind): number =>
  node.xattrs.get(`trusted.afr.${name}`)?.readInt32BE(OFFSETS[kind]) ?? 0;

/** The daemon cannot tell which brick is right: an administrator must. */
export class SplitBrain extends Error {
  /** The path of a name that leads to different objects; `undefined` if it is about data or attributes. */
  readonly path: string | undefined;

  constructor(what: string, path?: string) {
    super(`split brain of ${what}`);
    this.path = path;
  }
}

/**
 * Makes the bricks equal, as the daemon would. If the outcome of a change was not known (`isUnsure`), bricks may differ
 * without a mark, because all of them went away before one could be made: then a quorum is right, as in a lookup.
 * @throws it would find a split brain, or nothing that tells it to heal
 */
export function selfHeal(bricks: readonly Memory[], isUnsure: boolean): void {
  healDirectory(bricks, bricks[0]!.tree.root.gfid, isUnsure, '');
  for (const { tree } of bricks) {
    for (const node of tree.store.nodes.values()) {
      for (const name of node.xattrs.keys()) if (name.startsWith('trusted.afr.')) node.xattrs.delete(name);
    }
  }
}

const copiesOf = (bricks: readonly Memory[], gfid: Buffer): Copy[] =>
  bricks.flatMap(({ tree }, brick) => {
    const node = tree.store.nodes.get(gfid.toString('hex'));
    return node === undefined ? [] : [{ brick, node }];
  });

/** The copies that no other copy blames; all of them if there is no blame. */
function sourcesOf(copies: readonly Copy[], kind: Kind): readonly Copy[] {
  const sources = copies.filter(({ brick }) => copies.every(({ node }) => count(node, `c-${brick}`, kind) === 0));
  if (sources.length === 0) throw new SplitBrain(kind);
  if (sources.length < copies.length) return sources;
  // Without blame, the copies with the most dirty marks.
  const most = Math.max(...copies.map(({ node }) => count(node, 'dirty', kind)));
  return copies.filter(({ node }) => count(node, 'dirty', kind) === most);
}

const isMarked = (copies: readonly Copy[], kind: Kind): boolean =>
  copies.some(({ node }) =>
    [...node.xattrs.keys()].some(name => count(node, name.slice('trusted.afr.'.length), kind) !== 0),
  );

const isBlamed = (copies: readonly Copy[], kind: Kind): boolean =>
  copies.some(({ node }) => copies.some(({ brick }) => count(node, `c-${brick}`, kind) !== 0));

function healDirectory(bricks: readonly Memory[], gfid: Buffer, isUnsure: boolean, path: string): void {
  const copies = copiesOf(bricks, gfid);
  if (isMarked(copies, 'entry')) healNames(bricks, copies, path);
  else if (isUnsure) keepCommon(bricks, copies);
  const [first, ...others] = copies;
  const names = ({ node }: Copy) => [...node.entries.keys()].sort().join();
  for (const other of others) {
    if (names(other) !== names(first!)) throw new Error(`unmarked: ${names(first!)} and ${names(other)}`);
  }
  for (const [name, { node }] of first!.node.entries) {
    if (node.type === FileType.DIR) healDirectory(bricks, node.gfid, isUnsure, `${path}${name}/`);
    else healFile(copiesOf(bricks, node.gfid), isUnsure);
  }
}

/**
 * Gives each brick the names of the source. If there is none, or one of the bricks has a dirty mark (a witness), each gets
 * all names of all (`__afr_selfheal_entry_finalize_source`).
 */
function healNames(bricks: readonly Memory[], copies: readonly Copy[], path: string): void {
  const trusted = copies.filter(({ brick }) => copies.every(({ node }) => count(node, `c-${brick}`, 'entry') === 0));
  const isWitnessed = copies.some(({ node }) => count(node, 'dirty', 'entry') !== 0);
  const isDirected = isBlamed(copies, 'entry') && trusted.length > 0 && !isWitnessed;
  const sources = isDirected ? trusted.slice(0, 1) : copies;
  const wanted = new Map(
    sources.flatMap(({ node }) => [...node.entries].map(([name, entry]) => [name, entry.node] as const)),
  );
  for (const { brick, node } of copies) {
    const { tree } = bricks[brick]!;
    for (const [name, source] of wanted) {
      const there = node.entries.get(name)?.node;
      if (there?.gfid.equals(source.gfid)) continue;
      if (there !== undefined && !isDirected) throw new SplitBrain(`the gfid of ${path}${name}`, `${path}${name}`);
      if (there !== undefined) tree.leave(node, name);
      const known = tree.store.nodes.get(source.gfid.toString('hex'));
      if (known === undefined) tree.enter(node, name, added(bricks, brick, source));
      else {
        known.nlink++;
        tree.enter(node, name, known);
      }
    }
    for (const name of node.entries.keys()) if (!wanted.has(name)) tree.leave(node, name);
  }
}

/** Gives each brick the names that most have. */
function keepCommon(bricks: readonly Memory[], copies: readonly Copy[]): void {
  for (const name of new Set(copies.flatMap(({ node }) => [...node.entries.keys()]))) {
    const having = copies.filter(({ node }) => node.entries.has(name));
    const source = having[0]!.node.entries.get(name)!.node;
    for (const { brick, node } of copies) {
      const { tree } = bricks[brick]!;
      if (having.length < 2) {
        if (node.entries.has(name)) tree.leave(node, name);
      } else if (!node.entries.has(name)) {
        const known = tree.store.nodes.get(source.gfid.toString('hex'));
        if (known !== undefined) known.nlink++;
        tree.enter(node, name, known ?? added(bricks, brick, source));
      }
    }
  }
}

/** Adds an empty object to a brick. The others blame it, so that its contents are healed from them. */
function added(bricks: readonly Memory[], brick: number, { gfid, type }: Node): Node {
  const mark = Buffer.alloc(12);
  mark.writeInt32BE(1, OFFSETS.data);
  mark.writeInt32BE(1, OFFSETS.metadata);
  for (const { node } of copiesOf(bricks, gfid)) node.xattrs.set(`trusted.afr.c-${brick}`, mark);
  return bricks[brick]!.tree.add(type, 0, Buffer.concat([gfid]));
}

function healFile(copies: readonly Copy[], isUnsure: boolean): void {
  if (isMarked(copies, 'data')) {
    const { node } = sourcesOf(copies, 'data')[0]!;
    for (const copy of copies) copy.node.data = Buffer.concat([node.data]);
  }
  if (isMarked(copies, 'metadata') || isUnsure) {
    const { node } = sourcesOf(copies, 'metadata')[0]!;
    for (const copy of copies) copy.node.mode = node.mode;
  }
  const [first, ...others] = copies;
  for (const { node } of others) {
    if (!node.data.equals(first!.node.data))
      throw new Error(`unmarked: "${first!.node.data.toString()}" and "${node.data.toString()}"`);
    if (node.mode !== first!.node.mode) throw new Error(`unmarked modes: ${first!.node.mode} and ${node.mode}`);
  }
}
