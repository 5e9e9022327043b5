/** Dispersed volumes of real GlusterFS: fragments, healing, and GlusterFS's own client beside ours. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { errnoOf } from '#src/errno.ts';
import { type CreateHow, Stable } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { ProtocolClient } from '#src/xlators/protocol/client/client.ts';
import { Codec } from '#src/xlators/cluster/disperse/codec/codec.ts';
import { envOf, frame, keptLog, TEST_XLATORS, volumeOf } from '../support/graph.ts';
import { twoStepSuite } from '../suites/two-step.ts';
import { Hand } from '../suites/xlator/hand.ts';
import { xlatorSuite } from '../suites/xlator.ts';
import { enterBed, gluster, HOST } from './support/bed.ts';
import { xattrsOf } from './support/bricks.ts';
import { listingsUnderKills } from './support/listings.ts';
import { GlusterVolume } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(600_000);

t.test('a listing goes on when its brick is killed', t => listingsUnderKills(t, 'disperse'));

const registry = { ...TEST_XLATORS, 'protocol/client': async () => ProtocolClient };
const guarded: CreateHow = { mode: 'guarded', attr: { mode: 0o644 } };
const codec = new Codec(3, 2);

/** Bytes that no other offset has the like of nearby. */
const bytes = (length: number, seed: number) => {
  const data = Buffer.alloc(length);
  for (let i = 0; i < length; i++) data[i] = (i * 7 + (i >> 8) + seed * 31) & 255;
  return data;
};

/**
 * Our graph over the volume. The FUSE client may wait for a lock that this process gives up, so that the test must not
 * block in a call to the mount. Calls are repeated while too few bricks are connected, as NFS clients do.
 */
class Ours {
  readonly volume: GlusterVolume;
  readonly graph: Awaited<ReturnType<typeof volumeOf>>;
  readonly lines: readonly Record<string, unknown>[];

  private constructor(
    volume: GlusterVolume,
    graph: Awaited<ReturnType<typeof volumeOf>>,
    lines: readonly Record<string, unknown>[],
  ) {
    this.volume = volume;
    this.graph = graph;
    this.lines = lines;
  }

  static async over(t: Test, volume: GlusterVolume): Promise<Ours> {
    const { log, lines } = keptLog();
    const names = volume.bricks.map(({ index }) => `${volume.name}-client-${index}`);
    const clients = volume.bricks.map(
      ({ path }, i) => `volume ${names[i]}
 type protocol/client
 option remote-host ${HOST}
 option remote-subvolume ${path}
end-volume
`,
    );
    const text = `${clients.join('')}volume ${volume.name}-disperse-0
 type cluster/disperse
 option redundancy 1
 subvolumes ${names.join(' ')}
end-volume
volume ${volume.name}-utime
 type features/utime
 subvolumes ${volume.name}-disperse-0
end-volume
volume ${volume.name}
 type features/two-step
 subvolumes ${volume.name}-utime
end-volume
`;
    const graph = await volumeOf(t, text, { registry, env: envOf({ log }) });
    const ours = new Ours(volume, graph, lines);
    await ours.all();
    return ours;
  }

  /** Waits until all bricks are connected. */
  async all(): Promise<void> {
    const disperse = this.graph.graph.xlators.get(`${this.volume.name}-disperse-0`)!;
    for (let turn = 0; disperse.dump()['up'] !== 3; turn++) {
      if (turn > 600) throw new Error('not all bricks are connected');
      await sleep(50);
    }
  }

  async patiently<T>(call: () => Promise<T>): Promise<T> {
    for (let turn = 0; ; turn++) {
      try {
        return await call();
      } catch (error) {
        if (errnoOf(error) !== 'ENOTCONN' || turn > 300) throw error;
        await sleep(100);
      }
    }
  }

  async create(name: string): Promise<Inode> {
    const { top, root, table } = this.graph;
    return table.link((await this.patiently(() => top.create(frame, root, name, guarded))).iatt, root, name);
  }

  async lookup(name: string): Promise<Inode> {
    return this.graph.find(name);
  }

