/**
 * The file of the index. There is one for each tree. If it is damaged or something is in its place, it is made again,
 * or the start says what to do.
 */
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import type { Iatt } from '#src/graph/iatt.ts';
import { asServer } from '#src/sys/process/identity.ts';
import {
  codeOf,
  inodeOf,
  makePlace,
  needsRoot,
  type Place,
  root,
  startBrick,
  type Tap,
} from '../support/brick-test.ts';
import { byIndex, fresh, indexFiles, known, openParts, patiently } from './ground.ts';

function inDatabase(file: string, sql: string): void {
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
}

/** Ways to damage the file of a server that is down. */
const DAMAGES: Readonly<Record<string, (file: string) => void>> = {
  garbage: file => writeFileSync(file, 'this is no database '.repeat(1000)),
  'a short piece of garbage': file => writeFileSync(file, 'no'),
  'a header followed by garbage': file => {
    const bytes = readFileSync(file);
    bytes.fill(0xa5, 100);
    writeFileSync(file, bytes);
  },
  emptied: file => truncateSync(file),
  'cut in the middle of a page': file => truncateSync(file, 1000),
  'a database of something else': file => {
    rmSync(file);
    inDatabase(file, 'CREATE TABLE other (a)');
  },
  'a table dropped': file => inDatabase(file, 'DROP TABLE place'),
  'without its root': file => inDatabase(file, 'DELETE FROM volume'),
  'of another directory': file => inDatabase(file, `UPDATE volume SET root = '1 2'`),
  'marked as damaged by the server before': file => writeFileSync(`${file}.mark`, ''),
};

async function used(t: Tap) {
  const place = makePlace(t);
  mkdirSync(place.path('a/b'), { recursive: true });
  writeFileSync(place.path('a/b/f'), 'hello');
  writeFileSync(place.path('g'), 'g');
  const brick = await startBrick(t, place, byIndex);
  const handles = [await brick.walk('a/b'), await brick.walk('a/b/f'), await brick.walk('g')];
  await brick.stop();
  return { place, handles, file: indexFiles(place)[0]! };
}

for (const [what, damage] of Object.entries(DAMAGES)) {
  t.test(`${what}: the index is made again, and no handle is lost`, needsRoot, async t => {
    const { place, handles, file } = await used(t);
    damage(file);
    const spoiled = readFileSync(file);
    const brick = await startBrick(t, place, byIndex);
    t.equal(await known(brick, handles), handles.length);
    t.ok(readFileSync(`${file}.damaged`).equals(spoiled), 'the damaged file was set aside');
    await brick.stop();
    const again = await startBrick(t, place, byIndex);
    for (const one of handles) t.type(await codeOf(again.fops.stat(root, fresh(one))), 'object', 'known at once');
  });
}

t.test('an index removed while clients hold handles is made again, and no handle is lost', needsRoot, async t => {
  const { place, handles, file } = await used(t);
  rmSync(file);
  const key = join(place.stateDir, 'handle.key'); // The server keeps this file.
  writeFileSync(key, '');
  utimesSync(key, 1, 1);
  t.equal(await known(await startBrick(t, place, byIndex), handles), handles.length);
});

/** What may be in place of the file, or beside it where SQLite would write. */
const IN_THE_WAY: Readonly<Record<string, (file: string, victim: string) => string>> = {
  'a symlink': (file, victim) => (symlinkSync(victim, file), file),
  'a directory': file => (mkdirSync(file), file),
  "another user's file": file => (writeFileSync(file, ''), chownSync(file, 4711, 4711), file),
  'a symlink as its log': (file, victim) => (symlinkSync(victim, `${file}-wal`), `${file}-wal`),
  'a symlink as its shared memory': (file, victim) => (symlinkSync(victim, `${file}-shm`), `${file}-shm`),
};

for (const [what, put] of Object.entries(IN_THE_WAY)) {
  t.test(`${what}: the start says what to remove`, needsRoot, async t => {
    const { place, file } = await used(t);
    const victim = `${place.dir}-victim`;
    writeFileSync(victim, '');
    rmSync(file);
    const path = put(file, victim);
    const error = await startBrick(t, place, byIndex).catch((reason: Error) => reason);
    t.match((error as Error).message, `at ${path}, found `);
    t.match((error as Error).message, /: remove it$/);
    t.equal(readFileSync(victim, 'utf8'), '');
  });
}

