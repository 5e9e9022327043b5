/** A change that the caller may not make changes nothing on any brick, not even the times of a directory. */
import t from 'tap';
import { identityOf } from '#src/graph/identity.ts';
import { failure } from '../../../suites/xlator/hand.ts';
import { Client, newStore } from './support.ts';

const CHANGES = new Set(['mknod', 'create', 'link', 'unlink', 'rename', 'setattr', 'setxattr']);
const OWNER = 7;
const STRANGER = 8;

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
