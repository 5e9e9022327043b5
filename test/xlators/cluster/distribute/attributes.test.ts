/** Attributes of directories that are changed while a subvolume is down are on all copies afterwards. */
import t, { type Test } from 'tap';
import type { Inode } from '#src/graph/inode.ts';
import { failure } from '../../../suites/xlator/hand.ts';
import { Client, newStore } from './support.ts';

const SHARED = /^user\.|posix_acl/;

/** The mode, the owner and the extended attributes that each copy of a directory has. */
const copiesOf = (client: Client, path: string) =>
  client.bricks.map((_, child) => {
    const { mode, uid, gid, xattrs } = client.contents(child)[path]!;
    return { mode, uid, gid, xattrs: Object.fromEntries(Object.entries(xattrs).filter(([name]) => SHARED.test(name))) };
  });

/** The child that leads the directory, and one that does not. */
function leading(client: Client, path: string): { leader: number; other: number } {
  const leader = [0, 1, 2].find(
    child => client.contents(child)[path]?.xattrs['trusted.glusterfs.dht.mds'] !== undefined,
  )!;
  return { leader, other: (leader + 1) % 3 };
}

async function scene(
  t: Test,
): Promise<{ client: Client; d: Inode; set: (name: string, value: string) => Promise<void> }> {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const d = await hand.dir('d');
  const set = (name: string, value: string) =>
    hand.top.setxattr(hand.frame, d, new Map([[name, Buffer.from(value)]]), 0);
  await set('user.old', 'removed');
  return { client, d, set };
}

t.test('a copy that was away gets what was changed meanwhile, at the next lookup', async t => {
  const { client, d, set } = await scene(t);
  const { top, frame, root } = client.hand;
  const { leader, other } = leading(client, '/d');
  client.brick(other).disconnect();
  await top.setattr(frame, d, { mode: 0o2750, uid: 7, gid: 8 });
  await set('user.new', 'value');
  await set('system.posix_acl_default', 'acl');
  await top.removexattr(frame, d, 'user.old');
  client.brick(other).connect();
  await top.lookup(frame, root, 'd');
  const hex = (text: string) => Buffer.from(text).toString('hex');
  const xattrs = { 'system.posix_acl_default': hex('acl'), 'user.new': hex('value') };
  const copy = { mode: 0o2750, uid: 7, gid: 8, xattrs };
  t.strictSame(copiesOf(client, '/d'), [copy, copy, copy]);
  t.equal(client.contents(leader)['/d']!.xattrs['trusted.glusterfs.dht.mds'], '00000000', 'nothing lacks any more');
  client.brick(0).calls.length = 0;
  await top.lookup(frame, root, 'd');
  t.notOk(
    client.brick(0).calls.some(({ fop }) => fop !== 'lookup' && fop !== 'discover'),
    'and nothing more is done',
  );
});

t.test('a copy that is made later has the extended attributes too', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  await hand.dir('warm');
  const name = client.name('', 0, 'new');
  client.brick(1).disconnect();
  const made = await hand.dir(name);
  await hand.top.setxattr(hand.frame, made, new Map([['user.a', Buffer.from('b')]]), 0);
  client.brick(1).connect();
  await hand.lookup(hand.root, name);
  const [first, ...others] = copiesOf(client, `/${name}`);
  t.strictSame(others, [first, first]);
  t.ok('user.a' in first!.xattrs);
});

t.test('without the leading copy nothing is changed, since it would be taken back', async t => {
  const { client, d, set } = await scene(t);
  const { top, frame } = client.hand;
  const before = copiesOf(client, '/d');
  client.brick(leading(client, '/d').leader).disconnect();
  t.equal((await failure(top.setattr(frame, d, { mode: 0o700 }))).code, 'ENOTCONN');
  t.equal((await failure(set('user.new', 'value'))).code, 'ENOTCONN');
  t.strictSame(copiesOf(client, '/d'), before);
});
