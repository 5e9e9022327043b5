/** The bed itself: volumes of each kind are made, broken and healed, and used through GlusterFS's own client. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { enterBed } from './support/bed.ts';
import { differences, treeOf, xattrsOf } from './support/bricks.ts';
import { GlusterVolume, type Kind, KINDS } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(300_000);

t.test('a volume of each kind works, and its volfile is there', async t => {
  for (const kind of Object.keys(KINDS) as Kind[]) {
    const volume = await GlusterVolume.make(kind);
    t.teardown(() => volume.remove());
    const dir = await volume.mount(t);
    writeFileSync(join(dir, 'f'), kind);
    t.equal(readFileSync(join(dir, 'f'), 'utf8'), kind);
    t.match(volume.volfile(), /type debug\/io-stats/, kind);
    t.equal((await volume.pids()).filter(pid => pid !== undefined).length, KINDS[kind].bricks, kind);
  }
});

t.test('a brick that was killed is healed when it is back', async t => {
  const volume = await GlusterVolume.for(t, 'replicate');
  const dir = await volume.mount(t);
  writeFileSync(join(dir, 'f'), 'before');
  await volume.signal(1, 'SIGKILL');
  for (let i = 0; i < 20; i++) writeFileSync(join(dir, `f${i}`), `after ${i}`);
  writeFileSync(join(dir, 'f'), 'after');
  t.equal((await volume.pids())[1], undefined);
  const [first, second] = [volume.bricks[0]!, volume.bricks[1]!];
  t.match(xattrsOf(first, 'f', 'trusted.afr')[`trusted.afr.${volume.name}-client-1`], /^0000000[1-9a-f]/);
  t.ok(differences(treeOf(first), treeOf(second)).length > 0);
  t.ok((await volume.unhealed()).length > 0);
  await volume.start();
  await volume.healed();
  t.strictSame(differences(treeOf(first), treeOf(second)), []);
  t.equal(readFileSync(join(second.path, 'f'), 'utf8'), 'after');
});

t.test('what a brick keeps for a while of directories that were removed is not counted', async t => {
  const volume = await GlusterVolume.for(t, 'replicate', { 'cluster.use-anonymous-inode': 'no' });
  const dir = await volume.mount(t);
  mkdirSync(join(dir, 'd'));
  writeFileSync(join(dir, 'd/f'), 'text');
  await volume.signal(1, 'SIGKILL');
  renameSync(join(dir, 'd/f'), join(dir, 'f'));
  rmdirSync(join(dir, 'd'));
  await volume.start();
  await volume.healed();
  const [first, second] = [volume.bricks[0]!, volume.bricks[1]!];
  const [removed] = readdirSync(join(second.path, '.glusterfs/landfill'));
  t.strictSame(readdirSync(join(second.path, '.glusterfs/landfill', removed!)), ['f']);
  t.strictSame(differences(treeOf(first), treeOf(second)), []);
});

t.test('the calls to the bricks are counted', async t => {
  const volume = await GlusterVolume.for(t, 'replicate');
  const dir = await volume.mount(t);
  await volume.startProfile();
  writeFileSync(join(dir, 'f'), 'text');
  const counts = await volume.profile();
  t.equal(counts.get('CREATE'), 3);
  t.equal((await volume.profile()).get('CREATE'), undefined);
});
