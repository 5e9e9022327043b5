/**
 * File systems mounted below the volume's root. mounts.test.ts runs it in a mount namespace of its own: `unshare -m
 * node mounts.ts`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Iatt } from '#src/graph/iatt.ts';
import {
  codeOf,
  eachMode,
  inodeOf,
  makePlace,
  root,
  startBrick,
  user,
  type Setting,
  type Tap,
} from '../support/brick-test.ts';

const guarded = (attr = {}) => ({ mode: 'guarded', attr }) as const;
const mount = (...args: string[]) => execFileSync('mount', args);
/** The inode as it comes out of a file handle. */
const fresh = (iatt: Iatt) => inodeOf(iatt);

/** A volume with a tmpfs mounted on `m`. */
function withTmpfs(t: Tap) {
  const place = makePlace(t);
  const point = place.path('m');
  mkdirSync(point);
  mount('-t', 'tmpfs', 'none', point);
  t.teardown(() => execFileSync('sh', ['-c', `umount -l ${point} 2>/dev/null || true`]));
  return { place, point };
}

eachMode(t, 'a lookup crosses into a mounted file system, and its handles survive a restart', async (t, s) => {
  const { place, point } = withTmpfs(t);
  let brick = await startBrick(t, place, s);
  const m = (await brick.fops.lookup(root, brick.root, 'm')).iatt;
  t.not(m.fsid, (await brick.fops.stat(root, brick.root)).fsid);
  const d = (await brick.fops.mkdir(root, inodeOf(m), 'd', { mode: 0o755 })).iatt;
  const f = (await brick.fops.create(root, inodeOf(d), 'f', guarded({ size: 3 }))).iatt;
  t.equal(f.fsid, m.fsid);
  t.ok((await brick.fops.lookup(root, inodeOf(m), '..')).iatt.gfid.equals(brick.root.gfid), 'back up again');
  t.ok((await brick.fops.lookup(root, inodeOf(d), '..')).iatt.gfid.equals(m.gfid));
  const listed = (await brick.fops.readdirp(root, brick.root.fd, 1000, 0n)).entries.find(({ name }) => name === 'm')!;
  t.ok(listed.iatt!.gfid.equals(m.gfid));
  t.equal(await codeOf(brick.fops.rename(root, inodeOf(d), 'f', brick.root, 'f')), 'EXDEV');
  t.equal(await codeOf(brick.fops.link(root, inodeOf(f), brick.root, 'f')), 'EXDEV');
  t.equal(await codeOf(brick.fops.rmdir(root, brick.root, 'm')), 'EBUSY');
  await brick.stop();
  brick = await startBrick(t, place, s);
  t.match(await brick.fops.stat(root, fresh(f)), { size: 3, fsid: f.fsid });
  t.match(await brick.fops.writev(user, fresh(f).fd, Buffer.from('x'), 0, 0).catch((e: unknown) => e), {
    code: 'EACCES',
  });
  t.match(await brick.fops.readv(root, fresh(f).fd, 3, 0), { data: Buffer.alloc(3) });
  t.ok(point);
});

t.test('tmpfs: a listing ends when no older entry is left', async t => {
  const { place, point } = withTmpfs(t);
  const brick = await startBrick(t, place, {});
  const dir = inodeOf((await brick.fops.lookup(root, brick.root, 'm')).iatt);
  for (const left of [0, 1, 2, 3, 5]) {
    for (let i = 0; i < 10; i++) writeFileSync(`${point}/n${i}`, '');
    const seen: string[] = [];
    let cookie = 0n;
    for (let eof = false; !eof && seen.length < 100;) {
      // The steps have one entry each, so that the cookie alone tells where the listing continues.
      const page = await brick.fops.readdir(root, dir.fd, 1, cookie);
      ({ eof } = page);
      for (const entry of page.entries) {
        cookie = entry.cookie;
        if (entry.name.startsWith('n')) seen.push(entry.name);
      }
      if (seen.length !== 4) continue;
      const stays = new Set(seen.slice(0, left));
      for (const name of readdirSync(point)) if (!stays.has(name)) rmSync(`${point}/${name}`);
    }
    for (const name of readdirSync(point)) rmSync(`${point}/${name}`);
    t.strictSame(seen, [...new Set(seen)], `${left} are left, and no entry is listed twice`);
    t.equal(seen.length, 4);
  }
});

