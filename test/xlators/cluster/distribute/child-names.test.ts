/** Layers that are left out of the graph give their names to the subvolumes of GlusterFS's other clients. */
import t, { type Test } from 'tap';
import { FOREIGN_LAYERS } from '#src/xlators/foreign.ts';
import { volumeOf } from '../../../support/graph.ts';
import { Hand } from '../../../suites/xlator/hand.ts';
import { Client, distributed, newStore } from './support.ts';

/** A client of a volume with `performance.parallel-readdir`. */
async function parallel(t: Test, store: string, kind: 'distribute' | 'nufa' = 'distribute', ...options: string[]) {
  const ahead = [0, 1, 2].map(i =>
    [`volume ra${i}`, '    type performance/readdir-ahead', `    subvolumes b${i}`, 'end-volume\n'].join('\n'),
  );
  const text = distributed(3, kind, options, store);
  const at = text.indexOf('volume dht');
  const whole = text.slice(0, at) + ahead.join('\n') + text.slice(at).replace('b0 b1 b2', 'ra0 ra1 ra2');
  const volume = await volumeOf(t, whole, { foreign: FOREIGN_LAYERS });
  await volume.top.ready();
  return new Client(new Hand(volume), 3, () => volume.graph.stop());
}

const LINKTO = 'trusted.glusterfs.dht.linkto';
const valueOf = (name: string) => Buffer.from(`${name}\0`).toString('hex');

t.test('linkto files name the layer that stands below in the volfile', async t => {
  const store = newStore();
  const client = await parallel(t, store);
  const { hand } = client;
  const d = await hand.dir('d');
  const [from, to] = [client.name('/d', 1, 'x'), client.name('/d', 2, 'y')];
  await hand.file(from, 'text', d);
  await hand.top.rename(hand.frame, d, from, d, to);
  t.equal(client.contents(2)[`/d/${to}`]!.xattrs[LINKTO], valueOf('ra1'));

  const plain = await Client.of(t, store);
  const seen = await plain.hand.lookup(plain.hand.root, 'd');
  t.equal(await plain.hand.content(await plain.hand.lookup(seen, to)), 'text', 'and are found without it');
});

t.test('a linkto file that was written before the layer came leads to the same subvolume', async t => {
  const store = newStore();
  const plain = await Client.of(t, store);
  const d = await plain.hand.dir('d');
  const [from, to] = [plain.name('/d', 1, 'x'), plain.name('/d', 2, 'y')];
  await plain.hand.file(from, 'text', d);
  await plain.hand.top.rename(plain.hand.frame, d, from, d, to);
  t.equal(plain.contents(2)[`/d/${to}`]!.xattrs[LINKTO], valueOf('b1'));

  const { hand } = await parallel(t, store);
  t.equal(await hand.content(await hand.lookup(await hand.lookup(hand.root, 'd'), to)), 'text');
});

t.test('options name subvolumes in the same way', async t => {
  const emptied = await parallel(t, newStore(), 'distribute', 'decommissioned-bricks ra1');
  await emptied.hand.dir('d');
  t.match(emptied.layout('/d').parts[1], { start: 0, stop: 0 });

  const near = await parallel(t, newStore(), 'nufa', 'local-volume-name ra2');
  const d = await near.hand.dir('d');
  const name = near.name('/d', 0, 'x');
  await near.hand.file(name, 'text', d);
  t.equal(near.contents(2)[`/d/${name}`]?.data, 'text');
});
