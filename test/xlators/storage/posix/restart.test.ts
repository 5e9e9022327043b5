/** Handles are valid after a restart, whatever has been moved, and never stand for another object. */
import { linkSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { type Inode, Inode as FreshInode } from '#src/graph/inode.ts';
import {
  codeOf,
  eachMode,
  makePlace,
  needsRoot,
  open,
  root,
  startBrick,
  type TestBrick,
} from './support/brick-test.ts';

/** The inode as it comes out of a file handle, with nothing remembered of it. */
const fresh = ({ gfid, type, hint }: Inode) =>
  new FreshInode(Buffer.from(gfid), type, hint === undefined ? undefined : Buffer.from(hint));

/** Asks until the search in the background has ended. */
async function patiently(ask: () => Promise<unknown>): Promise<unknown> {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await codeOf(ask());
    if (answer !== 'EJUKEBOX') return answer;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return 'EJUKEBOX for ever';
}

eachMode(t, 'after a restart all fops work on handles alone', async (t, s) => {
  const place = makePlace(t);
  const before = await startBrick(t, place, s);
  mkdirSync(place.path('a/b'), { recursive: true });
  writeFileSync(place.path('a/b/f'), 'hello');
  const [a, b, f] = [await before.walk('a'), await before.walk('a/b'), await before.walk('a/b/f')];
  await before.stop();
  const { fops } = await startBrick(t, place, s);
  t.match(await fops.readv(root, fresh(f).fd, 10, 0), { data: Buffer.from('hello') });
  t.match(await fops.writev(root, fresh(f).fd, Buffer.from('J'), 0, 2), { count: 1 });
  t.match(await fops.stat(root, fresh(f)), { size: 5 });
  t.match(await fops.setattr(root, fresh(f), { mode: 0o600 }), { after: { mode: 0o600 } });
  t.match(await fops.access(root, fresh(b), 7), { granted: 7 });
  t.ok((await fops.lookup(root, fresh(b), 'f')).iatt.gfid.equals(f.gfid));
  t.ok((await fops.lookup(root, fresh(b), '..')).iatt.gfid.equals(a.gfid));
  t.equal((await fops.readdir(root, fresh(b).fd, 100, 0n)).entries.length, 3);
  t.ok((await fops.discover(root, f.gfid, f.hint)).iatt.gfid.equals(f.gfid));
  t.ok(await fops.create(root, fresh(b), 'g', { mode: 'guarded', attr: {} }));
  t.ok(await fops.rename(root, fresh(b), 'g', fresh(a), 'h'));
  t.ok(await fops.link(root, fresh(f), fresh(a), 'l'));
  t.ok(await fops.unlink(root, fresh(b), 'f'));
  t.match(await fops.stat(root, fresh(f)), { nlink: 1 });
  t.ok(await fops.statfs(root, fresh(f)));
  t.same(await fops.getxattr(root, fresh(f)), new Map());
});

eachMode(t, 'a file moved while it is open, through the server or not, is found after a restart', async (t, s) => {
  const place = makePlace(t);
  let brick: TestBrick = await startBrick(t, place, s);
  const again = async () => {
    await brick.stop();
    brick = await startBrick(t, place, s);
  };
  for (const dir of ['a', 'a/b', 'a/b/c', 'other']) mkdirSync(place.path(dir));
  writeFileSync(place.path('a/b/c/f'), 'x');
  writeFileSync(place.path('other/o'), 'y');
  const f = await brick.walk('a/b/c/f');
  const is = () => patiently(() => brick.fops.stat(root, fresh(f)));
  await brick.fops.rename(root, brick.root, 'a', brick.root, 'z');
  t.match(await is(), { size: 1 }, 'a parent directory was moved through the server');
  await again();
  t.match(await is(), { size: 1 });
  renameSync(place.path('z/b'), place.path('z/bb'));
  t.match(await is(), { size: 1 }, "a parent directory was renamed behind the server's back");
  await again();
  t.match(await is(), { size: 1 });
  renameSync(place.path('z/bb/c'), place.path('other/cc'));
  await again();
  t.match(await is(), { size: 1 }, 'a parent directory was moved elsewhere while the server was down');
  renameSync(place.path('other/cc/f'), place.path('g'));
  await again();
  t.match(await is(), { size: 1 }, 'the file itself was moved');
  linkSync(place.path('g'), place.path('other/link'));
  rmSync(place.path('g'));
  t.match(await is(), { size: 1 }, 'one of its names was removed');
  await again();
  t.match(await is(), { size: 1 });
  rmSync(place.path('other/link'));
  t.equal(await is(), 'ESTALE', 'all of its names were removed');
  await again();
  t.equal(await is(), 'ESTALE');
  writeFileSync(place.path('g'), 'new');
  t.equal(await is(), 'ESTALE');
});

eachMode(t, 'many objects are served with few descriptors', async (t, s) => {
  const place = makePlace(t);
  const brick = await startBrick(t, place, { ...s, descriptors: 64 });
  const { fops, root: top } = brick;
  const inodes: Inode[] = [];
  for (let i = 0; i < 500; i++) {
    const { iatt } = await fops.create(root, top, `f${i}`, { mode: 'guarded', attr: { mode: 0o644 } });
    inodes.push(new FreshInode(iatt.gfid, iatt.type, iatt.hint));
    await fops.writev(root, inodes[i]!.fd, Buffer.from(`content of ${i}`), 0, 0);
  }
  const before = readdirSync('/proc/self/fd').length;
  t.ok(before < 64 + 40, `${before} descriptors are open`);
  const reads = await Promise.all(inodes.map(inode => fops.readv(root, inode.fd, 100, 0)));
  for (const [i, { data }] of reads.entries()) if (data.toString() !== `content of ${i}`) t.fail(`file ${i}`);
  await Promise.all(inodes.map(inode => fops.writev(root, inode.fd, Buffer.from('x'), 0, 2)));
  t.ok(readdirSync('/proc/self/fd').length < 64 + 40);
});

eachMode(t, 'fini closes everything', async (t, s) => {
  const ours = (dir: string) =>
    readdirSync('/proc/self/fd').filter(fd => {
      try {
        const target = readlinkSync(`/proc/self/fd/${fd}`);
        return target.startsWith(dir) || target.includes('.index');
      } catch {
        return false;
      }
    });
  const { brick, fops, top, dir, path } = await open(t, s);
  for (let i = 0; i < 50; i++) {
    const { iatt } = await fops.create(root, top, `f${i}`, { mode: 'guarded', attr: {} });
    const inode = new FreshInode(iatt.gfid, iatt.type, iatt.hint);
    await fops.writev(root, inode.fd, Buffer.from('x'), 0, 0);
    await fops.readv(root, inode.fd, 1, 0);
  }
  await fops.mkdir(root, top, 'd', {});
  await fops.readdirp(root, top.fd, 100, 0n);
  await fops.lookup(root, await brick.walk('d'), '..');
  t.not(ours(path('.').slice(0, -2)).length, 0);
  await brick.stop();
  t.same(ours(dir), []);
});

t.test('the descriptors of an inode are closed when it leaves the table', needsRoot, async t => {
  const { brick, fops, path } = await open(t);
  writeFileSync(path('f'), 'x');
  const inode = await brick.walk('f');
  await fops.readv(root, inode.fd, 1, 0);
  const count = () => readdirSync('/proc/self/fd').length;
  const before = count();
  brick.posix.forget(inode);
  t.ok(count() < before);
  t.match(await fops.readv(root, inode.fd, 1, 0), { data: Buffer.from('x') }, 'the inode can come back');
});
