/**
 * Two names of one file go away while a brick is down. The self-heal daemon of GlusterFS 10.3 moves both to one name of a
 * hidden directory; the second rename(2) does nothing, as both are the same file then, so that this name stays on the brick
 * (`afr_selfheal_entry_anon_inode`). Without the hidden directory it removes both.
 */
import { linkSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { enterBed } from '../support/bed.ts';
import { servedVolume } from '../support/serve.ts';
import { GlusterVolume } from '../support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(600_000);

const OPTION = 'cluster.use-anonymous-inode';
const AWAY = 1;

/** What a client does to the names. */
interface Changes {
  readonly before: () => Promise<void>;
  readonly whileAway: () => Promise<void>;
}

/** The names that the brick has which was away, once all is healed. */
async function namesAfter(volume: GlusterVolume, { before, whileAway }: Changes): Promise<readonly string[]> {
  await before();
  await volume.signal(AWAY, 'SIGKILL');
  await whileAway();
  await volume.start();
  await volume.healed();
  return readdirSync(join(volume.bricks[AWAY]!.path, 'dir')).toSorted();
}

async function throughNfs(t: Test, volume: GlusterVolume): Promise<Changes> {
  const { client } = await servedVolume(t, volume);
  const dir = await client.mkdir(client.root, 'dir');
  return {
    before: async () => client.link(await client.create(dir, 'one'), dir, 'two'),
    whileAway: async () => {
      await client.rename(dir, 'one', dir, 'renamed');
      await client.remove(dir, 'two');
    },
  };
}

async function throughOwnClient(t: Test, volume: GlusterVolume): Promise<Changes> {
  const dir = join(await volume.mount(t), 'dir');
  mkdirSync(dir);
  return {
    before: async () => {
      writeFileSync(join(dir, 'one'), '');
      linkSync(join(dir, 'one'), join(dir, 'two'));
    },
    whileAway: async () => {
      renameSync(join(dir, 'one'), join(dir, 'renamed'));
      rmSync(join(dir, 'two'));
    },
  };
}

t.test('without the hidden directory no name is left on the brick that was away', async t => {
  const volume = await GlusterVolume.for(t, 'replicate', { [OPTION]: 'no' });
  t.same(await namesAfter(volume, await throughNfs(t, volume)), ['renamed']);
});

t.test(
  'with it one is left, whoever the client is: once this fails, docs/gluster.md need not say so any more',
  async t => {
    const volume = await GlusterVolume.for(t, 'replicate', { [OPTION]: 'yes' });
    t.same(await namesAfter(volume, await throughOwnClient(t, volume)), ['renamed', 'two']);
  },
);
