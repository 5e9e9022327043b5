/** Listings that are read ahead, of a volume behind a connection: what is told, and what the brick is asked for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { DirList } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import { FileType } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { Listings } from '#src/master/readdir-ahead/listings.ts';
import { ReaddirAhead } from '#src/master/readdir-ahead/readdir-ahead.ts';
import { frame, stackOf, volumeOf, xlatorOf } from '../../support/graph.ts';
import { Failing } from '../../support/memory/failing.ts';

const NO_DEVICE = { major: 0, minor: 0 };
/** About six entries of the brick in memory, which counts them without attributes. */
const SIZE = 200;
const ALL = 1_000_000;

async function setup(t: Test, names: number, { layers = ['test/failing'], stages = 1 } = {}) {
  const { top, root, table } = await volumeOf(t, stackOf(...layers, 'test/memory'));
  const listings = new Listings();
  const ahead = new ReaddirAhead(top, table, stages, listings);
  const dirOf = async (name: string): Promise<Inode> => {
    const { iatt } = await top.mkdir(frame, root, name, {});
    const dir = table.link(iatt, root, name);
    for (let i = 0; i < names; i++) await top.mknod(frame, dir, `name-${i}`, FileType.REG, { mode: 0o644 }, NO_DEVICE);
    return dir;
  };
  return { top, table, listings, ahead, dirOf, dir: await dirOf('d') };
}

async function remote(t: Test, names = 30) {
  const all = await setup(t, names);
  const brick = xlatorOf(all.top, 'v1', Failing);
  /** The positions from which the brick was asked to list since this was last called. */
  const asked = () => {
    const calls = brick.calls.splice(0).filter(({ fop }) => fop === 'readdirp');
    return calls.map(({ args }) => args[3] as bigint);
  };
  asked();
  const page = (cookie: bigint, of: Frame = frame, size = SIZE): Promise<DirList> =>
    all.ahead.list(of, all.dir, 'readdirp', size, cookie);
  return { ...all, brick, asked, page };
}

const end = ({ entries }: DirList): bigint => entries.at(-1)!.cookie;
const namesOf = ({ entries }: DirList): string[] => entries.map(({ name }) => name);

/** A client of the same rights on another connection. */
const other = (client: string): Frame => ({ ...frame, client });

t.test('the brick is asked for the next batch while the client has the present one', async t => {
  const { page, asked, dir, top } = await remote(t);
  const first = await page(0n);
  t.strictSame(asked(), [0n, end(first)]);
  const second = await page(end(first));
  t.strictSame(asked(), [end(second)]);
  const told = [...namesOf(first), ...namesOf(second)];
  let list = second;
  while (!list.eof) told.push(...namesOf((list = await page(end(list)))));
  t.strictSame(told, namesOf(await top.readdirp(frame, dir.fd, ALL, 0n)));
});

t.test('a listing that one call answers is asked for once', async t => {
  const { page, asked, listings } = await remote(t, 3);
  t.ok((await page(0n)).eof);
  t.strictSame(asked(), [0n]);
  t.equal(listings.size, 0);
});

t.test('what the client did not take is not asked for again', async t => {
  const { page, asked, top, dir } = await remote(t, 60);
  const expected = namesOf(await top.readdirp(frame, dir.fd, ALL, 0n));
  asked();
  const told: string[] = [];
  let [cookie, isDone] = [0n, false];
  while (!isDone) {
    const list = await page(cookie);
    const taken = list.entries.slice(0, 4);
    told.push(...taken.map(({ name }) => name));
    cookie = taken.at(-1)!.cookie;
    isDone = list.eof && taken.length === list.entries.length;
  }
  t.strictSame(told, expected);
  const positions = asked();
  t.equal(new Set(positions).size, positions.length);
  t.ok(positions.length <= 6, 'more is read each time');
});

t.test('a change that was made since is seen, and less is read ahead of a directory that changes', async t => {
  const { page, asked, ahead, top, table, dir } = await remote(t, 120);
  let list = await page(0n);
  let calls = 0;
  for (let i = 0; i < 14; i++) {
    const { name, iatt } = (await top.readdirp(frame, dir.fd, SIZE, end(list))).entries[0]!;
    await top.setattr(frame, table.link(iatt!, dir, name), { mode: 0o600 + i });
    ahead.changed();
    asked();
    list = await page(end(list));
    t.equal(list.entries[0]!.iatt!.mode, 0o600 + i);
    calls += asked().length;
  }
  t.ok(calls <= 14 + 3, `14 pages took ${calls} calls`);
});

t.test('a change of another object leaves what was read ahead, as long as it is known which it was', async t => {
  const { page, asked, ahead } = await remote(t, 60);
  const other = Buffer.alloc(16, 7);
  let list = await page(0n);
  for (const changes of [0, 1, 256]) {
    for (let i = 0; i < changes; i++) ahead.changed(other);
    asked();
    const at = end(list);
    list = await page(at);
    t.notMatch(asked(), [at], `after ${changes} changes`);
  }
  for (let i = 0; i < 257; i++) ahead.changed(other);
  await page(end(list));
  t.match(asked(), [end(list)], 'after too many');
});

