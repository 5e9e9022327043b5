/**
 * Random changes of names by two clients of the same bricks, many at a time, while the connections of both to one brick
 * break now and then: whatever locks they keep, none waits for ever, and what the brick has missed is marked on the others.
 */
import { mock } from 'node:test';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { errnoOf } from '#src/errno.ts';
import type { Inode } from '#src/graph/inode.ts';
import type { Planned } from '../../../support/memory/failing.ts';
import { type Replicated, replicas } from './bricks.ts';
import { selfHeal } from './self-heal.ts';
import { settled } from './settled.ts';

const CLIENTS = 2;
const DIRECTORIES = ['d', 'e'];
const TICK_MS = 50;
const SLOW = { fop: ['create', 'unlink', 'rename', 'link', 'entrylk'], when: 'before', what: 'hang' } as const;
/** Longer than a lock is kept, and than names are locked one by one where two clients have met. */
const QUIET_TICKS = 120;

const anyClient = fc.nat({ max: CLIENTS - 1 });
const anyPlace = fc.record({ directory: fc.nat({ max: 1 }), name: fc.constantFrom('a', 'b', 'c', 'f', 'g') });

const anyChange = fc.record({
  do: fc.constantFrom('create', 'create', 'create', 'unlink', 'rename', 'rename within'),
  place: anyPlace,
  to: anyPlace,
});
type Change = typeof anyChange extends fc.Arbitrary<infer C> ? C : never;

/** Mostly it is one client that changes names for a while. */
const anyStep = fc.record({
  client: fc.constantFrom(0, 0, 0, 1),
  changes: fc.array(anyChange, { minLength: 1, maxLength: 8 }),
  /** How much happens before the next step, which does not wait for the changes of this one. */
  turns: fc.nat({ max: 8 }),
  ticks: fc.constantFrom(0, 0, 0, 0, 1, 110),
  connection: fc.option(
    fc.record({ client: anyClient, what: fc.constantFrom('connect', 'connect', 'disconnect', 'fail') }),
    { freq: 3 },
  ),
  nth: fc.integer({ min: 1, max: 8 }),
  /** A brick is slow with a call, until the step after the next one. */
  slow: fc.option(fc.record({ client: anyClient, brick: fc.nat({ max: 2 }), nth: fc.integer({ min: 1, max: 8 }) }), {
    freq: 2,
  }),
});
type Step = typeof anyStep extends fc.Arbitrary<infer S> ? S : never;

interface Client extends Replicated {
  readonly directories: readonly Inode[];
}

async function clientOf(t: Test, stores: string, isFirst: boolean): Promise<Client> {
  const volume = await replicas(t, '', 3, stores);
  const { top, frame, root, table, connections } = volume;
  for (const connection of connections) {
    const notify = connection.notify.bind(connection);
    connection.notify = (event, from) => void (event.kind !== 'upcall' && notify(event, from));
  }
  const directories = DIRECTORIES.map(async name => {
    if (isFirst) await top.mkdir(frame, root, name, { mode: 0o755 });
    return table.link((await top.lookup(frame, root, name)).iatt, root, name);
  });
  return { ...volume, directories: await Promise.all(directories) };
}

async function made({ top, frame, directories }: Client, change: Change): Promise<unknown> {
  const { place, to } = change;
  const [from, target] = [directories[place.directory]!, directories[to.directory]!];
  switch (change.do) {
    case 'create':
      return top.create(frame, from, place.name, { mode: 'guarded', attr: { mode: 0o644 } });
    case 'unlink':
      return top.unlink(frame, from, place.name);
    case 'rename':
      return top.rename(frame, from, place.name, target, to.name);
    case 'rename within':
      return top.rename(frame, from, place.name, from, to.name);
  }
}

let runs = 0;

async function run(t: Test, steps: readonly Step[], isBreaking: boolean) {
  const stores = `names-model-${++runs}`;
  const clients = [await clientOf(t, stores, true), await clientOf(t, stores, false)];
  let isUnsure = false;
  let left = 0;
  const ticks = async (count: number) => {
    for (let i = 0; i < count; i++) {
      mock.timers.tick(TICK_MS);
      await settled(3);
    }
  };
  const begin = async (client: Client, change: Change) => {
    left++;
    try {
      await made(client, change);
    } catch (error) {
      const code = errnoOf(error);
      if (code === undefined) throw error;
      if (code === 'ENOTCONN' || code === 'EIO') isUnsure = true;
    } finally {
      left--;
    }
  };
  const under: Promise<void>[] = [];
  const hanging: (Planned | undefined)[] = [];
  for (const { client, changes, turns, ticks: count, connection, nth, slow } of steps) {
    hanging.push(slow ? clients[slow.client]!.connections[slow.brick]!.fail({ ...SLOW, nth: slow.nth }) : undefined);
    if (hanging.length > 2) hanging.shift()?.resume();
    under.push(...changes.map(change => begin(clients[client]!, change)));
    const link = isBreaking && connection && clients[connection.client]!.connections[2]!;
    if (!link) await settled(1);
    else if (connection.what === 'fail') link.fail({ nth, when: nth % 2 === 0 ? 'before' : 'after', what: 'down' });
    else if (connection.what === 'connect') link.connect();
    else link.disconnect();
    await settled(turns);
    await ticks(count);
  }
  for (const plan of hanging) {
    plan?.cancel();
    plan?.resume();
  }
  for (let i = 0; i < 100 && left > 0; i++) await ticks(5);
  if (left > 0) throw new Error(`${left} changes wait for ever`);
  await Promise.all(under);
  await ticks(QUIET_TICKS);
  const [first] = clients;
  for (const { connections } of clients) for (const connection of connections) connection.connect();
  const other = { ...first!.frame, lkOwner: Buffer.from('another client') };
  for (const brick of first!.bricks)
    for (const directory of first!.directories) {
      await brick.entrylk(other, first!.top.name, directory, undefined, 'write', false);
      await brick.entrylk(other, first!.top.name, directory, undefined, 'unlock', false);
    }
  const marks = first!.marks().flat();
  const wrong = isBreaking ? marks.filter(mark => / dirty=/.test(mark) && !isUnsure) : marks;
  if (wrong.length > 0) throw new Error(`marked: ${wrong.join()}`);
  selfHeal(first!.bricks, isUnsure);
}

for (const isBreaking of [false, true]) {
  t.test(`two clients change the same names${isBreaking ? ', and connections break' : ''}`, async t => {
    mock.timers.enable({ apis: ['setInterval'] });
    t.teardown(() => mock.timers.reset());
    const seed = Number(process.env['MODEL_SEED'] ?? 1);
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 25, size: 'max' }), steps => run(t, steps, isBreaking)),
      { numRuns: 40, seed },
    );
  });
}
