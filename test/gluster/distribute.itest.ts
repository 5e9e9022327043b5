/** cluster/distribute with real bricks, beside GlusterFS's own client. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { GraphEvent } from '#src/graph/event.ts';
import { FileType } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { frame, TEST_XLATORS, volumeOf } from '../support/graph.ts';
import { Hand } from '../suites/xlator/hand.ts';
import { twoStepSuite } from '../suites/two-step.ts';
import { xlatorSuite } from '../suites/xlator.ts';
import { enterBed, HOST } from './support/bed.ts';
import { GlusterVolume } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(600_000);

/** Tells when the volume is up. */
class Up extends Xlator {
  readonly up = Promise.withResolvers<void>();

  override notify(event: GraphEvent, from?: Xlator): void {
    if (event.kind === 'child-up') this.up.resolve();
    super.notify(event, from);
  }
}

/** The graph of a volume as glusterd would write it, without layers that do nothing here. */
function graphText({ name, bricks }: GlusterVolume): string {
  const clients = bricks.map(({ index, path }) =>
    [
      `volume ${name}-client-${index}`,
      '    type protocol/client',
      `    option remote-host ${HOST}`,
      `    option remote-subvolume ${path}`,
      'end-volume\n',
    ].join('\n'),
  );
  const layer = (volume: string, type: string, ...below: string[]) =>
    `volume ${volume}\n    type ${type}\n    subvolumes ${below.join(' ')}\nend-volume\n`;
  return [
    ...clients,
    layer(`${name}-dht`, 'cluster/distribute', ...bricks.map(({ index }) => `${name}-client-${index}`)),
    layer(`${name}-utime`, 'features/utime', `${name}-dht`),
    layer(`${name}-two-step`, 'features/two-step', `${name}-utime`),
    layer(name, 'test/up', `${name}-two-step`),
  ].join('\n');
}

async function connected(t: Test, volume: GlusterVolume) {
  const registry = { ...TEST_XLATORS, 'test/up': async () => Up };
  const found = await volumeOf(t, graphText(volume), { registry });
  await (found.top as Up).up.promise;
  return { ...found, hand: new Hand(found) };
}

async function clear(hand: Hand, directory: Inode): Promise<void> {
  const { top } = hand;
  for (const { name } of await hand.names('readdirp', directory, 65_536)) {
    if (name === '.' || name === '..' || /^\.(glusterfs|trashcan)/.test(name)) continue;
    const child = await hand.lookup(directory, name);
    if (child.type !== FileType.DIR) {
      await top.unlink(frame, directory, name);
      continue;
    }
    await clear(hand, child);
    await top.rmdir(frame, directory, name);
  }
}

/** Where GlusterFS's client expects a name, as the name of a subvolume. */
const hashedSubvolume = (dir: string, name: string): string =>
  execFileSync('getfattr', ['--only-values', '--absolute-names', '-n', `dht.file.hashed-subvol.${name}`, dir], {
    encoding: 'utf8',
  }).replace(/\0$/, '');

const suiteVolume = await GlusterVolume.make('distribute');
t.teardown(() => suiteVolume.remove());

async function emptied(t: Test) {
  const found = await connected(t, suiteVolume);
  await clear(found.hand, found.root);
  await found.top.lookup(frame, found.root, '.');
  return found;
}

t.test('the first client of a new volume, and GlusterFS finds what it makes', async t => {
  const volume = await GlusterVolume.for(t, 'distribute');
  const { hand, top, root } = await connected(t, volume);
  const d = await hand.dir('d');
  const names = Array.from({ length: 300 }, (_, i) => {
    const text = [`file-${i}`, `dätei ${i}`, `文件${i}`, `.name-${i}.aB${i}`, `ф.${i}.txt`][i % 5]!;
    return Buffer.from(text).toString('latin1');
  });
  for (const name of names) await hand.file(name, `text of ${name.length}`, d);
  const mount = await volume.mount(t);
  const utf8 = names.map(name => Buffer.from(name, 'latin1').toString());
  t.strictSame(readdirSync(join(mount, 'd')).sort(), [...utf8].sort());
  let misplaced = 0;
  for (const name of utf8) {
    const expected = Number(hashedSubvolume(join(mount, 'd'), name).split('-').at(-1));
    if (!existsSync(join(volume.bricks[expected]!.path, 'd', name))) misplaced++;
  }
  t.equal(misplaced, 0);
  for (const brick of volume.bricks) {
    for (const name of readdirSync(join(brick.path, 'd'))) {
      if ((lstatSync(join(brick.path, 'd', name)).mode & 0o7777) === 0o1000) t.fail(`${name} has a linkto file`);
    }
  }
  t.equal(readFileSync(join(mount, 'd', utf8[2]!), 'utf8'), `text of ${names[2]!.length}`);

  // The other way about.
  mkdirSync(join(mount, 'theirs'));
  for (let i = 0; i < 100; i++) writeFileSync(join(mount, 'theirs', `file-${i}`), `their text ${i}`);
  const theirs = await hand.lookup(root, 'theirs');
  for (let i = 0; i < 100; i++) t.equal(await hand.content(await hand.lookup(theirs, `file-${i}`)), `their text ${i}`);
  const listed = (await hand.names('readdirp', theirs, 4096)).map(({ name }) => name);
  t.equal(listed.length, 102);

  // Renames across subvolumes, by both.
  for (let i = 0; i < 50; i++) {
    await top.rename(frame, theirs, `file-${i}`, d, `moved-${i}`);
    renameSync(join(mount, 'theirs', `file-${50 + i}`), join(mount, 'd', `moved-${50 + i}`));
  }
  t.strictSame(readdirSync(join(mount, 'theirs')), []);
  for (let i = 0; i < 100; i++) {
    t.equal(readFileSync(join(mount, 'd', `moved-${i}`), 'utf8'), `their text ${i}`);
    t.equal(await hand.content(await hand.lookup(d, `moved-${i}`)), `their text ${i}`);
  }
  await top.rename(frame, root, 'd', theirs, 'inside');
  t.equal(readdirSync(join(mount, 'theirs/inside')).length, 400);
  for (const { path } of volume.bricks) t.ok(statSync(join(path, 'theirs/inside')).isDirectory());
  await clear(hand, root);
  t.strictSame(readdirSync(mount), []);
});

twoStepSuite(t, 'distribute', emptied);
xlatorSuite(t, 'two-step over distribute', emptied);
