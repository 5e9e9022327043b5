/** The rebalance daemon changes layouts and has yet to move files, while names are made and looked for. */
import t, { type Test } from 'tap';
import type { Inode } from '#src/graph/inode.ts';
import { encodeRange, type Range } from '#src/xlators/cluster/distribute/layout/layout.ts';
import { failure } from '../../../suites/xlator/hand.ts';
import { Client, newStore } from './support.ts';

/** The commit hash of the first rebalance. */
const COMMIT = 77;

/** What the daemon does first: the volume gets another commit hash. */
async function begin({ bricks, hand: { frame, root } }: Client): Promise<void> {
  const commit = new Map([['trusted.glusterfs.dht.commithash', Buffer.from(`${COMMIT}\0`)]]);
  for (const brick of bricks) await brick.children[0]!.setxattr(frame, root, commit, 0);
}

/** Gives the children the ranges that others have, in this order. */
async function relayout(client: Client, dir: Inode, path: string, order: readonly number[]): Promise<void> {
  const old = client.layout(path);
  for (const [child, from] of order.entries()) {
    const value = new Map([['trusted.glusterfs.dht', old.encoded(from)!]]);
    await client.brick(child).children[0]!.setxattr(client.hand.frame, dir, value, 0);
  }
}

/** What the daemon does when all files of a directory are in its queue: it gets the commit hash of the volume. */
async function settle(client: Client, dir: Inode, path: string): Promise<void> {
  for (const [child, part] of client.layout(path).parts.entries()) {
    const value = encodeRange({ ...(part as Range), commit: COMMIT });
    const layout = new Map([['trusted.glusterfs.dht', value]]);
    await client.brick(child).children[0]!.setxattr(client.hand.frame, dir, layout, 0);
  }
}

t.test('a file is found that the daemon has in its queue when it is done with the directory', async t => {
  const store = newStore();
  const client = await Client.of(t, store);
  const { hand } = client;
  const d = await hand.dir('d');
  const name = client.name('/d', 0, 'x');
  await hand.file(name, 'text', d);
  await begin(client);
  await relayout(client, d, '/d', [1, 0, 2]);
  await settle(client, d, '/d');
  await settle(client, hand.root, '/');
  for (const one of [client, await Client.of(t, store)]) {
    const seen = await one.hand.lookup(one.hand.root, 'd');
    t.equal(await one.hand.content(await one.hand.lookup(seen, name)), 'text');
    t.equal((await failure(one.hand.top.lookup(one.hand.frame, seen, 'nothing'))).code, 'ENOENT');
  }
});

/** A directory with a file on the last of three children, and a name that is on the first until the layout changes. */
async function scene(store: string) {
  const client = await Client.of(t, store);
  const d = await client.hand.dir('d');
  const old = client.name('/d', 2, 'old');
  await client.hand.file(old, 'text', d);
  return { client, d, old, fresh: client.name('/d', 0, 'new') };
}

/** Another client must find the text under this name, where the layout says that it is pointed to from. */
async function checkPointed(t: Test, store: string, client: Client, name: string): Promise<void> {
  t.match(client.contents(1)[`/d/${name}`], { mode: 0o1000 }, 'a linkto file tells where it is');
  const { hand } = await Client.of(t, store);
  t.equal(await hand.content(await hand.lookup(await hand.lookup(hand.root, 'd'), name)), 'text');
}

t.test('a file is renamed by the layout that the directory has when the names are locked', async t => {
  const store = newStore();
  const { client, d, old, fresh } = await scene(store);
  const { top, frame } = client.hand;
  await begin(client);
  await relayout(client, d, '/d', [1, 0, 2]);
  await top.rename(frame, d, old, d, fresh);
  t.notOk(client.contents(0)[`/d/${fresh}`], 'nothing is left where the name belonged');
  await checkPointed(t, store, client, fresh);
  t.equal((await failure(top.lookup(frame, d, old))).code, 'ENOENT');
});

t.test('a further name that is made while the layout changes is pointed to from where it then belongs', async t => {
  const store = newStore();
  const { client, old, fresh } = await scene(store);
  await begin(client);
  const other = await Client.of(t, store);
  const { hand } = other;
  const d = await hand.lookup(hand.root, 'd');
  const inode = await hand.lookup(d, old);
  const { happened, resume } = other.brick(2).fail({ fop: 'link', when: 'before', what: 'hang' });
  const linked = hand.top.link(hand.frame, inode, d, fresh);
  await happened;
  await relayout(client, d, '/d', [1, 0, 2]);
  resume();
  await linked;
  await checkPointed(t, store, client, fresh);
});