t.test('tmpfs: a listing shows all names when some were renamed', async t => {
  const { place, point } = withTmpfs(t);
  const brick = await startBrick(t, place, {});
  const dir = inodeOf((await brick.fops.lookup(root, brick.root, 'm')).iatt);
  const listed = async (size: number) => {
    const seen: string[] = [];
    let cookie = 0n;
    for (let eof = false; !eof && seen.length < 100;) {
      const page = await brick.fops.readdir(root, dir.fd, size, cookie);
      ({ eof } = page);
      for (const entry of page.entries) seen.push(entry.name);
      cookie = page.entries.at(-1)?.cookie ?? cookie;
    }
    return seen.sort();
  };
  for (let i = 0; i < 10; i++) writeFileSync(`${point}/n${i}`, '');
  for (const [from, to] of ['45', '70', '9x', '1y', '0z'] as const) {
    renameSync(`${point}/n${from}`, `${point}/n${to}`);
    writeFileSync(`${point}/after-${to}`, '');
    const expected = ['.', '..', ...readdirSync(point)].sort();
    for (const size of [1, 100, 10_000]) t.strictSame(await listed(size), expected, `${from} to ${to}, ${size} bytes`);
  }
});

t.test('clients are told to wait for a file system that is not mounted', async t => {
  const { place, point } = withTmpfs(t);
  const elsewhere = `${place.stateDir}-elsewhere`;
  mkdirSync(elsewhere);
  mount('--bind', point, elsewhere);
  t.teardown(() => execFileSync('umount', ['-l', elsewhere]));
  let brick = await startBrick(t, place, { index: 'off' });
  const m = (await brick.fops.lookup(root, brick.root, 'm')).iatt;
  const f = (await brick.fops.create(root, inodeOf(m), 'f', guarded({ size: 7 }))).iatt;
  await brick.stop();
  execFileSync('umount', [point]);
  brick = await startBrick(t, place, { index: 'off' });
  t.equal(await codeOf(brick.fops.stat(root, fresh(f))), 'EJUKEBOX');
  t.equal(await codeOf(brick.fops.stat(root, fresh(f))), 'EJUKEBOX');
  t.match(await brick.fops.stat(root, brick.root), { type: 2 }, 'the rest of the volume is served');
  mount('--bind', elsewhere, point);
  await new Promise(resolve => setTimeout(resolve, 1100));
  t.match(await brick.fops.stat(root, fresh(f)), { size: 7 });
});

const openDescriptors = () => readdirSync('/proc/self/fd').length;

/** Waits until it can be unmounted. The brick keeps nothing open that is not in use. */
async function unmounted(point: string): Promise<void> {
  while (spawnSync('umount', [point], { stdio: 'ignore' }).status !== 0) await sleep(100);
}

eachMode(
  t,
  'a file system below the volume can be unmounted when it is not in use, and is found again',
  async (t, s) => {
    const { place, point } = withTmpfs(t);
    const elsewhere = `${place.stateDir}-elsewhere`;
    mkdirSync(elsewhere);
    mount('--bind', point, elsewhere);
    t.teardown(() => execFileSync('umount', ['-l', elsewhere]));
    const brick = await startBrick(t, place, s);
    await brick.fops.stat(root, brick.root);
    const before = openDescriptors();
    const m = inodeOf((await brick.fops.lookup(root, brick.root, 'm')).iatt);
    const d = inodeOf((await brick.fops.mkdir(root, m, 'd', { mode: 0o755 })).iatt);
    const f = inodeOf((await brick.fops.create(root, d, 'f', guarded({ size: 7 }))).iatt);
    t.match(await brick.fops.readv(root, f.fd, 7, 0), { data: Buffer.alloc(7) });
    await brick.fops.writev(root, f.fd, Buffer.from('written'), 0, 0);
    await brick.fops.readdirp(root, d.fd, 1000, 0n);
    await unmounted(point);
    t.equal(openDescriptors(), before, 'nothing of it is left open');
    t.equal(await codeOf(brick.fops.stat(root, f)), 'EJUKEBOX');
    t.match(await brick.fops.lookup(root, brick.root, 'm'), {
      iatt: { fsid: (await brick.fops.stat(root, brick.root)).fsid },
    });

    mount('--bind', elsewhere, point);
    while ((await codeOf(brick.fops.stat(root, f))) === 'EJUKEBOX') await sleep(100);
    t.match(await brick.fops.stat(root, f), { size: 7 }, 'an object is known again');
    t.match(await brick.fops.readv(root, f.fd, 7, 0), { data: Buffer.from('written') });
    t.match(await brick.fops.lookup(root, d, 'f'), { iatt: { gfid: f.gfid } });
    t.match(await brick.fops.unlink(root, d, 'f'), { gone: f.gfid });
    t.match(await brick.fops.rmdir(root, m, 'd'), { parent: {} });
    await unmounted(point);
  },
);

