import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { FopError, type SetAttr } from '#src/graph/fops.ts';
import { identityOf } from '#src/graph/identity.ts';
import { codeOf, eachMode, frameOf, inodeOf, open, other, root, user } from './support/brick-test.ts';

const guarded = (attr: SetAttr = {}) => ({ mode: 'guarded', attr }) as const;

eachMode(t, 'the attributes before and after are those right before and right after the change', async (t, s) => {
  const { fops, top } = await open(t, s);
  const file = inodeOf((await fops.create(user, top, 'f', guarded({ mode: 0o644 }))).iatt);
  const before = await fops.stat(user, file);
  const wcc = await fops.setattr(user, file, { mode: 0o600, size: 10 });
  t.same(wcc.before, before);
  t.match(wcc.after, { mode: 0o600, size: 10 });
  t.same(wcc.after, await fops.stat(user, file));
  const failure = await fops.setattr(other, file, { mode: 0o777 }).catch((error: unknown) => error);
  t.ok(failure instanceof FopError);
  t.match(failure, { code: 'EPERM', wcc: { before: wcc.after, after: wcc.after } });
});

eachMode(t, 'a guard admits a change only if the ctime is the same', async (t, s) => {
  const { fops, top } = await open(t, s);
  const made = (await fops.create(user, top, 'f', guarded({ mode: 0o644 }))).iatt;
  const file = inodeOf(made);
  const guard = { sec: made.ctime, nsec: made.ctimeNsec };
  const failure = await fops
    .setattr(user, file, { size: 3 }, { ...guard, nsec: guard.nsec ^ 1 })
    .catch((e: unknown) => e);
  t.match(failure, { code: 'EAGAIN', wcc: { before: { size: 0 }, after: { size: 0 } } });
  t.match(await fops.setattr(user, file, { size: 3 }, guard), { after: { size: 3 } });
  t.equal(await codeOf(fops.setattr(user, file, { size: 4 }, guard)), 'EAGAIN');
});

eachMode(t, 'times before 1970 and after 2038 are kept to the nanosecond', async (t, s) => {
  const { fops, top } = await open(t, s);
  const file = inodeOf((await fops.create(user, top, 'f', guarded())).iatt);
  for (const sec of [1 - 2 ** 31, -1, 0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 33]) {
    for (const nsec of [0, 1, 999_999_999]) {
      const { after } = await fops.setattr(user, file, { atime: { sec, nsec }, mtime: { sec, nsec: nsec ^ 1 } });
      t.match(after, { atime: sec, atimeNsec: nsec, mtime: sec, mtimeNsec: nsec ^ 1 }, `${sec}.${nsec}`);
    }
  }
  const { after } = await fops.setattr(user, file, { atime: { sec: 5, nsec: 6 } });
  t.match(after, { atime: 5, atimeNsec: 6, mtime: 2 ** 33 }, 'the other time stays');
});

eachMode(
  t,
  'every caller that may write may set times to "now", and only the owner may set a given time',
  async (t, s) => {
    const { fops, top } = await open(t, s);
    const file = inodeOf((await fops.create(user, top, 'f', guarded({ mode: 0o646 }))).iatt);
    const old = { sec: 1, nsec: 0 };
    await fops.setattr(user, file, { atime: old, mtime: old });
    const start = Math.floor(Date.now() / 1000) - 1;
    const isNow = (time: number) => time >= start && time <= start + 60;
    const both = await fops.setattr(other, file, { atime: 'now', mtime: 'now' });
    t.ok(isNow(both.after!.atime) && isNow(both.after!.mtime));
    await fops.setattr(user, file, { atime: old, mtime: old });
    const one = await fops.setattr(other, file, { mtime: 'now' });
    t.ok(isNow(one.after!.mtime));
    t.equal(one.after!.atime, 1);
    t.equal(await codeOf(fops.setattr(other, file, { mtime: old })), 'EPERM');
    await fops.setattr(user, file, { mode: 0o644 });
    t.equal(await codeOf(fops.setattr(other, file, { atime: 'now', mtime: 'now' })), 'EACCES');
    t.equal(await codeOf(fops.setattr(other, file, { atime: 'now' })), 'EACCES');
    await fops.setattr(user, file, { mode: 0o444 });
    t.ok(isNow((await fops.setattr(user, file, { mtime: 'now' })).after!.mtime), 'the owner always may');
  },
);