t.test('what was read too long ago is asked for again', async t => {
  const { page, asked, listings } = await remote(t);
  const first = await page(0n);
  asked();
  await sleep(1100);
  await page(end(first));
  t.strictSame(asked()[0], end(first));
  await sleep(2200);
  t.equal(listings.size, 0, 'what a client has not asked for is dropped');
});

t.test('callers get nothing that was read for others', async t => {
  const { page, asked } = await remote(t);
  const first = await page(0n);
  asked();
  await page(end(first), other('192.0.2.2'));
  t.equal(asked()[0], end(first));
});

t.test('a position of another part of the directory is asked for', async t => {
  const { page, asked } = await remote(t);
  const first = await page(0n);
  const second = await page(end(first));
  await page(end(second));
  asked();
  t.same(namesOf(await page(end(first))), namesOf(second));
  t.equal(asked()[0], end(first));
});

t.test('the failure of a batch that was read ahead is no failure of the client', async t => {
  const { page, brick, table } = await remote(t);
  const { inUse } = table.stats();
  brick.fail({ fop: 'readdirp', nth: 2, when: 'before', what: 'EIO' });
  const first = await page(0n);
  t.ok((await page(end(first))).entries.length > 0);
  brick.fail({ fop: 'readdirp', nth: 'each', when: 'before', what: 'EIO' });
  await t.rejects(page(0n), { code: 'EIO' });
  t.equal(table.stats().inUse, inUse);
});

t.test('two calls for the same part are both answered', async t => {
  const { page } = await remote(t);
  const first = await page(0n);
  const [one, two] = await Promise.all([page(end(first)), page(end(first))]);
  t.same(namesOf(one), namesOf(two));
});

t.test('a client has four listings at most, and all have sixteen', async t => {
  const { ahead, listings, dirOf, asked } = await remote(t);
  const dirs = await Promise.all(Array.from({ length: 6 }, (_, i) => dirOf(`d${i}`)));
  const begin = (dir: Inode, of: Frame) => ahead.list(of, dir, 'readdirp', SIZE, 0n);
  for (const dir of dirs) await begin(dir, frame);
  t.equal(listings.size, 4);
  for (let i = 0; i < 20; i++) await begin(dirs[0]!, other(`192.0.2.${i + 2}`));
  t.equal(listings.size, 16);
  const { entries } = await begin(dirs[5]!, frame);
  asked();
  await ahead.list(frame, dirs[5]!, 'readdirp', SIZE, entries.at(-1)!.cookie);
  t.equal(asked().length, 1, 'the one that was begun last is read ahead');
});

t.test('nothing is read ahead of a brick in this process, or if other stages serve the volume, too', async t => {
  for (const how of [{ layers: ['debug/trace'] }, { stages: 2 }]) {
    const { ahead, listings, dir } = await setup(t, 30, how);
    const { eof } = await ahead.list(frame, dir, 'readdirp', SIZE, 0n);
    t.notOk(eof);
    t.equal(listings.size, 0);
  }
});

/** What happens next: one of three clients gets a page, of which it takes a part, or something changes. */
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      client: fc.nat(2),
      fop: fc.constantFrom('readdir', 'readdirp'),
      size: fc.integer({ min: 1, max: 2 * SIZE }),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ changed: fc.nat(39), make: fc.boolean() }) },
);

t.test('whatever clients do, each is told what the brick would tell it now', async t => {
  const { ahead, top, table, dir } = await remote(t, 40);
  const clients = [0, 1, 2].map(i => other(`192.0.2.${i}`));
  const change = async (number: number, make: boolean, run: number) => {
    const name = `name-${number}`;
    if (make) {
      await top.mknod(frame, dir, `${name}-${run}`, FileType.REG, { mode: 0o644 }, NO_DEVICE).catch(() => {});
      ahead.changed();
    } else {
      const { iatt } = await top.lookup(frame, dir, name);
      await top.setattr(frame, table.link(iatt, dir, name), { mode: run & 0o777 });
      ahead.changed(iatt.gfid);
    }
  };
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async steps => {
      const cookies = [0n, 0n, 0n];
      for (const one of steps) {
        if ('changed' in one) {
          await change(one.changed, one.make, runs++);
          continue;
        }
        const { client, fop, size, part } = one;
        const cookie = cookies[client]!;
        const list = await ahead.list(clients[client]!, dir, fop, size, cookie);
        const now = await top[fop](frame, dir.fd, ALL, cookie);
        t.ok(list.entries.length > 0 || list.eof);
        if (list.eof) t.equal(list.entries.length, now.entries.length);
        t.same(list.entries, now.entries.slice(0, list.entries.length));
        const taken = list.entries.slice(0, Math.ceil(list.entries.length * part));
        cookies[client] = list.eof ? 0n : (taken.at(-1)?.cookie ?? cookie);
      }
    }),
    { numRuns: 60 },
  );
});