t.test('mounts that have gone leave nothing behind', async t => {
  const place = makePlace(t);
  const point = place.path('m');
  mkdirSync(point);
  t.teardown(() => spawnSync('umount', ['-l', point], { stdio: 'ignore' }));
  const brick = await startBrick(t, place, { index: 'off' });
  const before = openDescriptors();
  for (let i = 0; i < 3; i++) {
    mount('-t', 'tmpfs', 'none', point);
    writeFileSync(`${point}/${i}`, 'x'.repeat(i + 1));
    const m = inodeOf((await brick.fops.lookup(root, brick.root, 'm')).iatt);
    t.match((await brick.fops.lookup(root, m, `${i}`)).iatt, { size: i + 1 });
    t.equal(
      await codeOf(brick.fops.lookup(root, m, `${i - 1}`)),
      'ENOENT',
      'a new mount is not taken for the previous one',
    );
    await unmounted(point);
  }
  t.equal(openDescriptors(), before);
});

eachMode(t, 'a bind mount of a part of the same file system is served', async (t, s) => {
  const place = makePlace(t);
  for (const name of ['a', 'a/sub', 'b']) mkdirSync(place.path(name));
  writeFileSync(place.path('a/sub/f'), 'x');
  mount('--bind', place.path('a'), place.path('b'));
  t.teardown(() => execFileSync('umount', ['-l', place.path('b')]));
  const settings: Setting = s;
  let brick = await startBrick(t, place, settings);
  const direct = await brick.fops.stat(root, await brick.walk('a/sub/f'));
  const bound = await brick.fops.stat(root, await brick.walk('b/sub/f'));
  t.equal(direct.ino, bound.ino);
  await brick.stop();
  brick = await startBrick(t, place, settings);
  t.match(await brick.fops.stat(root, fresh(direct)), { size: 1 });
  t.match(await brick.fops.stat(root, fresh(bound)), { size: 1 });
  const sub = await brick.walk('b/sub');
  t.match(await brick.fops.create(root, sub, 'g', guarded()), { iatt: { size: 0 } });
  t.match(await brick.fops.rename(root, sub, 'g', sub, 'h'), { from: {} });
});

t.test(
  'overlayfs has no handles, so the index serves it, and a file that is copied up stays the same object',
  async t => {
    const place = makePlace(t);
    const base = `${place.stateDir}-layers`;
    mkdirSync(base);
    mount('-t', 'tmpfs', 'none', base);
    t.teardown(() => execFileSync('umount', ['-l', base]));
    for (const name of ['lower', 'upper', 'work', 'lower/d']) mkdirSync(`${base}/${name}`);
    writeFileSync(`${base}/lower/d/f`, 'lower');
    writeFileSync(`${base}/lower/d/g`, 'renamed');
    mount(
      '-t',
      'overlay',
      'none',
      '-o',
      `lowerdir=${base}/lower,upperdir=${base}/upper,workdir=${base}/work`,
      place.dir,
    );
    t.teardown(() => execFileSync('umount', ['-l', place.dir]));
    let brick = await startBrick(t, place);
    const f = (await brick.fops.lookup(root, await brick.walk('d'), 'f')).iatt;
    const g = (await brick.fops.lookup(root, await brick.walk('d'), 'g')).iatt;
    await new Promise(resolve => setTimeout(resolve, 20));
    t.match(await brick.fops.writev(root, fresh(f).fd, Buffer.from('UPPER'), 0, 0), { count: 5 });
    t.match(await brick.fops.readv(root, fresh(f).fd, 9, 0), { data: Buffer.from('UPPER') });
    t.ok((await brick.fops.lookup(root, await brick.walk('d'), 'f')).iatt.gfid.equals(f.gfid));
    await brick.fops.rename(root, await brick.walk('d'), 'g', brick.root, 'h');
    const made = (await brick.fops.create(root, brick.root, 'new', guarded({ size: 2 }))).iatt;
    await brick.stop();
    brick = await startBrick(t, place);
    t.match(await brick.fops.stat(root, fresh(f)), { size: 5 });
    t.match(await brick.fops.stat(root, fresh(g)), { size: 7 });
    t.match(await brick.fops.stat(root, fresh(made)), { size: 2 });
    t.match(await brick.fops.stat(root, brick.root), { type: 2 });
  },
);