eachMode(t, 'every caller that may write may truncate, with the mtime that clients send along', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  const file = inodeOf((await fops.create(user, top, 'f', guarded({ mode: 0o646, size: 100 }))).iatt);
  t.match(await fops.setattr(other, file, { size: 50, mtime: 'now' }), { before: { size: 100 }, after: { size: 50 } });
  await fops.setattr(user, file, { mode: 0o444 });
  t.equal(await codeOf(fops.setattr(other, file, { size: 0 })), 'EACCES');
  t.match(await fops.truncate(user, file, 7), { after: { size: 7 } }, 'the owner may, whatever the mode');
  t.match(await fops.ftruncate(user, file.fd, 2 ** 40), { after: { size: 2 ** 40 } }, 'a hole');
  t.equal(statSync(path('f')).size, 2 ** 40);
  t.equal(await codeOf(fops.setattr(user, top, { size: 0 })), 'EISDIR');
  t.equal(await codeOf(fops.setattr(user, file, { size: -1 })), 'EINVAL');
});

eachMode(
  t,
  'root may change owners, others may only change the group to one of theirs, and set-id bits are cleared',
  async (t, s) => {
    const { fops, top } = await open(t, s);
    const file = inodeOf((await fops.create(user, top, 'f', guarded({ mode: 0o6755 }))).iatt);
    t.equal(await codeOf(fops.setattr(user, file, { uid: 5 })), 'EPERM');
    t.equal(await codeOf(fops.setattr(user, file, { gid: 5 })), 'EPERM');
    const member = frameOf(identityOf(1000, 1000, [5, 6]));
    t.match((await fops.setattr(member, file, { gid: 5 })).after, { gid: 5, mode: 0o755 });
    t.match((await fops.setattr(root, file, { uid: 7, gid: 8, mode: 0o4750 })).after, { uid: 7, gid: 8, mode: 0o4750 });
    t.equal(
      await codeOf(fops.setattr(user, file, { mode: 0o777 })),
      'EPERM',
      'the file no longer belongs to the caller',
    );
  },
);

eachMode(t, 'a directory keeps S_ISGID and the sticky bit', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  mkdirSync(path('d'));
  const dir = inodeOf((await fops.lookup(root, top, 'd')).iatt);
  t.match((await fops.setattr(root, dir, { mode: 0o3777, gid: 3 })).after, { mode: 0o3777, gid: 3 });
  t.match((await fops.setattr(root, top, { mode: 0o1777 })).after, { mode: 0o1777 });
});

eachMode(t, 'a write or truncation by a user other than root clears set-id bits', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  writeFileSync(path('f'), 'x');
  chownSync(path('f'), 1000, 1000);
  const set = () => chmodSync(path('f'), 0o6777);
  set();
  const file = inodeOf((await fops.lookup(root, top, 'f')).iatt);
  const data = Buffer.from('y');
  await fops.writev(root, file.fd, data, 0, 0);
  t.equal(statSync(path('f')).mode & 0o7777, 0o6777, 'root keeps them');
  t.match((await fops.writev(other, file.fd, data, 0, 0)).after, { mode: 0o777 });
  set();
  t.match((await fops.writev(user, file.fd, data, 0, 0)).after, { mode: 0o777 }, 'the owner does not');
  set();
  t.match((await fops.setattr(other, file, { size: 0 })).after, { mode: 0o777 });
  set();
  t.match((await fops.fallocate(other, file.fd, 0, 0, 4096)).after, { mode: 0o777 });
  t.equal(readFileSync(path('f')).length, 4096);
});
