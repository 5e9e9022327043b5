/** Names that local users remove do not stay in the index forever. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { silent } from '#src/log.ts';
import { PlaceSearch } from '#src/xlators/storage/posix/index/search.ts';
import { makePlace, needsRoot, root, startBrick } from '../support/brick-test.ts';
import { byIndex, fresh, indexOf, known, openParts, patiently, rowsOf } from './ground.ts';

const FILES = 300;

t.test('removed objects are forgotten, and moved or existing ones are not', needsRoot, async t => {
  const place = makePlace(t);
  for (const dir of ['stays', 'goes', 'other', 'moves']) mkdirSync(place.path(dir));
  for (let i = 0; i < FILES; i++) {
    for (const dir of ['stays', 'goes', 'moves']) writeFileSync(place.path(`${dir}/${i}`), dir);
  }
  const brick = await startBrick(t, place, byIndex);
  const handlesOf = async (dir: string) => {
    const { fd } = await brick.walk(dir);
    const { entries } = await brick.fops.readdirp(root, fd, 1_000_000, 0n);
    return entries.filter(({ name }) => !name.startsWith('.')).map(({ iatt }) => iatt!);
  };
  const [stay, go, move] = [await handlesOf('stays'), await handlesOf('goes'), await handlesOf('moves')];
  t.equal(rowsOf(place), 3 * FILES + 3);
  rmSync(place.path('goes'), { recursive: true });
  for (let i = 0; i < FILES; i += 2) rmSync(place.path(`stays/${i}`));
  for (let i = 0; i < FILES; i++) renameSync(place.path(`moves/${i}`), place.path(`other/moved ${i}`));
  await brick.stop();

  const opened = await openParts(t, place);
  await indexOf(opened).sweep();
  t.equal(
    rowsOf(place),
    FILES / 2 + FILES + 3,
    'the directory "other" is in the index now, on the path to the moved objects',
  );
  await opened.close();
  const again = await startBrick(t, place, byIndex);
  t.equal(await known(again, stay), FILES / 2);
  t.equal(await known(again, go), 0);
  t.equal(await patiently(() => again.fops.stat(root, fresh(go[0]!))), 'ESTALE');
  t.equal(await known(again, move), FILES);
});

t.test('rounds of files that come and go leave nothing behind', needsRoot, async t => {
  const place = makePlace(t);
  const opened = await openParts(t, place);
  const rows: number[] = [];
  const brick = await startBrick(t, place, byIndex);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < FILES; i++) writeFileSync(place.path(`${round} ${i}`), '');
    await brick.fops.readdirp(root, brick.root.fd, 1_000_000, 0n);
    for (let i = 0; i < FILES; i++) rmSync(place.path(`${round} ${i}`));
    await indexOf(opened).sweep();
    rows.push(rowsOf(place));
  }
  t.strictSame(rows, [0, 0, 0]);
});

t.test('an object that comes back during the search stays', needsRoot, async t => {
  const place = makePlace(t);
  writeFileSync(place.path('f'), 'f');
  mkdirSync(place.path('d'));
  const outside = `${place.dir}-outside`;
  const brick = await startBrick(t, place, byIndex);
  const f = (await brick.fops.lookup(root, brick.root, 'f')).iatt;
  const opened = await openParts(t, place);
  renameSync(place.path('f'), outside);
  const sweeping = indexOf(opened).sweep();
  renameSync(outside, place.path('f'));
  await sweeping;
  await brick.stop();
  t.equal(await known(await startBrick(t, place, byIndex), [f]), 1);
});

t.test('a search that cannot list the volume forgets nothing', needsRoot, async t => {
  const place = makePlace(t);
  writeFileSync(place.path('f'), 'f');
  const brick = await startBrick(t, place, byIndex);
  const { gfid, ino } = (await brick.fops.lookup(root, brick.root, 'f')).iatt;
  const { objects } = (await openParts(t, place)).brick;
  const finds = { note() {}, batch: <T>(act: () => T) => act(), complete: () => t.fail('not everything was noted') };
  const blind = Object.create(objects, { fd: { value: () => -1 } }) as typeof objects;
  const search = new PlaceSearch(blind, finds, silent);
  search.everything();
  t.equal(await search.search([{ gfid, ino: String(ino) }]), undefined);
});
