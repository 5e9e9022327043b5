/** Errors of writing back, and changes that are durable when they are answered. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { Stable } from '#src/graph/fops.ts';
import { codeOf, eachMode, inodeOf, makePlace, open, root, startBrick, user } from '../support/brick-test.ts';

const inNamespace = process.env['IN_NAMESPACE'] === '1';

eachMode(t, 'sync-metadata: every change still works, one by one and at once', async (t, s) => {
  const { fops, top } = await open(t, { ...s, 'sync-metadata': true });
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, i) => fops.create(user, top, `f${i}`, { mode: 'guarded', attr: { mode: 0o644 } })),
  );
  const files = made.map(({ iatt }) => inodeOf(iatt));
  const d = inodeOf((await fops.mkdir(user, top, 'd', { mode: 0o755 })).iatt);
  const l = inodeOf((await fops.symlink(user, top, 'l', 'x', {})).iatt);
  await fops.setattr(user, l, { mtime: { sec: 5, nsec: 0 } });
  await Promise.all(files.map((file, i) => fops.setattr(user, file, { mode: 0o600 + (i % 8) })));
  await fops.setxattr(user, files[0]!, new Map([['user.x', Buffer.from('1')]]), 0);
  await fops.removexattr(user, files[0]!, 'user.x');
  await fops.link(user, files[0]!, d, 'l');
  await fops.rename(user, top, 'f1', d, 'g');
  await fops.unlink(user, d, 'g');
  t.match(await fops.setattr(user, d, { mode: 0o700 }), { after: { mode: 0o700 } });
  t.equal(await codeOf(fops.rmdir(user, top, 'd')), 'ENOTEMPTY');
  await fops.unlink(user, d, 'l');
  await fops.rmdir(user, top, 'd');
});

t.test('in a mount namespace of its own', { skip: inNamespace && 'is in one' }, t => {
  if (spawnSync('unshare', ['-m', 'true']).status !== 0) {
    t.end();
    return;
  }
  const env = { ...process.env, IN_NAMESPACE: '1', TAP: '1' };
  const args = ['-m', process.execPath, fileURLToPath(import.meta.url)];
  const { status, stdout, stderr } = spawnSync('unshare', args, { env, encoding: 'utf8' });
  t.equal(status, 0, status === 0 ? 'all of it passes there' : `${stdout}\n${stderr}`);
  t.end();
});

/** A test of the child above, which has the right place to mount in. */
function onOwnMounts(name: string, test: (t: Test) => Promise<void>): void {
  if (inNamespace) void t.test(name, test);
}

/** A file system whose disk turns out to be smaller than it says: writing back fails with EIO. */
function lyingDisk(t: Parameters<typeof makePlace>[0]) {
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

onOwnMounts('an error of writing back is reported, and the verifier must change', async t => {
  const place = lyingDisk(t);
  const brick = await startBrick(t, place);
  const { fops, root: top } = brick;
  let lost = 0;
  brick.posix.notify = event => (lost += event.kind === 'unstable-lost' ? 1 : 0);
  const file = inodeOf((await fops.create(root, top, 'f', { mode: 'guarded', attr: {} })).iatt);
  const data = Buffer.alloc(1 << 20, 1);
  for (let i = 0; i < 32; i++) await fops.writev(root, file.fd, data, i << 20, Stable.UNSTABLE);
  t.equal(lost, 0);
  t.match(await codeOf(fops.fsync(root, file.fd, true)), /EIO|ENOSPC/);
  t.equal(lost, 1);
  const stable = await codeOf(fops.writev(root, file.fd, data, 40 << 20, Stable.FILE_SYNC));
  t.match(stable, /EIO|ENOSPC/);
  t.equal(lost, 2);
});

onOwnMounts('… also if nobody asks: when the file is closed', async t => {
  const place = lyingDisk(t);
  const brick = await startBrick(t, place);
  const { fops, root: top } = brick;
  let lost = 0;
  brick.posix.notify = event => (lost += event.kind === 'unstable-lost' ? 1 : 0);
  const file = inodeOf((await fops.create(root, top, 'f', { mode: 'guarded', attr: {} })).iatt);
  const data = Buffer.alloc(1 << 20, 1);
  for (let i = 0; i < 32; i++) await fops.writev(root, file.fd, data, i << 20, Stable.UNSTABLE);
  await brick.stop();
  t.equal(lost, 1);
  t.ok(statSync(place.dir));
});