  async write(inode: Inode, data: Buffer, offset: number, stable: Stable = Stable.UNSTABLE): Promise<void> {
    const { count } = await this.patiently(() => this.graph.top.writev(frame, inode.fd, data, offset, stable));
    if (count !== data.length) throw new Error(`${count} of ${data.length} bytes were written`);
  }

  async read(inode: Inode, size: number, offset = 0): Promise<Buffer> {
    const { data, release } = await this.patiently(() => this.graph.top.readv(frame, inode.fd, size, offset));
    const copy = Buffer.from(data);
    release?.();
    return copy;
  }

  commit(inode: Inode): Promise<unknown> {
    return this.patiently(() => this.graph.top.fsync(frame, inode.fd, false));
  }
}

/** What each brick must have of a file with this content. */
function fragmentsOf(content: Buffer): Buffer[] {
  const rest = (codec.stripe - (content.length % codec.stripe)) % codec.stripe;
  return codec.encode(Buffer.concat([content, Buffer.alloc(rest)]));
}

const sha = (data: Buffer) => createHash('sha256').update(data).digest('hex');

/** Compares each brick's fragment with a fresh encoding. */
function checkBricks(t: Test, volume: GlusterVolume, name: string, content: Buffer): void {
  const fragments = fragmentsOf(content);
  for (const { index, path } of volume.bricks) {
    t.equal(sha(readFileSync(join(path, name))), sha(fragments[index]!), `the fragment of ${name} on brick ${index}`);
  }
}

/** Waits until the locks are given up and all marks are gone. */
async function settled(volume: GlusterVolume, name: string): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    const marks = volume.bricks.flatMap(brick => Object.values(xattrsOf(brick, name, 'trusted.ec.dirty')));
    if (marks.every(value => /^0*$/.test(value))) return;
    await sleep(100);
  }
  throw new Error(`${name} stays marked`);
}

t.test('fragments are those that FUSE writes, and each reads what the other has written', async t => {
  const volume = await GlusterVolume.for(t, 'disperse');
  const ours = await Ours.over(t, volume);
  const mount = await volume.mount(t);
  for (const length of [1, 511, 1024, 5000, 300_000]) {
    const data = bytes(length, length);
    const inode = await ours.create(`ours-${length}`);
    await ours.write(inode, data, 0);
    await ours.commit(inode);
    await writeFile(join(mount, `fuse-${length}`), data);
    await settled(volume, `fuse-${length}`);
    checkBricks(t, volume, `ours-${length}`, data);
    checkBricks(t, volume, `fuse-${length}`, data);
    t.ok((await readFile(join(mount, `ours-${length}`))).equals(data), 'FUSE reads ours');
    const theirs = await ours.lookup(`fuse-${length}`);
    t.ok((await ours.read(theirs, length + 10)).equals(data), 'we read theirs');
    const { size } = await ours.graph.top.stat(frame, theirs);
    t.equal(size, length);
  }
  // Cut, extended, with a hole, and written at odd offsets.
  const inode = await ours.lookup('fuse-5000');
  const { top } = ours.graph;
  await top.setattr(frame, inode, { size: 3001 });
  await ours.write(inode, Buffer.from('at the end'), 9001);
  await top.setattr(frame, inode, { size: 9005 });
  await top.setattr(frame, inode, { size: 20_000 });
  const expected = Buffer.alloc(20_000);
  bytes(5000, 5000).copy(expected, 0, 0, 3001);
  expected.write('at t', 9001);
  await ours.commit(inode);
  t.ok((await readFile(join(mount, 'fuse-5000'))).equals(expected));
  checkBricks(t, volume, 'fuse-5000', expected);
  const list = await top.readdirp(frame, ours.graph.root.fd, 65_536, 0n);
  const sizes = new Map(list.entries.map(({ name, iatt }) => [name, iatt?.size]));
  t.equal(sizes.get('ours-300000'), 300_000, 'a listing has the sizes of files');
  await settled(volume, 'fuse-5000');
  t.strictSame(await volume.unhealed(), []);
});

