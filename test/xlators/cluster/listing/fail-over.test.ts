/**
 * Listings whose bricks go away in the middle: every name that is there from the beginning to the end of a listing is told
 * once, whatever happens to other names and to the bricks meanwhile. The bricks have different orders, as ext4's are.
 */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { errnoOf } from '#src/errno.ts';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import { subtree } from '#src/graph/subtree.ts';
import type { Xlator } from '#src/graph/xlator.ts';
import { frame, volumeOf, xlatorOf } from '../../../support/graph.ts';
import { Failing } from '../../../support/memory/failing.ts';
import { Memory } from '../../../support/memory/memory.ts';
import { bricks } from '../disperse/bricks.ts';
import { settled } from '../replicate/settled.ts';

t.setTimeout(600_000);

const brick = (i: number) =>
  `volume m${i}\n type test/memory\nend-volume\nvolume b${i}\n type test/failing\n subvolumes m${i}\nend-volume\n`;
const set = (name: string, from: number) =>
  `${[0, 1, 2].map(i => brick(from + i)).join('')}volume ${name}\n type cluster/replicate\n subvolumes b${from} b${from + 1} b${from + 2}\nend-volume\n`;

const KINDS = {
  replicate: set('r', 0),
  disperse: bricks(3, 1),
  'distributed-replicate': `${set('r0', 0)}${set('r1', 3)}volume d\n type cluster/distribute\n subvolumes r0 r1\nend-volume\n`,
} as const;
type Kind = keyof typeof KINDS;

async function volumeFor(t: Test, kind: Kind, order: 'hashed' | 'made', text: string = KINDS[kind]) {
  const { top, root } = await volumeOf(t, text);
  const stores = subtree(top).filter(xlator => xlator instanceof Memory);
  if (order === 'hashed') for (const [i, { tree }] of stores.entries()) tree.store.seed = `seed ${i}`;
  const connections = stores.map((_, i) => xlatorOf(top, `b${i}`, Failing));
  const { iatt } = await top.mkdir(frame, root, 'd', {});
  const dir = new Inode(iatt.gfid, FileType.DIR);
  const make = async (name: string) => {
    await top.mknod(frame, dir, name, FileType.REG, { mode: 0o644 }, { major: 0, minor: 0 });
  };
  /** Has the layer give up its locks, so that what bricks have missed is recorded. */
  const release = async () => {
    top.notify({ kind: 'upcall', gfid: dir.gfid, about: 'contention' });
    await settled(30);
  };
  return { top, dir, connections, make, release };
}

type Volume = Awaited<ReturnType<typeof volumeFor>>;

/** One client that lists. */
class Lister {
  readonly told: string[] = [];
  isDone = false;
  #cookie = 0n;
  readonly #volume: Volume;

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  /** Lists a page, of which it takes a part, as an NFS reply does that has room for no more. */
  async page(size: number, part: number, fop: 'readdir' | 'readdirp'): Promise<readonly string[]> {
    const { top, dir } = this.#volume;
    for (let tries = 0; ; tries++) {
      try {
        const { entries, eof } = await top[fop](frame, dir.fd, size, this.#cookie);
        const taken = entries.slice(0, Math.max(1, Math.ceil(entries.length * part)));
        const names = taken.map(({ name }) => name);
        this.told.push(...names);
        this.#cookie = taken.at(-1)?.cookie ?? this.#cookie;
        this.isDone = eof && taken.length === entries.length;
        return names;
      } catch (error) {
        if (errnoOf(error) !== 'EJUKEBOX' || tries > 100) throw error;
      }
    }
  }
}

type Step =
  | {
      readonly do: 'page';
      readonly lister: number;
      readonly size: number;
      readonly part: number;
      readonly plus: boolean;
    }
  | { readonly do: 'down'; readonly brick: number }
  | { readonly do: 'up' }
  | { readonly do: 'make' | 'remove'; readonly name: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('page'),
      lister: fc.nat(2),
      size: fc.integer({ min: 1, max: 400 }),
      part: fc.double({ min: 0.1, max: 1, noNaN: true }),
      plus: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('down'), brick: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('up') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('make', 'remove'), name: fc.nat(19) }) },
) as fc.Arbitrary<Step>;

const STABLE = Array.from({ length: 30 }, (_, i) => `stable-${i}`);

