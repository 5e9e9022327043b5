/** Files that are open at real bricks because they are read or written often. */
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Stable } from '#src/graph/fops.ts';
import type { Inode } from '#src/graph/inode.ts';
import { O_RDWR } from '#src/sys/constants.ts';
import { frame } from '../../support/graph.ts';
import { connectedBrick } from '../../support/gluster/one-brick.ts';
import { anna } from '../../suites/people.ts';
import { Hand } from '../../suites/xlator/hand.ts';
import { BED, enterBed, gluster, HOST, sh } from '../support/bed.ts';
import { closed, descriptorsOf } from '../support/open-at-bricks.ts';
import { completed } from '../support/rebalance.ts';
import { servedVolume } from '../support/serve.ts';
import { GlusterVolume } from '../support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(300_000);

const MiB = 2 ** 20;
const LARGE = 8 * MiB;
/** How long after its last use a file is closed at most, and what a busy machine takes besides. */
const IDLE_MAX_MS = 2000 + 1500;

const volume = await GlusterVolume.make('plain');
t.teardown(() => volume.remove());
const brick = volume.bricks[0]!;

/** How many descriptors the brick has of a file. */
const openCount = async ({ gfid }: Inode) => (await descriptorsOf(volume, gfid))[0]!.length;
/** What was removed while it was open, and is on the brick's disk until it is closed. */
const removedButOpen = () => readdirSync(join(brick.path, '.glusterfs/unlink'));

/** A client of the brick, and a file that it has just made. */
async function fileOf(t: Test, name: string) {
  const made = await connectedBrick(t, brick.path);
  const hand = new Hand(made);
  const file = await hand.file(name, 'some text');
  const read = () => hand.content(file);
  const write = (text: string) => made.top.writev(frame, file.fd, Buffer.from(text), 0, Stable.UNSTABLE);
  /** Has the file opened for reads, or for writes. */
  async function open(call: () => Promise<unknown> = read): Promise<void> {
    for (let i = 0; i < 4; i++) await call();
    // The brick may still have it open for the call before that, too.
    for (let i = 0; i < 200 && (await openCount(file)) !== 1; i++) await sleep(5);
    t.equal(await openCount(file), 1);
  }
  const counts = () => made.brick.dump() as Record<string, number>;
  return { ...made, hand, file, read, write, open, counts };
}

t.test('a file that is read often is opened once, and closed when it is idle', async t => {
  const { read, open, counts, file } = await fileOf(t, 'idle');
  await open();
  for (let i = 0; i < 100; i++) t.equal(await read(), 'some text');
  t.match(counts(), { 'open.answered': 1, 'busy-files': 1, 'read.refused': 0 });
  const ms = await closed(volume, file.gfid);
  t.ok(ms < IDLE_MAX_MS, `closed after ${ms} ms`);
  // The brick closes the file before it answers that it has.
  for (let i = 0; i < 200 && counts()['release.answered'] !== 1; i++) await sleep(5);
  t.match(counts(), { 'busy-files': 0, 'release.answered': 1 });
});

t.test('a file that is removed, or renamed over, by us is closed at once, and its space is free', async t => {
  const { top, root, table, hand, open, write, file } = await fileOf(t, 'removed');
  await open(() => write('t'.repeat(MiB)));
  await top.unlink(frame, root, 'removed');
  table.removed(root, 'removed');
  t.ok((await closed(volume, file.gfid)) < 1000);
  t.strictSame(removedButOpen(), []);

  const over = await hand.file('over', 'old');
  for (let i = 0; i < 6; i++) t.equal(await hand.content(over), 'old');
  await hand.file('new', 'new');
  await top.rename(frame, root, 'new', root, 'over');
  table.moved(root, 'new', root, 'over');
  t.ok((await closed(volume, over.gfid)) < 1000);
  t.strictSame(removedButOpen(), []);
  t.equal(await hand.content(await hand.lookup(root, 'over')), 'new');
});

