import { statfsSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { inodeOf, needsRoot, open, root, user } from './support/brick-test.ts';

t.test('statfs tells space, inodes and limits of the file system', needsRoot, async t => {
  const { brick, fops, top, dir, path } = await open(t);
  writeFileSync(path('f'), '');
  const is = statfsSync(dir);
  const told = await fops.statfs(user, await brick.walk('f'));
  t.equal(told.bytesTotal, is.blocks * is.bsize);
  t.equal(told.filesTotal, is.files);
  t.ok(told.bytesFree >= told.bytesAvailable && told.bytesAvailable > 0);
  t.match(told, { nameMax: 255, caseInsensitive: false, readOnly: false });
  t.ok(told.linkMax > 1 && told.fileSizeMax > 2 ** 40 && told.fileSizeMax <= Number.MAX_SAFE_INTEGER);
  t.ok(told.timeGranularity >= 1);
  t.ok(await fops.statfs(root, top));
});

t.test('shrinking a large file does not delay other calls', needsRoot, async t => {
  const { fops, top } = await open(t);
  const made = await fops.create(user, top, 'f', { mode: 'guarded', attr: { mode: 0o4755 } });
  const file = inodeOf(made.iatt);
  await fops.fallocate(user, file.fd, 0, 0, 256 << 20);
  await fops.setattr(user, file, { mode: 0o4755 });
  const wcc = fops.setattr(user, file, { size: 5, mode: 0o4700, mtime: 'now' });
  t.match(await fops.stat(user, top), { type: 2 });
  t.match(await wcc, { after: { size: 5, mode: 0o4700 } });
  await fops.fallocate(user, file.fd, 0, 0, 256 << 20);
  t.match((await fops.truncate(user, file, 0)).after, { size: 0, mode: 0o700 });
  await fops.fallocate(user, file.fd, 0, 0, 32 << 20);
  await fops.unlink(user, top, 'f');
});
