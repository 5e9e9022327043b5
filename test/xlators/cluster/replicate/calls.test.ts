/** How many calls each fop makes to three bricks, so that it stays so. What precedes the answer and what follows it counts. */
import { mock } from 'node:test';
import t from 'tap';
import { settled } from './settled.ts';
import { Stable } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import { replicas } from './bricks.ts';

/** Waits until everything that could end has ended. */
t.test('calls to the bricks by fop', async t => {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const { top, table, root, frame, calls } = await replicas(t, 'post-op-delay-secs=1000');
  const count = async (call: () => Promise<unknown>, expected: string) => {
    calls();
    await call();
    await settled(30);
    t.equal(calls(), expected, String(call));
  };
  await count(() => top.lookup(frame, root, '.'), 'lookup×3');
  await count(() => top.mkdir(frame, root, 'd', { mode: 0o755 }), 'entrylk×6 mkdir×3');
  const create = () => top.create(frame, root, 'f', { mode: 'guarded', attr: { mode: 0o644 } });
  await count(create, 'create×3 entrylk×3');
  const file = table.link((await top.lookup(frame, root, 'f')).iatt, root, 'f');
  const write = () => top.writev(frame, file.fd, Buffer.from('data'), 0, Stable.FILE_SYNC);
  await count(write, 'inodelk×3 writev×3 xattrop×3');
  await count(write, 'writev×3');
  await count(() => top.truncate(frame, file, 3), 'truncate×3');
  await count(() => top.fsync(frame, file.fd, false), 'fsync×3');
  await count(() => top.flush(frame, file.fd), 'flush×3 inodelk×3 xattrop×3');
  await count(() => top.fsync(frame, file.fd, false), 'fsync×3');
  await count(() => top.setattr(frame, file, { mode: 0o600 }), 'inodelk×6 setattr×3');
  await count(() => top.setxattr(frame, file, new Map([['user.a', Buffer.from('a')]]), 0), 'inodelk×6 setxattr×3');
  await count(() => top.stat(frame, file), 'stat×1');
  await count(() => top.access(frame, file, 4), 'access×1');
  await count(() => top.readv(frame, file.fd, 10, 0), 'readv×1');
  await count(() => top.getxattr(frame, file, 'user.a'), 'getxattr×1');
  await count(() => top.readdirp(frame, root.fd, 4096, 0n), 'readdirp×1');
  await count(() => top.statfs(frame, root), 'statfs×3');
  await count(() => top.link(frame, file, root, 'g'), 'link×3');
  await count(() => top.rename(frame, root, 'g', root, 'h'), 'lookup×1 rename×3');
  await count(() => top.unlink(frame, root, 'h'), 'unlink×3');
  await count(() => top.symlink(frame, root, 's', 'f', {}), 'symlink×3');
  await count(() => top.mknod(frame, root, 'p', FileType.FIFO, {}, { major: 0, minor: 0 }), 'mknod×3');
  await count(() => top.rmdir(frame, root, 'd'), 'entrylk×15 lookup×1 rmdir×3');
});

t.test('an unsynced write is synced before its mark goes', async t => {
  const { top, root, frame, table, calls } = await replicas(t, 'post-op-delay-secs=0');
  const { iatt } = await top.create(frame, root, 'f', { mode: 'guarded', attr: {} });
  const file = table.link(iatt, root, 'f');
  await settled(30);
  calls();
  await top.writev(frame, file.fd, Buffer.from('data'), 0, Stable.UNSTABLE);
  await top.flush(frame, file.fd);
  await settled(30);
  t.equal(calls(), 'flush×3 fsync×3 inodelk×6 writev×3 xattrop×6');
});