t.test('a brick is killed while a file is written, and healed', async t => {
  const volume = await GlusterVolume.for(t, 'disperse');
  const ours = await Ours.over(t, volume);
  for (const [brick, when] of ['before', 'while', 'after'].entries()) {
    const name = `f-${when}`;
    const inode = await ours.create(name);
    const content = bytes(200_000, brick);
    if (when === 'before') await volume.signal(brick, 'SIGKILL');
    const writes: Promise<void>[] = [];
    for (let at = 0; at < content.length; at += 7000) {
      writes.push(ours.write(inode, content.subarray(at, at + 7000), at));
      if (when === 'while' && at === 70_000) writes.push(volume.signal(brick, 'SIGKILL'));
    }
    await Promise.all(writes);
    if (when === 'after') await volume.signal(brick, 'SIGKILL');
    await ours.write(inode, Buffer.from('last'), 12_345);
    content.write('last', 12_345);
    await ours.commit(inode);
    t.ok((await ours.read(inode, content.length)).equals(content), `${when}: read without the brick`);
    await volume.start();
    await ours.all();
    t.ok((await ours.read(inode, content.length)).equals(content), `${when}: read with the stale brick`);
    await ours.write(inode, Buffer.from('stale'), 100_001);
    content.write('stale', 100_001);
    await ours.commit(inode);
    await volume.healed();
    t.ok((await ours.read(inode, content.length)).equals(content), `${when}: read after the heal`);
    checkBricks(t, volume, name, content);
  }
});

t.test('two clients write one file at the same time', async t => {
  const volume = await GlusterVolume.for(t, 'disperse');
  const ours = await Ours.over(t, volume);
  const mount = await volume.mount(t);
  const inode = await ours.create('f');
  const content = Buffer.alloc(120_000);
  const file = await open(join(mount, 'f'), 'r+');
  const began = performance.now();
  // Odd blocks are ours, even ones theirs, and most stripes are shared.
  const block = 1500;
  for (let i = 0; i < content.length / block; i++) {
    const data = bytes(block, i);
    data.copy(content, i * block);
    if (i % 2 === 0) await file.write(data, 0, block, i * block);
    else await ours.write(inode, data, i * block);
  }
  await file.sync();
  await file.close();
  await ours.commit(inode);
  t.ok(performance.now() - began < 40_000, 'each gives its lock up when the other wants it');
  t.ok((await ours.read(inode, content.length)).equals(content));
  t.ok((await readFile(join(mount, 'f'))).equals(content));
  await settled(volume, 'f');
  checkBricks(t, volume, 'f', content);
  t.strictSame(await volume.unhealed(), []);
});

/** A dispersed volume for the suites, which each test begins with nothing in it. */
let shared: GlusterVolume | undefined;

async function emptied(t: Test) {
  shared ??= await GlusterVolume.make('disperse');
  await purged(shared);
  const { graph } = await Ours.over(t, shared);
  await clear(new Hand(graph), graph.root);
  return graph;
}

/**
 * Waits until the heal daemon has taken files that were removed while they were marked out of its lists: a graph that
 * starts while something is listed there cannot know that a brick is healthy, and lists files without attributes.
 */
async function purged(volume: GlusterVolume): Promise<void> {
  const isListed = ({ path }: { readonly path: string }) =>
    readdirSync(join(path, '.glusterfs/indices/xattrop')).some(name => !name.startsWith('xattrop-'));
  for (let turn = 0; volume.bricks.some(isListed); turn++) {
    if (turn > 60) throw new Error('something stays listed as to be healed');
    if (turn % 5 === 0) await gluster(`volume heal ${volume.name}`).catch(() => {}); // It may not be ready.
    await sleep(200);
  }
}

async function clear(hand: Hand, directory: Inode): Promise<void> {
  const { top } = hand;
  for (const { name } of await hand.names('readdir', directory, 65_536)) {
    if (name.startsWith('.')) continue;
    const inode = await hand.lookup(directory, name);
    if (inode.type === FileType.DIR) {
      await clear(hand, inode);
      await top.rmdir(frame, directory, name);
    } else await top.unlink(frame, directory, name);
  }
}

twoStepSuite(t, 'a dispersed volume', emptied);
xlatorSuite(t, 'two-step over a dispersed volume', emptied);

t.teardown(() => shared?.remove());
