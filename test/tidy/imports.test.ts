/** Rules on which file may import which, `import type` included. */
import t from 'tap';
import { code, importsOf, scripts, sources, offences } from './tree.ts';

const imports = new Map(scripts.map(file => [file, importsOf(file)]));
const importedBy = (file: string) => imports.get(file) ?? [];

/** Files that belong together: the path of a folder or file and all below it, unless a longer path has its own row. */
type Part = string;
const GROUND: readonly Part[] = ['src'];
const SYSTEM: readonly Part[] = [...GROUND, 'src/sys'];
const GRAPH: readonly Part[] = [...SYSTEM, 'src/volfile', 'src/graph'];
const RPC: readonly Part[] = [...SYSTEM, 'protocols', 'src/rpc'];
const SERVER: readonly Part[] = [
  ...GRAPH,
  ...RPC,
  'src/inode',
  'src/rpcsvc',
  'src/master',
  'src/rpcclnt',
  'src/glusterd',
  'src/xlators',
  'src/xlators/debug',
  'src/xlators/nfs/server',
  'src/xlators/mount/fuse',
];

/** For each part, the other parts that it may import. */
const MAY_IMPORT: Record<Part, readonly Part[]> = {
  protocols: [],
  // Files that stand in `src` itself: small tools that know of nothing else.
  src: [],
  'src/sys': GROUND,
  'src/volfile': GROUND,
  'src/graph': [...SYSTEM, 'src/volfile'],
  'src/inode': [...GROUND, 'src/graph'],
  'src/rpc': [...SYSTEM, 'protocols'],
  'src/rpcsvc': RPC,
  'src/rpcclnt': RPC,
  // Talks to the management daemon of GlusterFS, which knows volfiles and the ports of bricks.
  'src/glusterd': [...GRAPH, ...RPC, 'src/rpcclnt'],
  'src/xlators/debug': GRAPH,
  'src/xlators/features': GRAPH,
  'src/xlators/cluster': GRAPH,
  'src/xlators/performance': GRAPH,
  'src/xlators/storage/posix': GRAPH,
  'src/xlators/protocol/client': [...GRAPH, ...RPC, 'src/rpcclnt', 'src/glusterd'],
  // Where calls come into a graph. It has the inode tables.
  'src/master': [...GRAPH, ...RPC, 'src/inode', 'src/rpcsvc'],
  'src/xlators/nfs/server': [...GRAPH, ...RPC, 'src/inode', 'src/rpcsvc', 'src/master'],
  'src/xlators/mount/fuse': [...GRAPH, 'protocols', 'src/inode', 'src/master'],
  // The list of all xlators.
  'src/xlators': [
    ...GRAPH,
    'src/xlators/debug',
    'src/xlators/features',
    'src/xlators/cluster',
    'src/xlators/performance',
    'src/xlators/storage/posix',
    'src/xlators/protocol/client',
    'src/xlators/nfs/server',
    'src/xlators/mount/fuse',
  ],
  'src/server': SERVER,
  'src/cli': [...SERVER, 'src/server'],
  actors: [...GRAPH, ...RPC, 'src/rpcsvc', 'src/master', 'src/xlators/nfs/server', 'src/xlators/mount/fuse'],
  'src/main.ts': [...SERVER, 'src/server', 'src/cli', 'actors'],
};

function partOf(file: string): Part {
  const parts = Object.keys(MAY_IMPORT).filter(part => file === part || file.startsWith(`${part}/`));
  return parts.sort((a, b) => b.length - a.length)[0]!;
}

t.test('imports follow the layers', async t => {
  const against = new Map<string, string[]>();
  for (const file of sources) {
    const part = partOf(file);
    const wrong = importedBy(file).filter(({ file: target }) => {
      const of = partOf(target);
      return of !== part && !MAY_IMPORT[part]!.includes(of);
    });
    if (wrong.length > 0) against.set(file, [...new Set(wrong.map(({ file: target }) => `imports ${target}`))]);
  }
  t.strictSame(offences(against), []);
});

t.test('no files import each other in a circle', async t => {
  const circles = new Map<string, string[]>();
  for (const files of circlesIn(sources)) circles.set(files[0]!, [`in a circle with ${files.slice(1).join(', ')}`]);
  t.strictSame(offences(circles), []);
});

/** Groups of files that all reach each other by imports (Tarjan's strongly connected components). */
function circlesIn(files: readonly string[]): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const path: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    path.push(file);
    for (const { file: next } of importedBy(file)) {
      if (!order.has(next)) visit(next);
      if (path.includes(next)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(next)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const circle = path.splice(path.indexOf(file));
    if (circle.length > 1) circles.push(circle.sort());
  };
  for (const file of files) if (!order.has(file)) visit(file);
  return circles;
}

const EXPORTS = /^export\s+(?:abstract\s+)?(?:async\s+)?(const|let|function\*?|class|interface|type|enum)\s+(\w+)/gm;
const EXPORT_LISTS = /^export\s+(?:type\s+)?\{([^}]*)\}/gm;

/** What a file exports, but for types that are part of what else it exports. */
function exportsOf(file: string): string[] {
  const text = code(file);
  const listed = [...text.matchAll(EXPORT_LISTS)].flatMap(([, list]) => list!.split(','));
  const declared = [...text.matchAll(EXPORTS)].filter(([, kind, name]) => {
    const isType = kind === 'interface' || kind === 'type';
    return !isType || text.match(new RegExp(`\\b${name}\\b`, 'g'))!.length === 1;
  });
  return [...declared.map(([, , name]) => name!), ...listed.flatMap(part => /(\w+)\s*$/.exec(part)?.[1] ?? [])];
}

t.test('what is exported is imported somewhere', async t => {
  const used = new Map<string, Set<string>>();
  for (const file of scripts) {
    for (const { file: target, names } of importedBy(file)) {
      if (!used.has(target)) used.set(target, new Set());
      for (const name of names) used.get(target)!.add(name);
    }
  }
  const dead = new Map<string, string[]>();
  // The protocols are written down as their documents have them.
  for (const file of scripts.filter(it => !it.startsWith('protocols/'))) {
    const names = used.get(file);
    if (names?.has('*')) continue;
    const unused = exportsOf(file).filter(name => !names?.has(name));
    if (unused.length > 0)
      dead.set(
        file,
        unused.map(name => `exports ${name} for no other file`),
      );
  }
  t.strictSame(offences(dead), []);
});
