/** The index on a disk of its own. full.test.ts runs it in a mount namespace of its own. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { codeOf, inodeOf, makePlace, root, startBrick, type Tap } from '../support/brick-test.ts';
import { byIndex, fresh, guarded, indexFiles, known, patiently } from './ground.ts';

const FILES = 300;
const mount = (...args: string[]) => execFileSync('mount', args);

/** A volume whose state directory is on a small disk. */
function withSmallState(t: Tap) {
  const place = makePlace(t);
  mkdirSync(place.stateDir);
  mount('-t', 'tmpfs', '-o', 'size=1M,mode=700', 'none', place.stateDir);
  t.teardown(() => execFileSync('umount', ['-l', place.stateDir]));
  const filler = join(place.stateDir, 'filler');
  return {
    place,
    fill: () => {
      for (let bytes = 64 * 1024; bytes >= 1; bytes >>= 1) {
        for (;;) {
          try {
            appendFileSync(filler, Buffer.alloc(bytes));
          } catch {
            break;
          }
        }
      }
    },
    empty: () => truncateSync(filler),
  };
}

t.test('while the disk is full, no handle is given out that the index cannot hold', async t => {
  const { place, fill, empty } = withSmallState(t);
  for (let i = 0; i < FILES; i++) writeFileSync(place.path(`f${i}`), '');
  writeFileSync(place.path('old'), 'old');
  let brick = await startBrick(t, place, byIndex);
  const old = (await brick.fops.lookup(root, brick.root, 'old')).iatt;
  fill();
  const list = async () => {
    const { entries } = await brick.fops.readdirp(root, brick.root.fd, 1_000_000, 0n);
    return entries.filter(({ name }) => name.startsWith('f')).map(({ iatt }) => iatt!);
  };
  t.equal(await codeOf(list()), 'EJUKEBOX');
  const given = [old];
  for (let i = 0; i < FILES; i++) {
    const found = await codeOf(brick.fops.lookup(root, brick.root, `f${i}`));
    if (typeof found === 'string') t.equal(found, 'EJUKEBOX');
    else given.push((found as { iatt: typeof old }).iatt);
  }
  t.ok(given.length < FILES, 'most handles had no room');
  t.match(await brick.fops.stat(root, fresh(old)), { size: 3 }, 'known objects are served in the meantime');
  empty();
  given.push(...((await patiently(list)) as (typeof old)[]));
  await brick.stop();
  brick = await startBrick(t, place, byIndex);
  t.equal(await known(brick, given), given.length);
  t.equal(given.length > FILES, true);
});

t.test('on a full disk new objects are removed again, and removals and renames are carried out', async t => {
  const { place, fill, empty } = withSmallState(t);
  for (const name of ['gone', 'from', 'linked']) writeFileSync(place.path(name), name);
  let brick = await startBrick(t, place, byIndex);
  const [gone, from, linked] = [await brick.walk('gone'), await brick.walk('from'), await brick.walk('linked')];
  fill();
  const top = brick.root;
  const before = readdirSync(place.dir).length;
  for (let i = 0; i < 50; i++) {
    // Objects are made until there is no room for one more row.
    const made = await codeOf(brick.fops.create(root, top, `new ${i}`, guarded));
    if (typeof made === 'object') await brick.fops.unlink(root, top, `new ${i}`);
  }
  for (const [what, make] of Object.entries({
    create: () => brick.fops.create(root, top, 'x', guarded),
    mkdir: () => brick.fops.mkdir(root, top, 'x', { mode: 0o755 }),
    symlink: () => brick.fops.symlink(root, top, 'x', 'to', {}),
  })) {
    t.equal(await codeOf(make()), 'EJUKEBOX', what);
  }
  t.equal(readdirSync(place.dir).length, before, 'nothing is left of refused objects');
  t.type(await codeOf(brick.fops.unlink(root, top, 'gone')), 'object', 'removals make room');
  t.type(await codeOf(brick.fops.rename(root, top, 'from', top, 'to')), 'object');
  t.type(await codeOf(brick.fops.link(root, linked, top, 'link')), 'object');
  empty();
  t.type(await patiently(() => brick.fops.create(root, top, 'x', guarded)), 'object');
  await brick.stop();
  brick = await startBrick(t, place, byIndex);
  t.equal(await known(brick, [from, linked]), 2);
  rmSync(place.path('linked'));
  t.equal(await known(brick, [linked]), 1, 'known by its other name');
  t.equal(await patiently(() => brick.fops.stat(root, fresh(gone))), 'ESTALE');
});

t.test('a search stopped by a full disk goes on when there is room', async t => {
  const { place, fill, empty } = withSmallState(t);
  mkdirSync(place.path('d'));
  for (let i = 0; i < FILES; i++) writeFileSync(place.path(`d/f${i}`), '');
  let brick = await startBrick(t, place, byIndex);
  const d = await brick.walk('d');
  const { entries } = await brick.fops.readdirp(root, d.fd, 1_000_000, 0n);
  const handles = entries.filter(({ name }) => name.startsWith('f')).map(({ iatt }) => iatt!);
  await brick.stop();
  const [file] = indexFiles(place);
  truncateSync(file!);
  brick = await startBrick(t, place, byIndex);
  rmSync(`${file}.damaged`, { force: true });
  fill();
  t.equal(await codeOf(brick.fops.stat(root, fresh(handles[0]!))), 'EJUKEBOX');
  await new Promise(resolve => setTimeout(resolve, 600)); // By then the search has tried to write what it found.
  empty();
  t.equal(await known(brick, handles), FILES);
  await brick.stop();
  t.equal(await known(await startBrick(t, place, byIndex), handles), FILES);
});

t.test('if the index is damaged and nothing else tells objects apart, the start stops with a remedy', async t => {
  const place = makePlace(t);
  const base = `${place.stateDir}-layers`;
  mkdirSync(base);
  mount('-t', 'tmpfs', 'none', base);
  t.teardown(() => execFileSync('umount', ['-l', base]));
  for (const name of ['lower', 'upper', 'work']) mkdirSync(`${base}/${name}`);
  writeFileSync(`${base}/lower/f`, 'lower');
  mount('-t', 'overlay', 'none', '-o', `lowerdir=${base}/lower,upperdir=${base}/upper,workdir=${base}/work`, place.dir);
  t.teardown(() => execFileSync('umount', ['-l', place.dir]));
  let brick = await startBrick(t, place);
  const f = (await brick.fops.lookup(root, brick.root, 'f')).iatt;
  await brick.stop();
  const [file] = indexFiles(place);
  writeFileSync(file!, 'garbage');
  const why = new RegExp(
    `^the index of file handles ${file} is damaged \\(.*\\), and nothing else tells .*: restore it`,
  );
  for (let tries = 0; tries < 2; tries++) await t.rejects(startBrick(t, place), { message: why });
  rmSync(file!);
  brick = await startBrick(t, place);
  t.ok((await brick.fops.lookup(root, brick.root, 'f')).iatt.gfid.equals(f.gfid), 'the remedy in the message works');
  t.ok(inodeOf(f));
});