t.test('a file that another client has removed is closed at the next call, or when it has been idle', async t => {
  const mount = await volume.mount(t);
  for (const call of ['read', 'write'] as const) {
    const made = await fileOf(t, `gone-${call}`);
    const use = (): Promise<unknown> => (call === 'read' ? made.read() : made.write('more'));
    await made.open(use);
    unlinkSync(join(mount, `gone-${call}`));
    t.equal(await openCount(made.file), 1);
    // It is closed now. The same call is then made without an open file, and finds it if the brick comes to that first.
    await use().catch((error: unknown) => t.match(error, { code: 'ESTALE' }));
    t.ok((await closed(volume, made.file.gfid)) < 1000);
    t.strictSame(removedButOpen(), []);
    await t.rejects(use(), { code: 'ESTALE' });
  }
  const idle = await fileOf(t, 'gone-idle');
  await idle.open();
  unlinkSync(join(mount, 'gone-idle'));
  t.ok((await closed(volume, idle.file.gfid)) < IDLE_MAX_MS);
  t.strictSame(removedButOpen(), []);
});

t.test('a file that was removed and made again with its gfid, as when it is healed', async t => {
  const { top, root, hand, file, read, write, open } = await fileOf(t, 'again');
  await open(() => write('old'));
  await top.unlink(frame, root, 'again');
  const attr = { mode: 0o644, gfid: file.gfid };
  const other = await connectedBrick(t, brick.path);
  const made = await other.top.create(frame, other.root, 'again', { mode: 'guarded', attr });
  t.ok(made.iatt.gfid.equals(file.gfid));
  t.match(await write('new'), { count: 3, after: { size: 3 } });
  t.equal(await read(), 'new');
  t.equal(await hand.content(await hand.lookup(root, 'again')), 'new', 'the write has gone to the file that is there');
});

t.test('what others do to an open file is seen: they truncate it, write it, and take rights away', async t => {
  const { top, read, write, open, file } = await fileOf(t, 'shared');
  const mount = await volume.mount(t, 'direct-io-mode=enable');
  const path = join(mount, 'shared');
  await open(() => write('some text'));
  truncateSync(path, 4);
  t.equal(await read(), 'some');
  writeFileSync(path, 'theirs');
  t.equal(await read(), 'theirs');
  await write('OUR');
  t.equal(readFileSync(path, 'utf8'), 'OURirs');
  await top.setattr(frame, file, { mode: 0 });
  const { count } = await top.writev(anna, file.fd, Buffer.from('x'), 6, Stable.FILE_SYNC);
  t.equal(count, 1, 'the rights are checked above, whether a file is open or not');
  t.equal(await openCount(file), 1);
});

t.test('a file whose mode lets nobody use it, and one that cannot be changed, are opened all the same', async t => {
  const { top, file, open, read, write, counts } = await fileOf(t, 'fixed');
  await top.setattr(frame, file, { mode: 0, uid: anna.identity.uid });
  await open();
  await closed(volume, file.gfid);
  const path = join(brick.path, 'fixed');
  if (
    await sh('chattr', '+i', path).then(
      () => true,
      () => false,
    )
  ) {
    t.teardown(() => sh('chattr', '-i', path));
    const before = await read().catch((error: Error) => error.message);
    t.comment(`a brick opens what may not be changed: ${before}`);
    for (let i = 0; i < 8; i++) await t.rejects(write('x'), { code: 'EPERM' });
    await sh('chattr', '-i', path);
    await sleep(IDLE_MAX_MS); // until then it is not tried again
  }
  await open(() => write('changed'));
  t.ok(counts()['open.answered']! >= 2);
});

t.test('a brick that is killed and comes back: the file is used without being open, and opened again', async t => {
  const { top, hand, read, write, open, counts } = await fileOf(t, 'kept');
  await open(() => write('some text'));
  await top.open(frame, await hand.file('other'), O_RDWR); // It takes a number on the next connection.
  const [down, up] = [top.next('child-down'), top.next('child-up')];
  await volume.signal(0, 'SIGKILL');
  await down;
  await t.rejects(read(), { code: 'ENOTCONN' });
  t.equal(counts()['busy-files'], 0);
  await volume.start();
  await up;
  t.equal(await read(), 'some text');
  await open(() => write('more text'));
  t.equal(await read(), 'more text');
  t.equal(counts()['read.refused'], 0);
});

