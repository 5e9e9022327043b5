import type { Test } from 'tap';
import pino from 'pino';
import type { Frame } from '#src/graph/frame.ts';
import { Graph } from '#src/graph/graph.ts';
import { ROOT } from '#src/graph/identity.ts';
import type { GraphSource } from '#src/graph/plan.ts';
import type { Registry } from '#src/graph/registry.ts';
import type { GraphEnv, Xlator } from '#src/graph/xlator.ts';
import type { Inode } from '#src/graph/inode.ts';
import { InodeTable } from '#src/inode/table.ts';
import { forgetOf, subtree } from '#src/graph/subtree.ts';
import { silent } from '#src/log.ts';
import { XLATORS } from '#src/xlators/registry.ts';
import { Failing } from './memory/failing.ts';
import { Memory } from './memory/memory.ts';
import { Strict } from './memory/strict.ts';

/**
 * The xlator types of the server, and those of tests: a brick in memory, the connection to one, which may break, and what
 * makes it as strict as a brick of GlusterFS.
 */
export const TEST_XLATORS: Registry = {
  ...XLATORS,
  'test/memory': async () => Memory,
  'test/failing': async () => Failing,
  'test/strict': async () => Strict,
};

export const frame: Frame = { identity: ROOT, client: '192.0.2.1', signal: new AbortController().signal };

/** An environment that logs nothing and has no state directory. */
export function envOf(parts: Partial<GraphEnv> = {}): GraphEnv {
  return { log: silent, stateDir: '/nonexistent', stage: 0, ...parts };
}

/** The xlator of this class that the volfile calls `name`. */
export function xlatorOf<X extends Xlator>(top: Xlator, name: string, kind: abstract new (...args: any[]) => X): X {
  const found = subtree(top).find(xlator => xlator.name === name);
  if (found instanceof kind) return found;
  throw new Error(`expected ${name} to be ${kind.name}, found ${found?.type}`);
}

/** A log that keeps its lines for the test. */
export function keptLog() {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { base: null, timestamp: false, level: 'trace' },
    { write: line => void lines.push(JSON.parse(line)) },
  );
  return { log, lines };
}

/** Loads a volfile and brings its graph up until the test ends. */
export async function graphOf(t: Test, text: string, parts: Partial<GraphSource & { env: GraphEnv }> = {}) {
  const graph = await Graph.load({ text, file: 'test.vol', registry: TEST_XLATORS, env: envOf(), ...parts });
  t.teardown(() => graph.stop());
  return graph;
}

/** A volfile of layers over a brick. Each layer is `type` or `type key=value …`, from the top down. */
export function stackOf(...layers: readonly string[]): string {
  const blocks = layers.toReversed().map((layer, index) => {
    const [type, ...options] = layer.split(' ');
    return [
      `volume v${index}`,
      `    type ${type}`,
      ...options.map(option => `    option ${option.replace('=', ' ')}`),
      ...(index > 0 ? [`    subvolumes v${index - 1}`] : []),
      'end-volume\n',
    ].join('\n');
  });
  return blocks.join('\n');
}

/** A graph with an inode table over it, as `nfs/server` has for each volume. */
export async function volumeOf(t: Test, text: string, parts: Partial<GraphSource & { env: GraphEnv }> = {}) {
  const graph = await graphOf(t, text, parts);
  const table = new InodeTable({ limit: 10_000, forget: forgetOf(graph.top) });
  const { root } = table;
  /** Looks up a path, given as its names from the root down. */
  const find = async (...names: string[]): Promise<Inode> => {
    let inode = root;
    for (const name of names) inode = table.link((await graph.top.lookup(frame, inode, name)).iatt, inode, name);
    return inode;
  };
  return { graph, top: graph.top, table, root, find };
}