t.test(
  'if the index is damaged while in use, calls fail, the log says so, and the next start repairs it',
  needsRoot,
  async t => {
    const { place, handles, file } = await used(t);
    const brick = await startBrick(t, place, byIndex);
    const filled = Array.from({ length: 400 }, (_, i) => `file ${i} ${'x'.repeat(100)}`);
    for (const name of filled) writeFileSync(place.path(name), '');
    await brick.fops.readdirp(root, brick.root.fd, 1_000_000, 0n);
    inDatabase(file, 'PRAGMA wal_checkpoint(TRUNCATE)');
    const bytes = readFileSync(file);
    bytes.fill(0xa5, 100);
    writeFileSync(file, bytes);
    let code: unknown;
    for (const name of filled) {
      rmSync(place.path(name));
      writeFileSync(place.path(`new ${name}`), '');
      code = await codeOf(brick.fops.lookup(root, brick.root, `new ${name}`));
      if (code === 'EIO') break;
    }
    t.equal(code, 'EIO');
    t.ok(existsSync(`${file}.mark`));
    await brick.stop();
    const again = await startBrick(t, place, byIndex);
    t.equal(await known(again, handles), handles.length);
    t.notOk(existsSync(`${file}.mark`));
  },
);

t.test('two trees with one name, served in turns, lose no handles', needsRoot, async t => {
  const home = mkdtempSync(join(tmpdir(), 'bricknfs-trees-'));
  t.teardown(() => (asServer(), rmSync(home, { recursive: true, force: true })));
  const places = ['a', 'b'].map((name): Place => {
    const dir = join(home, name, 'share');
    mkdirSync(dir, { recursive: true });
    for (let i = 0; i < 25; i++) writeFileSync(join(dir, `${name}${i}`), '');
    return { dir, stateDir: join(home, 'state'), path: file => join(dir, file) };
  });
  const handles: Iatt[][] = [];
  for (const place of places) {
    const brick = await startBrick(t, place, byIndex);
    const { entries } = await brick.fops.readdirp(root, brick.root.fd, 100_000, 0n);
    handles.push(entries.filter(({ name }) => !name.startsWith('.')).map(({ iatt }) => iatt!));
    await brick.stop();
  }
  t.equal(indexFiles(places[0]!).length, 2);
  for (const [i, place] of places.entries()) {
    const brick = await startBrick(t, place, byIndex);
    // The handles are known at once, without a search.
    for (const one of handles[i]!) t.type(await codeOf(brick.fops.stat(root, fresh(one))), 'object');
    await brick.stop();
  }
  // Both trees at the same time, one of them moved and with another name.
  const moved = join(home, 'moved');
  renameSync(places[0]!.dir, moved);
  const one = await openParts(t, { ...places[0]!, dir: moved }, 'another name');
  const two = await startBrick(t, places[1]!, byIndex);
  for (const { gfid } of handles[0]!) t.ok(one.brick.objects.find(Buffer.from(gfid), undefined));
  t.equal(await known(two, handles[1]!), 25);
  t.equal(indexFiles(places[0]!).length, 2);
});

t.test('the index of an earlier version, named after the volume, is taken over', needsRoot, async t => {
  const { place, handles, file } = await used(t);
  const former = join(place.stateDir, `${encodeURIComponent('brick')}.index`);
  const opened = await openParts(t, place);
  const { mount, ino } = opened.brick.objects.root;
  await opened.close();
  inDatabase(file, `UPDATE volume SET root = '${mount.fsid} ${ino}'`);
  renameSync(file, former);
  const brick = await startBrick(t, place, byIndex);
  for (const one of handles) t.type(await codeOf(brick.fops.stat(root, fresh(one))), 'object');
  t.strictSame(
    indexFiles(place).map(path => basename(path)),
    [basename(file)],
  );
  await brick.stop();
  // The index of another tree is left alone.
  execFileSync('cp', [file, former]);
  inDatabase(former, `UPDATE volume SET root = '1 2'`);
  rmSync(file);
  const other = await startBrick(t, place, byIndex);
  t.equal(await patiently(() => other.fops.stat(root, fresh(handles[0]!))), 'ESTALE');
  t.ok(existsSync(former));
});

t.test('a directory that was reached only by `..` is known after a restart', needsRoot, async t => {
  const place = makePlace(t);
  mkdirSync(place.path('from/d'), { recursive: true });
  mkdirSync(place.path('one/two'), { recursive: true });
  const brick = await startBrick(t, place, byIndex);
  const d = await brick.walk('from/d');
  renameSync(place.path('from/d'), place.path('one/two/d')); // The server does not learn of this rename.
  const two = (await brick.fops.lookup(root, d, '..')).iatt;
  const { entries } = await brick.fops.readdirp(root, inodeOf(two).fd, 10_000, 0n);
  const one = entries.find(({ name }) => name === '..')!.iatt!;
  await brick.stop();
  const again = await startBrick(t, place, byIndex);
  for (const dir of [two, one]) t.match(await codeOf(again.fops.stat(root, fresh(dir))), { ino: dir.ino });
});

t.test('a brick that cannot be opened leaves no descriptor open', needsRoot, async t => {
  const { place, file } = await used(t);
  rmSync(file);
  mkdirSync(file); // SQLite's file cannot be made here.
  const descriptors = () => readdirSync('/proc/self/fd').length;
  await t.rejects(openParts(t, place), /no regular file/);
  const before = descriptors();
  for (let i = 0; i < 10; i++) await t.rejects(openParts(t, place));
  t.equal(descriptors(), before);
});
