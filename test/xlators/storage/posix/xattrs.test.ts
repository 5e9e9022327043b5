import { symlinkSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { codeOf, eachMode, inodeOf, needsRoot, open, other, root, user } from './support/brick-test.ts';

const u32 = (...values: number[]) => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
  return bytes;
};

eachMode(t, 'extended attributes are set, read, listed and removed as the caller', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  const made = await fops.create(user, top, 'f', { mode: 'guarded', attr: { mode: 0o644 } });
  const file = inodeOf(made.iatt);
  const value = Buffer.from([0, 255, 1, 0]);
  await fops.setxattr(user, file, new Map([['user.\xfftest', value]]), 0);
  await fops.fsetxattr(user, file.fd, new Map([['user.empty', Buffer.alloc(0)]]), 1);
  t.same(await fops.getxattr(other, file, 'user.\xfftest'), new Map([['user.\xfftest', value]]));
  t.same([...(await fops.fgetxattr(user, file.fd)).keys()].sort(), ['user.empty', 'user.\xfftest']);
  t.equal(await codeOf(fops.setxattr(user, file, new Map([['user.empty', value]]), 1)), 'EEXIST');
  t.equal(await codeOf(fops.setxattr(user, file, new Map([['user.none', value]]), 2)), 'ENODATA');
  t.equal(await codeOf(fops.setxattr(other, file, new Map([['user.x', value]]), 0)), 'EACCES');
  t.equal(await codeOf(fops.setxattr(user, file, new Map([['trusted.x', value]]), 0)), 'EPERM');
  t.match(await codeOf(fops.setxattr(user, file, new Map([['nonsense', value]]), 0)), /EOPNOTSUPP|ENOTSUP/);
  t.equal(await codeOf(fops.getxattr(user, file, 'user.none')), 'ENODATA');
  await fops.removexattr(user, file, 'user.empty');
  t.equal(await codeOf(fops.fremovexattr(user, file.fd, 'user.empty')), 'ENODATA');
  await fops.setxattr(root, file, new Map([['trusted.x', value]]), 0);
  t.notOk((await fops.getxattr(user, file)).has('trusted.x'));
  t.ok((await fops.getxattr(root, file)).has('trusted.x'));
  symlinkSync('f', path('l'));
  const link = inodeOf((await fops.lookup(root, top, 'l')).iatt);
  await fops.setxattr(root, link, new Map([['trusted.l', value]]), 0);
  t.ok((await fops.getxattr(root, link)).has('trusted.l'), 'a symlink has its own');
  t.notOk((await fops.getxattr(root, file)).has('trusted.l'));
});

t.test('an ACL grants what the mode does not', needsRoot, async t => {
  const { fops, top, path } = await open(t);
  writeFileSync(path('f'), 'x', { mode: 0o600 });
  const file = inodeOf((await fops.lookup(root, top, 'f')).iatt);
  t.equal(await codeOf(fops.readv(user, file.fd, 1, 0)), 'EACCES');
  const entry = (tag: number, perm: number, id: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt16LE(tag, 0);
    bytes.writeUInt16LE(perm, 2);
    bytes.writeUInt32LE(id, 4);
    return bytes;
  };
  const none = 0xffff_ffff;
  const acl = (perm: number) =>
    Buffer.concat([
      Buffer.from([2, 0, 0, 0]),
      entry(1, 6, none),
      entry(2, perm, 1000),
      entry(4, 0, none),
      entry(16, 7, none),
      entry(32, 0, none),
    ]);
  await fops.setxattr(root, file, new Map([['system.posix_acl_access', acl(6)]]), 0);
  t.match(await fops.readv(user, file.fd, 1, 0), { data: Buffer.from('x') });
  t.equal((await fops.access(user, file, 7)).granted, 6);
  await fops.setxattr(root, file, new Map([['system.posix_acl_access', acl(4)]]), 0);
  t.equal((await fops.access(user, file, 7)).granted, 4, 'a change of the ACL alone takes effect at once');
  t.equal(await codeOf(fops.writev(user, file.fd, Buffer.from('y'), 0, 0)), 'EACCES');
});

t.test('xattrop adds counters', needsRoot, async t => {
  const { fops, top } = await open(t);
  const file = inodeOf((await fops.create(root, top, 'f', { mode: 'guarded', attr: {} })).iatt);
  const name = 'trusted.afr.dirty';
  const add = (...values: number[]) => fops.xattrop(root, file, 'add32', new Map([[name, u32(...values)]]));
  t.same(await add(1, 2, 0xffff_ffff), new Map([[name, u32(1, 2, 0xffff_ffff)]]));
  const sums = await Promise.all(Array.from({ length: 10 }, () => add(1, 0, 1)));
  t.same(sums.at(-1), new Map([[name, u32(11, 2, 9)]]));
  t.equal(await codeOf(add(1)), 'EINVAL');
  const wide = Buffer.alloc(8);
  wide.writeBigUInt64BE(2n ** 64n - 1n);
  await fops.fxattrop(root, file.fd, 'add64', new Map([['trusted.wide', wide]]));
  t.same(
    await fops.fxattrop(root, file.fd, 'add64', new Map([['trusted.wide', wide]])),
    new Map([['trusted.wide', Buffer.from('fffffffffffffffe', 'hex')]]),
  );
});
