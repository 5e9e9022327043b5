import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync, statSync, linkSync } from 'node:fs';
import t from 'tap';
import { Access } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import {
  codeOf,
  codeOfGone,
  eachMode,
  inodeOf,
  makePlace,
  other,
  root,
  startBrick,
  user,
} from '../support/brick-test.ts';

eachMode(t, 'a name is found, with the attributes that stat(2) has', async (t, settings) => {
  const place = makePlace(t);
  writeFileSync(place.path('file'), 'hello', { mode: 0o640 });
  const { fops, root: top } = await startBrick(t, place, settings);
  const { iatt, parent } = await fops.lookup(root, top, 'file');
  const is = statSync(place.path('file'), { bigint: true });
  t.equal(iatt.ino, is.ino);
  t.equal(iatt.size, 5);
  t.equal(iatt.mode, 0o640);
  t.equal(iatt.type, FileType.REG);
  t.equal(iatt.nlink, 1);
  t.equal(BigInt(iatt.mtime) * 1_000_000_000n + BigInt(iatt.mtimeNsec), is.mtimeNs);
  t.equal(BigInt(iatt.ctime) * 1_000_000_000n + BigInt(iatt.ctimeNsec), is.ctimeNs);
  t.equal(parent!.ino, statSync(place.path('.'), { bigint: true }).ino);
  t.equal(iatt.gfid.length, 16);
  t.ok((await fops.lookup(root, top, 'file')).iatt.gfid.equals(iatt.gfid), 'a second lookup finds the same object');
  t.same(await fops.stat(root, inodeOf(iatt)), iatt);
  t.same(await fops.discover(root, iatt.gfid, iatt.hint), { iatt });
});

eachMode(t, 'a missing name is ENOENT, and an object that is not a directory ENOTDIR', async (t, settings) => {
  const place = makePlace(t);
  writeFileSync(place.path('file'), '');
  const brick = await startBrick(t, place, settings);
  const { fops, root: top } = brick;
  const failure = await fops.lookup(root, top, 'none').catch((error: unknown) => error);
  t.match(failure, { code: 'ENOENT', wcc: { before: undefined, after: { type: FileType.DIR } } });
  const file = await brick.walk('file');
  t.equal(await codeOf(fops.lookup(root, file, 'x')), 'ENOTDIR');
  for (const name of ['', 'a/b', '/', 'a\0b', 'ā']) t.equal(await codeOf(fops.lookup(root, top, name)), 'EINVAL', name);
  t.equal(await codeOf(fops.lookup(root, top, 'x'.repeat(256))), 'ENAMETOOLONG');
  t.equal(await codeOf(fops.lookup(root, top, 'x'.repeat(5000))), 'ENAMETOOLONG');
});

eachMode(t, 'names of every byte and of every length are found', async (t, settings) => {
  const place = makePlace(t);
  const {
    fops,
    root: top,
    names,
  } = await startBrick(t, place, settings).then(brick => ({
    fops: brick.fops,
    root: brick.root,
    names: () => brick.names(brick.root),
  }));
  const made: string[] = [];
  for (let byte = 1; byte < 256; byte++) {
    const char = String.fromCharCode(byte);
    if (char === '/') continue;
    made.push(`n${char}`, `${char}${char}${char}`);
  }
  made.push('x'.repeat(255), '\xff'.repeat(255));
  for (const name of made) {
    const { iatt } = await fops.create(root, top, name, { mode: 'guarded', attr: {} });
    if (!(await fops.lookup(root, top, name)).iatt.gfid.equals(iatt.gfid)) t.fail(JSON.stringify(name));
  }
  t.same((await names()).sort(), ['.', '..', ...made].sort());
  for (const name of made) await fops.unlink(root, top, name);
  t.same((await names()).sort(), ['.', '..']);
});

eachMode(t, '. and .. stay in the volume', async (t, settings) => {
  const place = makePlace(t);
  mkdirSync(place.path('a/b/c'), { recursive: true });
  mkdirSync(place.path('../outside'));
  const brick = await startBrick(t, place, settings);
  const { fops, root: top } = brick;
  t.ok((await fops.lookup(root, top, '..')).iatt.gfid.equals(top.gfid));
  t.ok((await fops.lookup(root, top, '.')).iatt.gfid.equals(top.gfid));
  const a = await brick.walk('a');
  const b = await brick.walk('a/b');
  const c = await brick.walk('a/b/c');
  t.ok((await fops.lookup(root, c, '..')).iatt.gfid.equals(b.gfid));
  t.ok((await fops.lookup(root, b, '.')).iatt.gfid.equals(b.gfid));
  t.ok((await fops.lookup(root, a, '..')).iatt.gfid.equals(top.gfid), 'the root has one gfid');
  renameSync(place.path('a/b'), place.path('../outside/b'));
  t.equal(
    await codeOf(fops.lookup(root, b, '..')),
    'ESTALE',
    'a directory that was moved out of the volume has no parent',
  );
  t.equal(await codeOf(fops.lookup(root, c, '..')), 'ESTALE', 'a directory within it has none either');
});

