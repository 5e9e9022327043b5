/** The brick reports unstable writes as lost when the kernel could not write them back. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { Stable } from '#src/graph/fops.ts';
import { enterNamespaces } from '../../../../support/namespace.ts';
import { codeOf, inodeOf, makePlace, root, startBrick } from '../support/brick-test.ts';

enterNamespaces(import.meta.filename);

/** A file system whose disk is smaller than it claims, so that writing back fails with EIO. */
function lyingDisk(t: Test) {
  const place = makePlace(t);
  const base = `${place.stateDir}-disk`;
  mkdirSync(base);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24M', 'none', base]);
  writeFileSync(`${base}/image`, '');
  truncateSync(`${base}/image`, 64 << 20);
  execFileSync('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=1', `${base}/image`]);
  execFileSync('mount', ['-o', 'loop', `${base}/image`, place.dir]);
  t.teardown(() => {
    spawnSync('umount', ['-l', place.dir]);
    spawnSync('umount', ['-l', base]);
  });
  return place;
}

/** Writes more than the disk holds. `lost` tells how often the brick has reported lost writes. */
async function writesTooMuch(t: Test) {
  const place = lyingDisk(t);
  const brick = await startBrick(t, place);
  const { fops, root: top } = brick;
  let reported = 0;
  brick.posix.notify = event => (reported += event.kind === 'unstable-lost' ? 1 : 0);
  const file = inodeOf((await fops.create(root, top, 'f', { mode: 'guarded', attr: {} })).iatt);
  const data = Buffer.alloc(1 << 20, 1);
  for (let i = 0; i < 32; i++) await fops.writev(root, file.fd, data, i << 20, Stable.UNSTABLE);
  return { place, brick, fops, file, data, lost: () => reported };
}

t.test('an error of writing back is reported, and the verifier must change', async t => {
  const { fops, file, data, lost } = await writesTooMuch(t);
  t.equal(lost(), 0);
  t.match(await codeOf(fops.fsync(root, file.fd, true)), /EIO|ENOSPC/);
  t.equal(lost(), 1);
  const stable = await codeOf(fops.writev(root, file.fd, data, 40 << 20, Stable.FILE_SYNC));
  t.match(stable, /EIO|ENOSPC/);
  t.equal(lost(), 2);
});

t.test('an error of writing back is reported when the file is closed, if no COMMIT asks for it', async t => {
  const { place, brick, lost } = await writesTooMuch(t);
  await brick.stop();
  t.equal(lost(), 1);
  t.ok(statSync(place.dir));
});
