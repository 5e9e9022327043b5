/** The index after a power failure that lost its latest writes. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { FileType } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import { codeOf, makePlace, needsRoot, type Place, root, startBrick } from '../support/brick-test.ts';

const setting = { index: 'on' } as const;
const fresh = ({ gfid, type }: Inode) => new Inode(Buffer.from(gfid), type);

function inDatabase({ stateDir }: Place, sql: string): void {
  const file = readdirSync(stateDir).find(name => name.endsWith('.index'))!;
  const db = new DatabaseSync(join(stateDir, file));
  db.exec(sql);
  db.close();
}

const FORGET = 'DELETE FROM place';
/** Marks the index as one left by a server that was running when the machine went down. */
const WENT_DOWN = `INSERT INTO use (stage, boot, owner) VALUES (0, 'another start of the machine', 'somebody')`;

async function patiently(ask: () => Promise<unknown>): Promise<unknown> {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await codeOf(ask());
    if (answer !== 'EJUKEBOX') return answer;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return 'EJUKEBOX for ever';
}

t.test('objects that the index lost are searched, and those found nowhere are gone', needsRoot, async t => {
  const place = makePlace(t);
  const before = await startBrick(t, place, setting);
  mkdirSync(place.path('a/b'), { recursive: true });
  for (const name of ['a/b/f', 'gone', 'later']) writeFileSync(place.path(name), name);
  const [b, f] = [await before.walk('a/b'), await before.walk('a/b/f')];
  const [gone, later] = [await before.walk('gone'), await before.walk('later')];
  await before.stop();
  inDatabase(place, `${FORGET}; ${WENT_DOWN}`);
  rmSync(place.path('gone'));

  const { fops } = await startBrick(t, place, setting);
  t.equal(await codeOf(fops.stat(root, fresh(f))), 'EJUKEBOX', 'an unknown object is searched in the background');
  t.match(await patiently(() => fops.stat(root, fresh(f))), { size: 5 }, 'found');
  t.match(await fops.stat(root, fresh(b)), { type: FileType.DIR }, 'all others are found with it');
  t.equal(await patiently(() => fops.stat(root, fresh(gone))), 'ESTALE');
  rmSync(place.path('later'));
  t.equal(await patiently(() => fops.stat(root, fresh(later))), 'ESTALE');
});

t.test('once everything is in the index, an object that it does not know is gone at once', needsRoot, async t => {
  const place = makePlace(t);
  const before = await startBrick(t, place, setting);
  writeFileSync(place.path('f'), 'f');
  const f = await before.walk('f');
  await before.stop();
  inDatabase(place, `${FORGET}; ${WENT_DOWN}`);
  const brick = await startBrick(t, place, setting);
  t.match(await patiently(() => brick.fops.stat(root, fresh(f))), { size: 1 });
  await brick.stop();
  inDatabase(place, FORGET);
  const again = await startBrick(t, place, setting);
  t.equal(
    await codeOf(again.fops.stat(root, fresh(f))),
    'ESTALE',
    'known to be gone, because the machine has not gone down since',
  );
});

t.test('a server that was killed while the machine went on has lost nothing', needsRoot, async t => {
  const place = makePlace(t);
  const killed = await startBrick(t, place, setting);
  writeFileSync(place.path('f'), 'f');
  const f = await killed.walk('f');
  rmSync(place.path('f'));
  const next = await startBrick(t, place, setting);
  t.equal(await patiently(() => next.fops.stat(root, fresh(f))), 'ESTALE');
  inDatabase(place, FORGET);
  t.equal(await codeOf(next.fops.stat(root, fresh(f))), 'ESTALE', 'known to be gone at once');
});

t.test('a graph that is dropped beside the one that serves leaves the mark of that one', needsRoot, async t => {
  const place = makePlace(t);
  const serving = await startBrick(t, place, setting);
  writeFileSync(place.path('f'), 'f');
  const f = await serving.walk('f');
  await (await startBrick(t, place, setting)).stop();
  inDatabase(place, `${FORGET}; UPDATE use SET boot = 'another start of the machine'`);
  const { fops } = await startBrick(t, place, setting);
  t.equal(await codeOf(fops.stat(root, fresh(f))), 'EJUKEBOX', 'it is searched, as the machine went down');
});