eachMode(
  t,
  'a removed object is stale, whichever process removed it and whatever is remembered',
  async (t, settings) => {
    const place = makePlace(t);
    const brick = await startBrick(t, place, settings);
    const { fops, root: top } = brick;
    const file = inodeOf((await fops.create(root, top, 'ours', { mode: 'guarded', attr: {} })).iatt);
    await fops.stat(root, file);
    await fops.unlink(root, top, 'ours');
    t.equal(await codeOfGone(() => fops.stat(root, file)), 'ESTALE', 'removed through the server');
    writeFileSync(place.path('theirs'), 'x');
    const theirs = await brick.walk('theirs');
    await fops.readv(root, theirs.fd, 10, 0);
    rmSync(place.path('theirs'));
    t.match(await codeOfGone(() => fops.stat(root, theirs)), /ESTALE|EJUKEBOX/, "removed behind the server's back");
    mkdirSync(place.path('dir'));
    const dir = await brick.walk('dir');
    await fops.stat(root, dir);
    rmSync(place.path('dir'), { recursive: true });
    t.match(await codeOfGone(() => fops.lookup(root, dir, 'x')), /ESTALE|EJUKEBOX/);
    t.match(await codeOfGone(() => fops.create(root, dir, 'x', { mode: 'guarded', attr: {} })), /ESTALE|EJUKEBOX/);
    t.match(await codeOfGone(() => fops.readdir(root, dir.fd, 100, 0n)), /ESTALE|EJUKEBOX/);
  },
);

eachMode(t, 'a new object with a reused inode number is another object', async (t, settings) => {
  const place = makePlace(t);
  const { fops, root: top } = await startBrick(t, place, settings);
  const seen = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const { iatt } = await fops.create(root, top, 'name', { mode: 'guarded', attr: {} });
    const found = (await fops.lookup(root, top, 'name')).iatt;
    if (!found.gfid.equals(iatt.gfid)) t.fail('the file just made has another gfid');
    if (seen.has(found.gfid.toString('hex'))) t.fail(`the gfid of a removed file came again, in round ${i}`);
    seen.add(found.gfid.toString('hex'));
    if (i % 2) await fops.unlink(root, top, 'name');
    else rmSync(place.path('name'));
  }
  t.equal(seen.size, 300);
});

eachMode(t, 'hard links are one object; a symlink is itself', async (t, settings) => {
  const place = makePlace(t);
  writeFileSync(place.path('a'), '');
  linkSync(place.path('a'), place.path('b'));
  symlinkSync('../\xe4\xff', place.path('l'));
  symlinkSync('/etc', place.path('etc'));
  const brick = await startBrick(t, place, settings);
  const { fops } = brick;
  t.ok((await brick.walk('a')).gfid.equals((await brick.walk('b')).gfid));
  const link = await brick.walk('l');
  t.equal(link.type, FileType.LNK);
  const { target, iatt } = await fops.readlink(root, link);
  t.equal(target, Buffer.from('../\xe4\xff').toString('latin1'));
  t.equal(iatt.size, target.length);
  t.equal(await codeOf(fops.readlink(root, await brick.walk('a'))), 'EINVAL');
  t.equal(await codeOf(fops.lookup(root, await brick.walk('etc'), 'passwd')), 'ENOTDIR', 'links are never followed');
  t.equal(await codeOf(fops.readdir(root, (await brick.walk('etc')).fd, 1000, 0n)), 'ENOTDIR');
});

eachMode(t, 'access gives the kernel’s answer', async (t, settings) => {
  const place = makePlace(t);
  const brick = await startBrick(t, place, settings);
  const { fops, root: top } = brick;
  const file = inodeOf(
    (await fops.create(root, top, 'f', { mode: 'guarded', attr: { mode: 0o754, uid: 1000, gid: 2000 } })).iatt,
  );
  const { READ, WRITE, EXECUTE } = Access;
  const all = READ | WRITE | EXECUTE;
  const granted = async (frame: typeof root, mask = all) => (await fops.access(frame, file, mask)).granted;
  t.equal(await granted(user), all);
  t.equal(await granted(other), READ | EXECUTE);
  t.equal(await granted(other, WRITE), 0);
  t.equal(await granted(other, READ), READ);
  t.equal(await granted(root), all);
  await fops.setattr(user, file, { mode: 0o640 });
  t.equal(await granted(user), READ | WRITE, 'a change is seen at once');
  t.equal(await granted(other), READ);
  t.equal(await granted(root), READ | WRITE, 'root may not execute a file without any execute bit');
});
