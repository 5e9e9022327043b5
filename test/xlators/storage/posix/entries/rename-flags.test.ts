/** The flags of renameat2(2). */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { FopError, RenameFlag } from '#src/graph/fops.ts';
import { asServer } from '#src/sys/process/identity.ts';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import { codeOf, eachMode, inodeOf, open, root, startBrick } from '../support/brick-test.ts';

const { NOREPLACE, EXCHANGE } = RenameFlag;

eachMode(t, 'NOREPLACE renames only to a free name', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  writeFileSync(path('a'), 'a');
  writeFileSync(path('b'), 'b');
  const { gfid } = (await fops.lookup(root, top, 'a')).iatt;
  const failure = await fops.rename(root, top, 'a', top, 'b', NOREPLACE).catch((error: unknown) => error);
  t.ok(failure instanceof FopError && failure.code === 'EEXIST' && failure.wcc.after && failure.toWcc?.after);
  t.equal(readFileSync(path('b'), 'utf8'), 'b');
  const renamed = await fops.rename(root, top, 'a', top, 'c', NOREPLACE);
  t.equal(renamed.gone, undefined);
  t.same(renamed.to.after, await fops.stat(root, top));
  t.equal(readFileSync(path('c'), 'utf8'), 'a');
  t.ok((await fops.lookup(root, top, 'c')).iatt.gfid.equals(gfid));
});

eachMode(t, 'EXCHANGE swaps two objects, and the handles of both stay valid after a restart', async (t, s) => {
  const place = await open(t, s);
  const { brick, fops, top, path } = place;
  mkdirSync(path('d'));
  mkdirSync(path('d/sub'));
  writeFileSync(path('d/sub/deep'), 'deep');
  writeFileSync(path('f'), 'file');
  const dir = inodeOf((await fops.lookup(root, top, 'd')).iatt);
  const file = (await fops.lookup(root, top, 'f')).iatt;
  const sub = (await fops.lookup(root, dir, 'sub')).iatt;
  const deep = (await fops.lookup(root, inodeOf(sub), 'deep')).iatt;
  const before = [await fops.stat(root, top), await fops.stat(root, dir)];

  const { from, to, gone } = await fops.rename(root, top, 'f', dir, 'sub', EXCHANGE);
  t.equal(gone, undefined);
  t.same([from.before, to.before], before);
  t.same([from.after, to.after], [await fops.stat(root, top), await fops.stat(root, dir)]);
  t.equal(readFileSync(path('d/sub'), 'utf8'), 'file');
  t.equal(readFileSync(path('f/deep'), 'utf8'), 'deep');
  if (s.index === 'on') {
    t.strictSame(placesOf(place.stateDir), {
      [`${hex(ROOT_GFID)}/d`]: hex(dir.gfid),
      [`${hex(ROOT_GFID)}/f`]: hex(sub.gfid),
      [`${hex(dir.gfid)}/sub`]: hex(file.gfid),
      [`${hex(sub.gfid)}/deep`]: hex(deep.gfid),
    });
  }

  await brick.stop();
  const again = await startBrick(t, place, s);
  for (const iatt of [file, sub, deep]) {
    t.equal((await again.fops.discover(root, iatt.gfid, iatt.hint)).iatt.ino, iatt.ino);
  }
  t.ok((await again.walk('d/sub')).gfid.equals(file.gfid));
  t.ok((await again.walk('f/deep')).gfid.equals(deep.gfid));
  // The object that is removed by its new name is gone, and the other one is not.
  const removed = await again.fops.unlink(root, await again.walk('d'), 'sub');
  t.same(removed.gone, file.gfid);
  t.equal((await again.fops.stat(root, inodeOf(sub))).ino, sub.ino);
});

eachMode(t, 'EXCHANGE with a missing name and unknown flags are refused', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  writeFileSync(path('a'), 'a');
  t.equal(await codeOf(fops.rename(root, top, 'a', top, 'none', EXCHANGE)), 'ENOENT');
  t.equal(await codeOf(fops.rename(root, top, 'none', top, 'a', EXCHANGE)), 'ENOENT');
  t.equal(await codeOf(fops.rename(root, top, 'a', top, '..', EXCHANGE)), 'EINVAL');
  for (const flags of [NOREPLACE | EXCHANGE, 4, -1]) {
    t.equal(await codeOf(fops.rename(root, top, 'a', top, 'b', flags)), 'EINVAL');
  }
  t.equal(readFileSync(path('a'), 'utf8'), 'a');
});

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The content of the index: the gfid of each name, as `PARENT/NAME`. */
function placesOf(stateDir: string): Record<string, string> {
  asServer();
  const [file] = readdirSync(stateDir).filter(name => name.endsWith('.index'));
  const db = new DatabaseSync(join(stateDir, file!), { readOnly: true });
  try {
    const rows = db.prepare('SELECT parent, name, gfid FROM place').all() as unknown as Record<string, Uint8Array>[];
    return Object.fromEntries(
      rows.map(({ parent, name, gfid }) => [`${hex(parent!)}/${Buffer.from(name!).toString('latin1')}`, hex(gfid!)]),
    );
  } finally {
    db.close();
  }
}