t.test('when the client ends, nothing stays open', async t => {
  let gfid: Buffer;
  await t.test('a client', async t => {
    const { file, open } = await fileOf(t, 'left');
    gfid = file.gfid;
    await open();
  });
  t.ok((await closed(volume, gfid!)) < 1000);
});

for (const kind of ['replicate', 'distribute', 'disperse', 'sharded'] as const) {
  t.test(`${kind}: what clients use is open on its bricks, and what they remove is not`, async t => {
    const several = await GlusterVolume.for(t, kind);
    const { client } = await servedVolume(t, several);
    const file = await client.create(client.root, 'f');
    const data = Buffer.alloc(LARGE, 'data');
    await client.write(file, data);
    await client.commit(file);
    const opens = async () => (await descriptorsOf(several)).map(paths => paths.length);
    t.ok(
      (await opens()).some(count => count > 0),
      `${(await opens()).join(' ')} after writing`,
    );
    t.ok((await client.read(file)).equals(data));
    for (let i = 0; i < 20; i++) await client.read(file, 4096, i * 4096);
    t.ok(
      (await opens()).every(count => count <= 4),
      `${(await opens()).join(' ')} after reading: a file is open once, and so is each block of one`,
    );
    await client.remove(client.root, 'f');
    const ms = await closed(several);
    t.ok(ms < (kind === 'sharded' ? IDLE_MAX_MS : 1000), `closed ${ms} ms after it was removed`);
    const left = several.bricks.flatMap(({ path }) => readdirSync(join(path, '.glusterfs/unlink')));
    t.strictSame(left, []);
  });
}

t.test('the rebalance daemon comes to files that are read and written', async t => {
  const several = await GlusterVolume.for(t, 'distribute');
  const { client } = await servedVolume(t, several);
  const names = Array.from({ length: 12 }, (_, i) => `file-${i}`);
  const files = new Map<string, { handle: Buffer; data: Buffer }>();
  for (const name of names) {
    const handle = await client.create(client.root, name);
    const data = Buffer.alloc(LARGE, name);
    await client.write(handle, data);
    files.set(name, { handle, data });
  }
  let moving = true;
  /** Reads a file, and writes every second one all over, a little at a time. The daemon leaves what is written where it is. */
  async function work(name: string, i: number): Promise<number> {
    const { handle, data } = files.get(name)!;
    let turn = 0;
    for (; moving; turn++) {
      if (i % 2 === 0) {
        const at = (turn * 12_289) % (LARGE - 64);
        data.write(`${name} turn ${turn}`, at);
        await client.write(handle, data.subarray(at, at + 64), at);
      }
      const from = (turn * 7919) % (LARGE - 4096);
      if (!(await client.read(handle, 4096, from)).equals(data.subarray(from, from + 4096)))
        throw new Error(`${name} at ${from}, turn ${turn}: other bytes than were written`);
    }
    return turn;
  }
  const working = Promise.all(names.map(work));
  const more = join(BED, 'bricks/more');
  mkdirSync(more);
  await gluster(
    `volume add-brick ${several.name} ${HOST}:${more} force`,
    `volume rebalance ${several.name} start force`,
  );
  await completed(`volume rebalance ${several.name} status`);
  moving = false;
  t.comment(`turns: ${(await working).join(' ')}`);
  t.ok(readdirSync(more).some(name => names.includes(name) && statSync(join(more, name)).size === LARGE));
  const mount = await several.mount(t);
  for (const [name, { handle, data }] of files) {
    t.ok((await client.read(handle)).equals(data), `${name} by us`);
    t.ok(readFileSync(join(mount, name)).equals(data), `${name} by GlusterFS's own client`);
  }
});
