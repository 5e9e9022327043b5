/** An empty brick takes the place of another one while nothing else happens: nothing is missed, and it gets everything. */
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { enterBed, gluster, HOST } from '../support/bed.ts';
import { type Brick, differences, treeOf, xattrsOf } from '../support/bricks.ts';
import { dispersion, strangeBricks } from '../support/fragments.ts';
import type { NfsClient } from '../support/nfs-client.ts';
import { servedVolume } from '../support/serve.ts';
import { GlusterVolume, type Kind } from '../support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(600_000);

const POLL_MS = 100;
const HEAL_MAX_MS = 120_000;

const FILES = new Map([
  ['at-the-top', Buffer.from('some text')],
  ['a/b/c/deep', Buffer.alloc(100_000, 'deep')],
  ['a/b/empty', Buffer.alloc(0)],
  ['a/other', Buffer.alloc(3000, 'other')],
]);
const DIRECTORIES = ['a', 'a/b', 'a/b/c', 'without-anything'];

async function filled(client: NfsClient): Promise<void> {
  for (const path of DIRECTORIES) {
    const [name, parent] = [path.split('/').at(-1)!, path.split('/').slice(0, -1).join('/')];
    await client.mkdir(parent === '' ? client.root : await client.walk(parent), name);
  }
  for (const [path, data] of FILES) {
    const [name, parent] = [path.split('/').at(-1)!, path.split('/').slice(0, -1).join('/')];
    const file = await client.create(parent === '' ? client.root : await client.walk(parent), name);
    if (data.length === 0) continue;
    await client.write(file, data);
    await client.commit(file);
  }
}

/** All paths that NFS lists. */
async function listed(client: NfsClient, dir = client.root, prefix = ''): Promise<string[]> {
  const paths: string[] = [];
  for (const { name: bytes } of await client.list(dir)) {
    const name = bytes.toString();
    if (name === '.' || name === '..') continue;
    const path = prefix + name;
    paths.push(path);
    if (DIRECTORIES.includes(path)) paths.push(...(await listed(client, await client.lookup(dir, name), `${path}/`)));
  }
  return paths.toSorted();
}

const ALL = [...DIRECTORIES, ...FILES.keys()].toSorted();

/** The paths of a brick. */
const pathsOn = (brick: Brick): string[] =>
  Object.keys(treeOf(brick, { content: false }))
    .filter(path => path !== '')
    .toSorted();

/** Puts an empty brick in the place of one, with nothing else done to the volume. */
async function replaced(volume: GlusterVolume, index: number): Promise<Brick> {
  const { path } = volume.bricks[index]!;
  const fresh = `${path}-fresh`;
  await gluster(`volume replace-brick ${volume.name} ${HOST}:${path} ${HOST}:${fresh} commit force`);
  volume.replaced(index, fresh);
  return volume.bricks[index]!;
}

for (const kind of ['disperse', 'replicate'] satisfies Kind[]) {
  t.test(kind, async (t: Test) => {
    const volume = await GlusterVolume.for(t, kind);
    const { client } = await servedVolume(t, volume);
    await filled(client);
    t.strictSame(await listed(client), ALL);
    await volume.healed();
    for (const index of [1, 2, 0]) {
      const fresh = await replaced(volume, index);
      const until = Date.now() + HEAL_MAX_MS;
      // The daemon looks at its lists when a brick comes up, and every ten minutes; the command makes it do so at once.
      for (let turn = 1; pathsOn(fresh).length < ALL.length || (await volume.unhealed()).length > 0; turn++) {
        t.strictSame(await listed(client), ALL, `brick ${index}, listing ${turn}`);
        if (Date.now() > until) throw new Error(`brick ${index} has only ${pathsOn(fresh).join(' ')}`);
        // The daemon may not yet be connected to a brick that has just been started.
        if (turn % 20 === 0) await gluster(`volume heal ${volume.name}`).catch(() => {});
        await sleep(POLL_MS);
      }
      t.strictSame(pathsOn(fresh), ALL, `brick ${index} has everything`);
      for (const [path, data] of FILES) {
        t.ok((await client.read(await client.walk(path))).equals(data), path);
        if (dispersion(volume) !== undefined) t.strictSame(strangeBricks(volume, path, data), [], path);
      }
      if (kind === 'disperse') {
        const versions = volume.bricks.map(brick => xattrsOf(brick, '', 'trusted.ec.version')['trusted.ec.version']);
        t.ok(versions[0] !== undefined && versions.every(version => version === versions[0]), versions.join(' '));
      } else {
        const [first, ...others] = volume.bricks.map(brick => treeOf(brick));
        for (const other of others) t.strictSame(differences(first!, other), []);
      }
    }
  });
}
