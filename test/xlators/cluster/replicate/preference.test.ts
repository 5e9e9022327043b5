/** Which of the replicas that can be read is read. */
import t from 'tap';
import { Stable } from '#src/graph/fops.ts';
import { type Replicated, replicas } from './bricks.ts';
import { settled } from './settled.ts';

/** The numbers of the bricks that are read when each of some files is. */
async function readOf(volume: Replicated): Promise<readonly number[]> {
  const { top, table, root, frame, connections } = volume;
  const read = new Set<number>();
  for (let i = 0; i < 32; i++) {
    const name = `f-${i}`;
    const found = await top.lookup(frame, root, name).catch(() => undefined);
    const { iatt } = found ?? (await top.create(frame, root, name, { mode: 'guarded', attr: { mode: 0o644 } }));
    const file = table.link(iatt, root, name);
    if (found === undefined) await top.writev(frame, file.fd, Buffer.from('data'), 0, Stable.FILE_SYNC);
    for (const { calls } of connections) calls.splice(0);
    t.equal((await top.readv(frame, file.fd, 100, 0)).data.toString(), 'data');
    for (const [i, { calls }] of connections.entries()) if (calls.some(({ fop }) => fop === 'readv')) read.add(i);
  }
  return [...read].sort((a, b) => a - b);
}

/** Has the bricks be on this machine, or not, and connect again. */
async function place(volume: Replicated, local: readonly boolean[]): Promise<void> {
  await settled(50); // no change is under way, of which a brick could miss a part
  for (const [i, connection] of volume.connections.entries()) {
    connection.disconnect();
    connection.local = local[i]!;
    connection.connect();
  }
}

t.test('files are read from all bricks, each from the same one, if none is nearer than the others', async t => {
  const volume = await replicas(t, 'post-op-delay-secs=0');
  t.strictSame(await readOf(volume), [0, 1, 2]);
  await place(volume, [false, false, false]);
  t.strictSame(await readOf(volume), [0, 1, 2]);
});

t.test('a brick of this machine is read in preference to others, while it is up', async t => {
  const volume = await replicas(t, 'post-op-delay-secs=0');
  await readOf(volume);
  await place(volume, [false, true, false]);
  t.strictSame(await readOf(volume), [1]);
  volume.connections[1]!.disconnect();
  t.strictSame(await readOf(volume), [0, 2]);
  await place(volume, [true, true, false]);
  t.strictSame(await readOf(volume), [0, 1]);
});

t.test('no brick is preferred with choose-local off', async t => {
  const volume = await replicas(t, 'post-op-delay-secs=0 choose-local=off');
  await readOf(volume);
  await place(volume, [false, true, false]);
  t.strictSame(await readOf(volume), [0, 1, 2]);
});
