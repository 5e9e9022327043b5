/** Sharded volumes of real GlusterFS, used through the server and through GlusterFS's own client. */
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { enterBed } from './support/bed.ts';
import { differences, treeOf } from './support/bricks.ts';
import { servedVolume } from './support/serve.ts';
import { GlusterVolume } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(600_000);

const MiB = 2 ** 20;
const BLOCK = 4 * MiB;

t.test('a sharded volume', async t => {
  const volume = await GlusterVolume.for(t, 'sharded');
  const dir = await volume.mount(t);
  const { client } = await servedVolume(t, volume);
  const { root } = client;
  const [brick] = volume.bricks;
  /** The blocks on a brick, without the directory of markers. */
  const blocks = () => {
    const shard = join(brick!.path, '.shard');
    return existsSync(shard) ? readdirSync(shard).filter(name => name !== '.remove_me') : [];
  };

  await t.test('a small file on a volume without any block is read through FUSE', async t => {
    const file = await client.create(root, 'first');
    await client.write(file, Buffer.from('text'));
    t.equal(readFileSync(join(await volume.mount(t), 'first'), 'utf8'), 'text');
  });

  await t.test('what is written through NFS is read through FUSE', async t => {
    const data = randomBytes(3 * BLOCK + 12_345);
    const file = await client.create(root, 'nfs');
    await client.write(file, data);
    await client.commit(file);
    t.equal(blocks().length, 3);
    t.ok(readFileSync(join(dir, 'nfs')).equals(data));
    t.equal(statSync(join(dir, 'nfs')).size, data.length);
    t.ok((await client.read(file)).equals(data));
  });

  await t.test('what is written through FUSE is read through NFS', async t => {
    const data = randomBytes(2 * BLOCK + 777);
    writeFileSync(join(dir, 'fuse'), data);
    const file = await client.lookup(root, 'fuse');
    t.equal((await client.getattr(file)).size, data.length);
    t.ok((await client.read(file)).equals(data));
    const { used } = await client.getattr(file);
    t.equal(used, statSync(join(dir, 'fuse')).blocks * 512);
  });

  await t.test('listings have the sizes', async t => {
    const entries = await client.list(root);
    const sizes = Object.fromEntries(entries.map(entry => [entry.name, entry.name_attributes?.size]));
    t.match(sizes, { nfs: 3 * BLOCK + 12_345, fuse: 2 * BLOCK + 777 });
    t.equal(sizes['.shard'], undefined);
  });

  await t.test('writes in any order, and at the same time, over the borders of blocks', async t => {
    const data = randomBytes(5 * BLOCK);
    const file = await client.create(root, 'parts');
    const parts = Array.from({ length: 5 * 4 }, (_, i) => i * MiB).sort((a, b) => (a % 7) - (b % 7));
    await Promise.all(parts.map(at => client.write(file, data.subarray(at, at + MiB + 4096), at)));
    await client.commit(file);
    t.equal((await client.getattr(file)).size, data.length);
    t.ok(readFileSync(join(dir, 'parts')).equals(data));
  });

  await t.test('truncation and holes', async t => {
    const file = await client.lookup(root, 'parts');
    const before = readFileSync(join(dir, 'parts'));
    // GlusterFS's client does not see at once what another one has truncated, so that each look is through a new mount.
    const seen = async () => readFileSync(join(await volume.mount(t), 'parts'));
    await client.setattr(file, { size: BLOCK + 5 });
    t.ok((await seen()).equals(before.subarray(0, BLOCK + 5)));
    await client.setattr(file, { size: 3 * BLOCK });
    const expected = Buffer.concat([before.subarray(0, BLOCK + 5), Buffer.alloc(2 * BLOCK - 5)]);
    t.ok((await client.read(file)).equals(expected));
    t.ok((await seen()).equals(expected));
    truncateSync(join(await volume.mount(t), 'parts'), 2 * BLOCK + 9);
    t.equal((await client.getattr(file)).size, 2 * BLOCK + 9);
    t.ok((await client.read(file)).equals(expected.subarray(0, 2 * BLOCK + 9)));
  });

  await t.test('a file that is removed takes its blocks with it', async t => {
    const others = blocks().length;
    const file = await client.create(root, 'gone');
    await client.write(file, randomBytes(3 * BLOCK));
    t.equal(blocks().length, others + 2);
    await client.link(file, root, 'second');
    await client.remove(root, 'gone');
    t.equal(blocks().length, others + 2);
    await client.rename(root, 'second', root, 'third');
    const small = await client.create(root, 'small');
    await client.write(small, Buffer.from('text'));
    await client.rename(root, 'small', root, 'third');
    while (blocks().length > others) await sleep(50);
    unlinkSync(join(dir, 'fuse'));
    while (blocks().length > others - 2) await sleep(50);
    while (readdirSync(join(brick!.path, '.shard/.remove_me')).length > 0) await sleep(50);
    t.equal(readFileSync(join(dir, 'third'), 'utf8'), 'text');
  });

  await t.test('a directory of files on a brick that was away', async t => {
    mkdirSync(join(dir, 'd'));
    const folder = await client.lookup(root, 'd');
    await volume.signal(1, 'SIGKILL');
    const data = randomBytes(2 * BLOCK + 1);
    for (let i = 0; i < 3; i++) await client.write(await client.create(folder, `f${i}`), data);
    await volume.start();
    await volume.healed();
    for (const other of volume.bricks.slice(1)) t.strictSame(differences(treeOf(brick!), treeOf(other)), []);
    for (let i = 0; i < 3; i++) t.ok(readFileSync(join(dir, `d/f${i}`)).equals(data));
  });
});
