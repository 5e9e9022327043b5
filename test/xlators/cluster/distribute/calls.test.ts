/** Which calls to the bricks each fop makes: they are what a client waits for, and what others see. */
import t from 'tap';
import type { Fop } from '#src/graph/fops.ts';
import { Stable } from '#src/graph/fops.ts';
import { errnoOf } from '#src/errno.ts';
import { identityOf } from '#src/graph/identity.ts';
import { failure } from '../../../suites/xlator/hand.ts';
import { Client, newStore } from './support.ts';

const CHANGES = new Set(['mknod', 'create', 'link', 'unlink', 'rename', 'setattr', 'setxattr']);
const OWNER = 7;
const STRANGER = 8;

t.test('the usual calls', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const { top, frame } = hand;
  const d = await hand.dir('d');
  const [name, other] = client.names('/d', 1, 'f', 2) as [string, string];
  const counted = async (run: () => Promise<unknown>): Promise<Partial<Record<Fop, number>>> => {
    for (const brick of client.bricks) brick.calls.length = 0;
    await run().catch(error => {
      if (errnoOf(error) === undefined) throw error;
    });
    const counts: Partial<Record<Fop, number>> = {};
    for (const { fop } of client.bricks.flatMap(({ calls }) => calls)) counts[fop] = (counts[fop] ?? 0) + 1;
    return counts;
  };
  const inode = await hand.file(name, 'text', d);
  // The commit hash of the volume is asked for when it was not asked for a moment ago.
  const now = performance.now.bind(performance);
  t.teardown(() => Object.assign(performance, { now }));
  performance.now = () => 1e9;
  await hand.file('another', '', d);
  for (const [what, run, expected] of [
    ['lookup of a file', () => top.lookup(frame, d, name), { lookup: 1 }],
    ['stat', () => top.stat(frame, inode), { stat: 1 }],
    ['access', () => top.access(frame, inode, 4), { access: 1 }],
    ['read', () => top.readv(frame, inode.fd, 10, 0), { readv: 1 }],
    ['write', () => top.writev(frame, inode.fd, Buffer.from('x'), 0, Stable.UNSTABLE), { writev: 1 }],
    ['setattr', () => top.setattr(frame, inode, { mode: 0o600 }), { setattr: 1 }],
    ['lookup of a name that does not exist', () => top.lookup(frame, d, 'nothing'), { lookup: 1 }],
    ['create', () => top.create(frame, d, other, { mode: 'guarded', attr: { mode: 0o600 } }), { create: 1 }],
    ['unlink', () => top.unlink(frame, d, other), { lookup: 1, unlink: 1 }],
    ['access of a directory', () => top.access(frame, d, 4), { access: 1 }],
    ['stat of a directory', () => top.stat(frame, d), { stat: 3 }],
    ['lookup of a directory', () => top.lookup(frame, hand.root, 'd'), { lookup: 3 }],
  ] as const) {
    t.strictSame(await counted(run), expected, what);
  }
});

t.test('a page of a listing costs no call for an entry', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const d = await hand.dir('d');
  for (let i = 0; i < 100; i++) await hand.file(`f${i}`, '', d);
  for (let i = 0; i < 20; i++) await hand.dir(`d${i}`, d);
  for (const brick of client.bricks) brick.calls.length = 0;
  const { entries, eof } = await hand.top.readdirp(hand.frame, d.fd, 100_000, 0n);
  t.ok(eof);
  t.equal(entries.length, 122);
  const calls = client.bricks.flatMap(({ calls }) => calls.map(({ fop }) => fop));
  t.strictSame(calls.filter(fop => fop !== 'lookup').length, 3, 'a page of each brick');
  t.equal(calls.filter(fop => fop === 'lookup').length, 3, 'the parent');
});

t.test('over a single brick each fop is one call', async t => {
  const client = await Client.of(t, newStore(), 1);
  const { hand } = client;
  const brick = client.brick(0);
  const d = await hand.dir('d');
  await hand.file('f', 'text', d);
  brick.calls.length = 0;
  await hand.top.mkdir(hand.frame, d, 'e', { mode: 0o755 });
  await hand.top.rename(hand.frame, d, 'f', d, 'g');
  await hand.top.unlink(hand.frame, d, 'g');
  await hand.top.rmdir(hand.frame, d, 'e');
  t.strictSame(
    brick.calls.map(({ fop }) => fop),
    ['mkdir', 'rename', 'unlink', 'rmdir'],
  );
  t.ok(client.layout('/d').isWhole && client.layout('').isWhole, 'directories have their layout');
});

/** A change that the caller may not make changes nothing on any brick, not even the times of a directory. */
t.test('a refused rename or link to another subvolume makes no step', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const { top } = hand;
  const as = (uid: number) => ({ ...hand.frame, identity: identityOf(uid, uid) });
  const open = await hand.dir('open');
  const shut = await hand.dir('shut');
  const sticky = await hand.dir('sticky');
  const chmod = (mode: number) => top.setattr(hand.frame, shut, { mode, uid: OWNER });
  await top.setattr(hand.frame, open, { mode: 0o777 });
  await top.setattr(hand.frame, sticky, { mode: 0o1777 });
  await chmod(0o755);
  // Each name belongs to another subvolume than what it is to get.
  const inOpen = client.name('/open', 0, 'f');
  const [taken, free] = client.names('/open', 1, 't', 2) as [string, string];
  const inShut = client.name('/shut', 0, 'f');
  const freeInShut = client.name('/shut', 2, 't');
  const inSticky = client.name('/sticky', 0, 'f');
  const freeInSticky = client.name('/sticky', 1, 't');
  const file = await hand.file(inOpen, 'text', open);
  await hand.file(taken, 'text', open);
  await hand.file(inShut, 'text', shut);
  await hand.file(inSticky, 'text', sticky);

  const refused = async (what: string, call: Promise<unknown>) => {
    for (const brick of client.bricks) brick.calls.length = 0;
    t.equal((await failure(call)).code, 'EACCES', what);
    const changes = client.bricks.flatMap(brick => brick.calls.map(({ fop }) => fop).filter(fop => CHANGES.has(fop)));
    t.strictSame(changes, [], `${what}: no brick is told to change anything`);
  };
  const stranger = as(STRANGER);
  await refused('rename into a directory', top.rename(stranger, open, inOpen, shut, freeInShut));
  await refused('rename out of a directory', top.rename(stranger, shut, inShut, open, free));
  await refused('rename out of a directory, over a file', top.rename(stranger, shut, inShut, open, taken));
  await refused('link into a directory', top.link(stranger, file, shut, freeInShut));
  await refused("rename of another's file", top.rename(stranger, sticky, inSticky, open, free));
  await refused("rename over another's file", top.rename(stranger, open, taken, sticky, inSticky));
  await chmod(0o555);
  await refused('the owner obeys the mode, too', top.rename(as(OWNER), shut, inShut, open, free));

  await chmod(0o755);
  await top.rename(as(OWNER), shut, inShut, open, free);
  await top.rename(stranger, open, inOpen, sticky, freeInSticky);
  t.equal(await hand.content(await hand.lookup(open, free)), 'text', 'what is permitted is done');
  t.equal(await hand.content(await hand.lookup(sticky, freeInSticky)), 'text');
});
