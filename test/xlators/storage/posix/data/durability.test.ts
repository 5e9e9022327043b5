/** With `sync-metadata` each change is flushed to the disk before its answer; the answers are the same as without it. */
import t from 'tap';
import { codeOf, eachMode, inodeOf, open, user } from '../support/brick-test.ts';

eachMode(t, 'with sync-metadata every change still works, alone and together with others', async (t, s) => {
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
