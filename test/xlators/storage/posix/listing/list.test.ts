import { chmodSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { Dirent } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import {
  codeOf,
  eachMode,
  inodeOf,
  needsRoot,
  makePlace,
  open,
  root,
  startBrick,
  user,
} from '../support/brick-test.ts';

eachMode(t, 'a listing has . and .. and all entries, with the inode numbers of stat', async (t, s) => {
  const { brick, fops, top, path } = await open(t, s);
  mkdirSync(path('d'));
  writeFileSync(path('d/f'), 'x');
  symlinkSync('f', path('d/l'));
  const dir = await brick.walk('d');
  const inoOf = (name: string) => statSync(path(name), { bigint: true }).ino;
  const list = await fops.readdir(root, dir.fd, 4096, 0n);
  t.ok(list.eof);
  t.match(list.iatt, { type: FileType.DIR, ino: inoOf('d') });
  const inos = (entries: readonly Dirent[]) => Object.fromEntries(entries.map(({ name, ino }) => [name, ino]));
  t.match(inos(list.entries), { '.': inoOf('d'), '..': inoOf('.'), f: inoOf('d/f') });
  t.equal(list.entries.length, 4);
  t.ok(list.entries.every(({ cookie, iatt }) => cookie > 0n && cookie < 2n ** 63n && iatt === undefined));
  const above = await fops.readdir(root, top.fd, 4096, 0n);
  t.match(inos(above.entries), { '.': inoOf('.'), '..': inoOf('.') }, 'the parent of the root is the root');
});

eachMode(t, 'a listing that goes on at the end does not harm the next one from the start', async (t, s) => {
  const place = makePlace(t);
  mkdirSync(place.path('d'));
  writeFileSync(place.path('d/f'), 'x');
  const before = await startBrick(t, place, s);
  const { entries } = await before.fops.readdir(root, (await before.walk('d')).fd, 4096, 0n);
  await before.stop();
  const brick = await startBrick(t, place, s);
  const { fops } = brick;
  const dir = await brick.walk('d');
  const rest = await fops.readdir(root, dir.fd, 4096, entries.at(-1)!.cookie);
  t.match(rest, { entries: [], eof: true, iatt: { type: FileType.DIR } });
  t.strictSame((await fops.readdir(root, dir.fd, 4096, 0n)).entries, entries);
});

eachMode(t, 'readdirp returns each entry with its attributes', async (t, s) => {
  const { brick, fops, top, path } = await open(t, s);
  mkdirSync(path('d'));
  writeFileSync(path('d/f'), 'x');
  symlinkSync('nowhere', path('d/l'));
  const dir = await brick.walk('d');
  for (const round of [1, 2]) {
    const { entries } = await fops.readdirp(root, dir.fd, 4096, 0n);
    for (const { name, iatt, ino } of entries) {
      t.same(iatt, (await fops.lookup(root, dir, name)).iatt, `${name}, round ${round}`);
      t.equal(ino, iatt!.ino);
    }
    t.equal(entries.length, 4);
  }
  const above = await fops.readdirp(root, top.fd, 4096, 0n);
  t.equal(above.entries.find(({ name }) => name === '..')!.iatt, undefined);
  t.ok(above.entries.find(({ name }) => name === '.')!.iatt!.gfid.equals(top.gfid));
});

eachMode(
  t,
  'a caller that may read but not search sees names only, and one that may not read sees nothing',
  async (t, s) => {
    const { brick, fops, top, path } = await open(t, s);
    mkdirSync(path('d'));
    writeFileSync(path('d/f'), 'x');
    chmodSync(path('d'), 0o744);
    const dir = await brick.walk('d');
    const { entries } = await fops.readdirp(user, dir.fd, 4096, 0n);
    t.same(entries.map(({ name }) => name).sort(), ['.', '..', 'f']);
    t.equal(entries.find(({ name }) => name === 'f')!.iatt, undefined);
    chmodSync(path('d'), 0o711);
    t.equal(await codeOf(fops.readdirp(user, dir.fd, 4096, 0n)), 'EACCES');
    t.equal(await codeOf(fops.readdir(user, dir.fd, 4096, 0n)), 'EACCES');
    t.ok(await fops.lookup(user, dir, 'f'));
    writeFileSync(path('file'), '');
    t.equal(await codeOf(fops.readdir(root, (await brick.walk('file')).fd, 100, 0n)), 'ENOTDIR');
    t.ok(top);
  },
);

eachMode(
  t,
  '2000 entries are listed in small steps, with changes and a restart in between',
  { timeout: 120_000 },
  async (t, s) => {
    const place = makePlace(t);
    for (let i = 0; i < 2000; i++) writeFileSync(`${place.dir}/f${i}`, '');
    let brick = await startBrick(t, place, s);
    const seen = new Map<string, number>();
    let steps = 0;
    for (let cookie = 0n, eof = false; !eof; steps++) {
      const list = await brick.fops.readdir(root, brick.root.fd, 700, cookie);
      ({ eof } = list);
      // A client may use fewer entries than it was given.
      const used =
        steps % 3 === 0 && !eof ? list.entries.slice(0, Math.max(1, list.entries.length >> 1)) : list.entries;
      if (used.length < list.entries.length) eof = false;
      for (const { name } of used) seen.set(name, (seen.get(name) ?? 0) + 1);
      cookie = used.at(-1)?.cookie ?? cookie;
      if (list.entries.reduce((sum, { name }) => sum + name.length, 0) > 700) t.fail('more bytes than asked for');
      if (steps % 10 === 0) {
        writeFileSync(place.path(`new${steps}`), '');
        rmSync(place.path(`new${steps}`));
        renameSync(place.path('f7'), place.path('f7x'));
        renameSync(place.path('f7x'), place.path('f7'));
      }
      if (steps === 50) {
        await brick.stop();
        brick = await startBrick(t, place, s);
      }
    }
    for (let i = 0; i < 2000; i++) if (i !== 7 && seen.get(`f${i}`) !== 1) t.fail(`f${i}: ${seen.get(`f${i}`)} times`);
    t.ok(steps > 100);
  },
);

t.test('large steps are cut to a limit', needsRoot, async t => {
  const place = makePlace(t);
  for (let i = 0; i < 1500; i++) writeFileSync(`${place.dir}/${i}`, '');
  const brick = await startBrick(t, place);
  const { entries, eof } = await brick.fops.readdirp(root, brick.root.fd, 1 << 20, 0n);
  t.ok(entries.length >= 500 && entries.length <= 1024);
  t.notOk(eof);
  t.equal((await brick.names(brick.root, 1 << 20)).length, 1502);
  t.equal((await brick.names(brick.root, 1)).length, 1502, 'a step has at least one entry, however small it is');
});

t.test('many listings of one directory run at once', needsRoot, async t => {
  const place = makePlace(t);
  for (let i = 0; i < 2000; i++) writeFileSync(`${place.dir}/${i}`, '');
  const brick = await startBrick(t, place);
  const lists = await Promise.all(Array.from({ length: 10 }, (_, i) => brick.names(brick.root, 300 + i * 17)));
  for (const names of lists) t.equal(new Set(names).size, 2002);
  t.same(new Set(lists.map(names => names.length)), new Set([2002]));
});

t.test('a file made during one listing is in a later one', needsRoot, async t => {
  const { brick, fops, top, path } = await open(t);
  t.same((await brick.names(top)).sort(), ['.', '..']);
  writeFileSync(path('a'), '');
  t.same((await brick.names(top)).sort(), ['.', '..', 'a'], 'a listing from the start is always fresh');
  const made = await fops.create(root, top, 'b', { mode: 'guarded', attr: {} });
  t.same((await brick.names(top)).sort(), ['.', '..', 'a', 'b']);
  t.equal(inodeOf(made.iatt).type, FileType.REG);
});
