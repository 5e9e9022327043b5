/**
 * A client vanishes in the middle of an operation, at each of its calls. The next client must see a tree in which each
 * listed name is found, no name is listed twice, nothing is lost, and everything can be removed.
 */
import t, { type Test } from 'tap';
import type { Inode } from '#src/graph/inode.ts';
import { Client, newStore } from './support.ts';

interface Case {
  readonly title: string;
  /** Makes what is there before, in the directory `/d`. */
  readonly before: (client: Client, d: Inode) => Promise<void>;
  readonly run: (client: Client, d: Inode) => Promise<unknown>;
  /** The trees below `/d` that may be there afterwards. */
  readonly may: (client: Client) => readonly Readonly<Record<string, string | undefined>>[];
}

const rename = ({ hand: { top, frame } }: Client, d: Inode, from: string, to: string) =>
  top.rename(frame, d, from, d, to);

/** A file whose data are on the child `at`, with a name that belongs to `hashed`. */
async function fileAt(client: Client, d: Inode, at: number, name: string, text: string): Promise<void> {
  const first = client.name('/d', at, 'made');
  await client.hand.file(first, text, d);
  if (first !== name) await rename(client, d, first, name);
}

function renames(): Case[] {
  const cases: Case[] = [];
  for (const [at, from, to] of [
    [0, 0, 0],
    [0, 0, 1],
    [0, 1, 0],
    [0, 1, 1],
    [0, 1, 2],
  ] as const) {
    for (const target of [undefined, 0, 1, 2]) {
      const names = (client: Client) => [client.name('/d', from, 'old'), client.name('/d', to, 'new')] as const;
      cases.push({
        title: `rename of a file on ${at} from ${from} to ${to} over ${target === undefined ? 'nothing' : `one on ${target}`}`,
        before: async (client, d) => {
          const [old, fresh] = names(client);
          await fileAt(client, d, at, old, 'source');
          if (target !== undefined) await fileAt(client, d, target, fresh, 'target');
        },
        run: (client, d) => rename(client, d, ...names(client)),
        may: client => {
          const [old, fresh] = names(client);
          return [
            { [`/${old}`]: 'source', ...(target === undefined ? {} : { [`/${fresh}`]: 'target' }) },
            { [`/${fresh}`]: 'source' },
            { [`/${old}`]: 'source', [`/${fresh}`]: 'source' },
          ];
        },
      });
    }
  }
  return cases;
}

const CASES: readonly Case[] = [
  {
    title: 'mkdir',
    before: async () => {},
    run: (client, d) => client.hand.dir('new', d),
    may: () => [{}, { '/new': undefined }],
  },
  {
    title: 'rmdir',
    before: async (client, d) => void (await client.hand.dir('old', d)),
    run: ({ hand: { top, frame } }, d) => top.rmdir(frame, d, 'old'),
    may: () => [{}, { '/old': undefined }],
  },
  {
    title: 'rename of a directory',
    before: async (client, d) => void (await client.hand.file('f', 'text', await client.hand.dir('old', d))),
    run: (client, d) => rename(client, d, 'old', 'new'),
    may: () => [
      { '/old': undefined, '/old/f': 'text' },
      { '/new': undefined, '/new/f': 'text' },
    ],
  },
  {
    title: 'rename of a directory over an empty one',
    before: async (client, d) => {
      await client.hand.file('f', 'text', await client.hand.dir('old', d));
      await client.hand.dir('new', d);
    },
    run: (client, d) => rename(client, d, 'old', 'new'),
    may: () => [
      { '/old': undefined, '/old/f': 'text', '/new': undefined },
      { '/old': undefined, '/old/f': 'text' },
      { '/new': undefined, '/new/f': 'text' },
    ],
  },
  {
    title: 'link to a name that belongs elsewhere',
    before: async (client, d) => fileAt(client, d, 0, client.name('/d', 0, 'old'), 'text'),
    run: async (client, d) => {
      const { hand } = client;
      const inode = await hand.lookup(d, client.name('/d', 0, 'old'));
      return hand.top.link(hand.frame, inode, d, client.name('/d', 1, 'new'));
    },
    may: client => {
      const [old, fresh] = [client.name('/d', 0, 'old'), client.name('/d', 1, 'new')];
      return [{ [`/${old}`]: 'text' }, { [`/${old}`]: 'text', [`/${fresh}`]: 'text' }];
    },
  },
  {
    title: 'unlink of a name whose data are elsewhere',
    before: async (client, d) => fileAt(client, d, 0, client.name('/d', 1, 'old'), 'text'),
    run: (client, d) => client.hand.top.unlink(client.hand.frame, d, client.name('/d', 1, 'old')),
    may: client => [{}, { [`/${client.name('/d', 1, 'old')}`]: 'text' }],
  },
  ...renames(),
];

/** Runs the case until the n-th call to a child, where the client vanishes. Answers whether it came to that call. */
async function crashAt(t: Test, one: Case, child: number, nth: number, when: 'before' | 'after'): Promise<boolean> {
  const store = newStore();
  const client = await Client.of(t, store);
  const d = await client.hand.dir('d');
  await one.before(client, d);
  const { happened, cancel } = client.brick(child).fail({ nth, when, what: 'down' });
  let vanished = false;
  void happened.then(() => {
    vanished = true;
    client.vanish();
  });
  await one.run(client, d).catch(() => {});
  cancel();
  await client.stop();
  const where = `${one.title}: ${when} call ${nth} to ${child}`;

  const next = await Client.of(t, store);
  const found = Object.fromEntries(
    await next.tree(await next.hand.lookup(next.hand.root, 'd')).catch(error => {
      throw new Error(`${where}: ${error}`, { cause: error });
    }),
  );
  const may = one.may(next).map(tree => JSON.stringify(sorted(tree)));
  if (!may.includes(JSON.stringify(sorted(found)))) t.strictSame(found, one.may(next), where);
  t.ok(next.layout('/d').isWhole, where);
  await next.remove(next.hand.root, 'd');
  await next.stop();
  return vanished;
}

/** A tree as text, to be compared. */
const sorted = (tree: Readonly<Record<string, string | undefined>>): readonly string[] =>
  Object.entries(tree)
    .map(([path, text]) => (text === undefined ? path : `${path}: ${text}`))
    .toSorted((a, b) => a.localeCompare(b));

for (const one of CASES) {
  t.test(one.title, async t => {
    let crashes = 0;
    for (const child of [0, 1, 2]) {
      for (const when of ['before', 'after'] as const) {
        for (let nth = 1; await crashAt(t, one, child, nth, when); nth++) crashes++;
      }
    }
    t.ok(crashes > 5, `${crashes} crashes`);
  });
}
