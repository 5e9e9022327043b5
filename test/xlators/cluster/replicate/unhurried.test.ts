/** Which calls may wait for others to be sent with them: those for which neither a caller nor another client waits. */
import t from 'tap';
import type { Frame } from '#src/graph/frame.ts';
import { Stable } from '#src/graph/fops.ts';
import { replicas } from './bricks.ts';
import { settled } from './settled.ts';

async function fileOfReplicas(t: Parameters<typeof replicas>[0], options = '') {
  const volume = await replicas(t, options);
  const { top, root, frame, table, connections } = volume;
  const { iatt } = await top.create(frame, root, 'f', { mode: 'guarded', attr: {} });
  const file = table.link(iatt, root, 'f');
  await settled(30);
  const [brick] = connections;
  let hurries = 0;
  brick!.hurry = () => void hurries++;
  brick!.calls.length = 0;
  /** The calls to the first brick since the last time; with `…`, those that need not be sent at once. */
  const sent = (): string =>
    brick!.calls
      .splice(0)
      .map(({ fop, args }) => `${fop}${(args[0] as Frame).unhurried === true ? '…' : ''}`)
      .join(' ');
  return { ...volume, file, brick: brick!, sent, hurries: () => hurries };
}

t.test('a lock on attributes is given up when there is time', async t => {
  const { top, frame, file, sent, hurries } = await fileOfReplicas(t);
  await top.setattr(frame, file, { mode: 0o600 });
  await settled(30);
  t.equal(sent(), 'inodelk setattr inodelk…');
  t.equal(hurries(), 0);
});

t.test('a lock on attributes is given up at once if another change waits', async t => {
  const { top, frame, file, brick, sent, hurries } = await fileOfReplicas(t);
  const freed = brick.fail({ fop: 'inodelk', nth: 2, when: 'before', what: 'hang' });
  await top.setattr(frame, file, { mode: 0o600 });
  await freed.happened;
  const second = top.setattr(frame, file, { mode: 0o640 });
  await settled(30);
  t.equal(hurries(), 1, 'the call that was not sent yet');
  freed.resume();
  await second;
  await settled(30);
  t.equal(sent(), 'inodelk setattr inodelk… inodelk setattr inodelk…');
  const both = [top.setattr(frame, file, { mode: 0o600 }), top.setattr(frame, file, { mode: 0o640 })];
  await Promise.all(both);
  await settled(30);
  t.equal(sent(), 'inodelk setattr inodelk inodelk setattr inodelk…');
});

t.test('the marks and the lock of a file are taken away when there is time', async t => {
  const { top, frame, file, sent, hurries } = await fileOfReplicas(t, 'post-op-delay-secs=0');
  await top.writev(frame, file.fd, Buffer.from('data'), 0, Stable.FILE_SYNC);
  await settled(30);
  t.equal(sent(), 'inodelk xattrop writev xattrop… inodelk…');
  t.equal(hurries(), 0);
});

t.test('the marks and the lock of a file are taken away at once if something waits', async t => {
  const { top, frame, file, sent, hurries } = await fileOfReplicas(t, 'post-op-delay-secs=1000');
  await top.writev(frame, file.fd, Buffer.from('data'), 0, Stable.FILE_SYNC);
  await top.flush(frame, file.fd);
  await settled(30);
  t.equal(sent(), 'inodelk xattrop writev xattrop flush inodelk');
  t.ok(hurries() > 0);
});

t.test('the next change of a file hurries the end of the transaction before it', async t => {
  const { top, frame, file, sent, hurries, brick } = await fileOfReplicas(t, 'post-op-delay-secs=0');
  const marked = brick.fail({ fop: 'xattrop', nth: 2, when: 'before', what: 'hang' });
  await top.writev(frame, file.fd, Buffer.from('data'), 0, Stable.FILE_SYNC);
  await marked.happened;
  const next = top.writev(frame, file.fd, Buffer.from('more'), 0, Stable.FILE_SYNC);
  await settled(30);
  t.equal(hurries(), 1);
  marked.resume();
  await next;
  await settled(30);
  t.equal(sent(), 'inodelk xattrop writev xattrop… inodelk inodelk xattrop writev xattrop… inodelk…');
});
