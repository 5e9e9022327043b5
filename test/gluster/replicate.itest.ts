/**
 * Replicas on real bricks: a brick is killed in each kind of change, the marks are those of GlusterFS's own client, and
 * its self-heal daemon makes the bricks equal.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { enterBed } from './support/bed.ts';
import { differences, treeOf, xattrsOf } from './support/bricks.ts';
import { listingsUnderKills } from './support/listings.ts';
import type { NfsClient } from './support/nfs-client.ts';
import { servedVolume } from './support/serve.ts';
import { GlusterVolume, type Kind } from './support/volume.ts';
import { stable_how } from '#protocols/nfs3/constants.ts';

enterBed(import.meta.filename);
t.setTimeout(600_000);

t.test('a listing goes on when its brick is killed', t => listingsUnderKills(t, 'replicate'));

/** What is done while a brick is away. */
async function changes(client: NfsClient, root: Buffer, at: string): Promise<void> {
  const dir = await client.mkdir(root, `dir-${at}`);
  const made = await client.create(dir, 'made');
  await client.write(made, Buffer.from(`made ${at}`), 0, stable_how.FILE_SYNC);
  const file = await client.lookup(root, 'file');
  await client.write(file, Buffer.from(`written ${at}`), 0);
  await client.commit(file);
  await client.setattr(file, { mode: 0o600 });
  await client.symlink(dir, 'link', 'target');
  await client.link(made, root, `linked-${at}`);
  await client.rename(dir, 'made', root, `moved-${at}`);
  await client.remove(root, `gone-${at}`);
  await client.rmdir(root, `empty-${at}`);
}

async function equalAfterHeal(t: Test, volume: GlusterVolume): Promise<void> {
  await volume.start();
  await volume.healed();
  const shows = { content: volume.kind !== 'arbiter' };
  const [first, ...others] = volume.bricks.map(brick => treeOf(brick, shows));
  for (const other of others) t.strictSame(differences(first!, other), []);
}

for (const kind of ['replicate', 'arbiter'] as const satisfies readonly Kind[]) {
  t.test(`${kind}: each brick in turn is away while files are changed`, async t => {
    const volume = await GlusterVolume.for(t, kind);
    const { client } = await servedVolume(t, volume);
    const root = await client.walk('/');
    await client.create(root, 'file');
    for (const at of ['0', '1', '2']) {
      await client.create(root, `gone-${at}`);
      await client.mkdir(root, `empty-${at}`);
    }
    for (const brick of [0, 1, 2]) {
      await volume.signal(brick, 'SIGKILL');
      await changes(client, root, `${brick}`);
      const other = volume.bricks[(brick + 1) % 3]!;
      const marks = xattrsOf(other, 'file', 'trusted.afr');
      t.match(
        marks[`trusted.afr.${volume.name}-client-${brick}`],
        /^0{7}[1-9a-f]0{7}[1-9a-f]0{8}$/,
        'data and attributes',
      );
      const names = xattrsOf(other, '.', 'trusted.afr');
      t.match(names[`trusted.afr.${volume.name}-client-${brick}`], /^0{16}0{6}[0-9a-f]{2}$/, 'names');
      await equalAfterHeal(t, volume);
      t.equal((await client.read(await client.lookup(root, 'file'))).toString(), `written ${brick}`);
    }
  });
}

t.test('two writers, one of them GlusterFS’s own client, write to one file', async t => {
  const volume = await GlusterVolume.for(t, 'replicate');
  const { client } = await servedVolume(t, volume);
  const dir = await volume.mount(t);
  const root = await client.walk('/');
  const file = await client.create(root, 'shared');
  const began = Date.now();
  for (let i = 0; i < 10; i++) {
    await client.write(file, Buffer.from(`nfs-${i}`), i * 20, stable_how.FILE_SYNC);
    writeFileSync(join(dir, 'shared'), `fuse-${i}`, { flag: 'a' });
  }
  t.comment(`${Date.now() - began} ms`);
  await equalAfterHeal(t, volume);
  t.match(readFileSync(join(dir, 'shared'), 'latin1'), /nfs-9/);
});

t.test(
  'another client makes names in a directory in which the server makes many: it waits for a moment only',
  async t => {
    const volume = await GlusterVolume.for(t, 'replicate');
    const { client } = await servedVolume(t, volume);
    const dir = await client.mkdir(client.root, 'shared', 0o777);
    const mounted = join(await volume.mount(t), 'shared');
    let made = 0;
    let isOver = false;
    const making = (async () => {
      while (!isOver)
        await client.write(await client.create(dir, `nfs-${made++}`), Buffer.from('data'), 0, stable_how.FILE_SYNC);
    })();
    // The server notices the other client, and locks names one by one for five seconds.
    for (let i = 0; i < 4; i++) {
      await sleep(5500);
      const before = { made, at: performance.now() };
      await writeFile(join(mounted, `fuse-${i}`), 'data', { flag: 'wx' });
      const took = performance.now() - before.at;
      t.comment(`${took.toFixed()} ms, in which the server made ${made - before.made} files`);
      t.ok(took < 1000, 'not as long as a lock is kept');
    }
    isOver = true;
    await making;
    const names = (await client.list(dir)).map(({ name }) => name.toString()).filter(name => !/^\.+$/.test(name));
    t.equal(names.length, made + 4);
    t.strictSame((await readdir(mounted)).sort(), names.sort());
  },
);