async function follow(t: Test, kind: Kind, order: 'hashed' | 'made', steps: readonly Step[]): Promise<void> {
  const volume = await volumeFor(t, kind, order);
  const { top, dir, connections, make, release } = volume;
  for (const name of STABLE) await make(name);
  await release();
  const others = new Set<string>();
  const listers = [0, 1, 2].map(() => new Lister(volume));
  let down: number | undefined;
  /** The brick of each set that has missed a change. It is the only one that may go down, as no daemon heals it here. */
  const stale = new Map<number, number>();
  const connect = async () => {
    for (const connection of connections) connection.connect();
    down = undefined;
    await settled(20);
  };
  for (const step of steps) {
    if (step.do === 'up') await connect();
    if (step.do === 'down') {
      await connect();
      down = step.brick % connections.length;
      down = stale.get(Math.floor(down / 3)) ?? down;
      connections[down]!.disconnect();
    }
    if (step.do === 'make' || step.do === 'remove') {
      const name = `other-${step.name}`;
      if (others.has(name) === (step.do === 'make')) continue;
      if (step.do === 'make') await make(name).then(() => others.add(name));
      else await top.unlink(frame, dir, name).then(() => others.delete(name));
      await release();
      if (down !== undefined) stale.set(Math.floor(down / 3), down);
    }
    if (step.do === 'page') {
      const lister = listers[step.lister]!;
      if (!lister.isDone) await lister.page(step.size, step.part, step.plus ? 'readdirp' : 'readdir');
    }
  }
  for (const lister of listers) {
    while (!lister.isDone) await lister.page(200, 1, 'readdir');
    const told = lister.told.filter(name => name.startsWith('stable') || name.startsWith('.'));
    const wrong = ['.', '..', ...STABLE].filter(name => told.filter(one => one === name).length !== 1);
    if (wrong.length > 0) throw new Error(`${wrong.join()} not once in ${lister.told.join()}`);
  }
}

for (const kind of Object.keys(KINDS) as Kind[]) {
  t.test(`${kind}: names that do not change are told once, whatever bricks go away`, async t => {
    const anySteps = fc.array(step, { maxLength: 40, size: 'max' });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('hashed', 'made'), anySteps, (order, steps) => follow(t, kind, order, steps)),
      { numRuns: Number(process.env['LISTING_RUNS'] ?? 30) },
    );
  });
}

t.test('a tree is removed while the brick that lists it goes away', async t => {
  for (const kind of ['replicate', 'disperse'] as const) {
    for (const down of [0, 1, 2]) {
      const volume = await volumeFor(t, kind, 'hashed');
      const { top, dir, connections } = volume;
      for (const name of STABLE) await volume.make(name);
      const lister = new Lister(volume);
      for (let page = 0; !lister.isDone; page++) {
        if (page === 2) connections[down]!.disconnect();
        const names = await lister.page(200, 1, 'readdirp');
        for (const name of names) if (!name.startsWith('.')) await top.unlink(frame, dir, name);
        await volume.release();
      }
      t.equal(lister.told.length, STABLE.length + 2);
      await t.resolves(top.rmdir(frame, new Inode(ROOT_GFID, FileType.DIR), 'd'), `${kind} without brick ${down}`);
      await settled(20);
    }
  }
});

t.test('what was told is forgotten when the server starts anew', async t => {
  const stores = ['a', 'b', 'c'].map(name => `listing-${process.pid}-${name}`);
  const text = stores.reduce(
    (text, name, i) => text.replace(`volume m${i}\n type test/memory\n`, `$& option store ${name}\n`),
    KINDS.replicate as string,
  );
  const before = await volumeFor(t, 'replicate', 'hashed', text);
  for (const name of STABLE) await before.make(name);
  const { top: after } = await volumeOf(t, text);
  const page = async (top: Xlator, cookie: bigint) => {
    const { entries } = await top.readdir(frame, before.dir.fd, 200, cookie);
    return entries.at(-1)!.cookie;
  };
  const first = await page(before.top, 0n);
  const read = before.connections.findIndex(({ calls }) => calls.some(({ fop }) => fop === 'readdir'));
  await page(after, first);
  for (const top of [before.top, after]) xlatorOf(top, `b${read}`, Failing).disconnect();
  const second = await page(before.top, first);
  await page(before.top, second);
  await t.rejects(page(after, first), { code: 'EJUKEBOX' }, 'it can go on when the brick comes back');
  await t.rejects(page(after, second), { code: 'EINVAL' }, 'it can only begin anew');
});
