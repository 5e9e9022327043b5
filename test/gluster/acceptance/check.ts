/** Whether a volume has what was acknowledged: through NFS, through GlusterFS's own client, and on the bricks. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { type Brick, differences, marksOf, treeOf } from '../support/bricks.ts';
import { dispersion, strangeBricks } from '../support/fragments.ts';
import type { NfsClient } from '../support/nfs-client.ts';
import { type GlusterVolume, KINDS } from '../support/volume.ts';
import type { Worker } from './load.ts';

/** How many of the paths that differ are shown with their links. */
const SHOWN_MAX = 10;

/** What differs between what a worker knows and what is below a directory, as readable lines. */
function wrongIn(dir: string, workers: readonly Worker[]): string[] {
  const wrong: string[] = [];
  for (const worker of workers) {
    const home = join(dir, worker.name);
    for (const folder of worker.dirs.keys()) {
      const names = readdirSync(join(home, folder)).sort().join();
      const expected = worker.entriesOf(folder).sort().join();
      if (names !== expected) wrong.push(`${worker.name}/${folder}: has ${names}, expected ${expected}`);
    }
    for (const [name, { data, mode }] of worker.files) {
      const path = join(home, name);
      const there = readFileSync(path);
      if (!there.equals(data))
        wrong.push(
          `${path}: ${there.length} bytes, expected ${data.length}; they differ at ${there.findIndex((byte, i) => byte !== data[i])}`,
        );
      if ((lstatSync(path).mode & 0o7777) !== mode) wrong.push(`${path}: mode ${lstatSync(path).mode.toString(8)}`);
    }
    for (const [name, target] of worker.links) {
      if (readlinkSync(join(home, name)) !== target) wrong.push(`${worker.name}/${name}: another target`);
    }
  }
  return wrong;
}

/** The same through NFS, by handles and by names. */
async function wrongThrough(client: NfsClient, workers: readonly Worker[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const worker of workers) {
    for (const [name, { handle, data, mode }] of worker.files) {
      const byName = await client.walk(`${worker.name}/${name}`);
      for (const one of [handle, byName]) {
        if (!(await client.read(one)).equals(data)) wrong.push(`${worker.name}/${name}: other bytes through NFS`);
      }
      const attributes = await client.getattr(byName);
      if (attributes.size !== data.length || (attributes.mode & 0o7777) !== mode)
        wrong.push(`${worker.name}/${name}: attributes`);
    }
  }
  return wrong;
}

/** The fragments on the bricks that are not those of what is known. */
function wrongFragments(volume: GlusterVolume, workers: readonly Worker[]): string[] {
  if (dispersion(volume) === undefined) return [];
  return workers.flatMap(({ name: home, files }) =>
    [...files].flatMap(([name, { data }]) =>
      strangeBricks(volume, `${home}/${name}`, data).map(
        ({ index }) => `${home}/${name}: another fragment on brick ${index}`,
      ),
    ),
  );
}

/** All links that a brick has to a file, those of its own that no client sees too. */
function linksOf({ path }: Brick, name: string): string[] {
  const { stdout } = spawnSync('find', [path, '-samefile', join(path, name)], { encoding: 'utf8' });
  return stdout.split('\n').filter(link => link !== '');
}

/** The bricks that must be equal to each other. */
function replicasOf(volume: GlusterVolume): (readonly number[])[] {
  const { words } = KINDS[volume.kind];
  if (!words.startsWith('replica')) return [];
  return Array.from({ length: volume.bricks.length / 3 }, (_, set) => [0, 1, 2].map(i => set * 3 + i));
}

/** Asserts that nothing is left to heal, and that all sees what was acknowledged. */
export async function checkAll(t: Test, volume: GlusterVolume, client: NfsClient, workers: readonly Worker[]) {
  if (KINDS[volume.kind].words !== '') {
    await volume.healed();
    t.strictSame(await volume.splitBrains(), [], 'nothing is in split-brain');
  }
  t.strictSame(await wrongThrough(client, workers), [], 'what was acknowledged is seen through NFS');
  t.strictSame(wrongIn(await volume.mount(t), workers), [], "what was acknowledged is seen through GlusterFS's client");
  t.strictSame(wrongFragments(volume, workers), [], 'the bricks have the fragments of what was acknowledged');
  for (const bricks of replicasOf(volume)) {
    const content = volume.kind !== 'arbiter';
    const [first, ...others] = bricks.map(i => treeOf(volume.bricks[i]!, { content }));
    for (const [i, other] of others.entries()) {
      const unlike = differences(first!, other);
      t.strictSame(unlike, [], `brick ${bricks[i + 1]} is equal`);
      const paths = unlike.map(line => line.slice(0, line.indexOf(':')));
      const parents = new Set(paths.map(path => dirname(path)));
      for (const parent of parents) t.comment([parent, ...marksOf(volume.bricks, parent)].join('\n  '));
      for (const path of paths.slice(0, SHOWN_MAX))
        for (const i of bricks) t.comment(...linksOf(volume.bricks[i]!, path));
    }
  }
}
