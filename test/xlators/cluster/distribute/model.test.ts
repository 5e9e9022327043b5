/**
 * Two clients change names in one directory while the rebalance daemon gives it other layouts and moves files; connections
 * break at any call, and clients vanish. Afterwards each client's names are as it was told: none is lost, none is listed
 * twice, and none is back that was removed.
 */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { errnoOf } from '#src/errno.ts';
import { Daemon } from './daemon.ts';
import { Client, newStore } from './support.ts';

/** What a client's names lead to: the text of a file, or `undefined` for a directory. */
type World = Readonly<Record<string, string | undefined>>;

type Action =
  | { readonly do: 'create' | 'unlink' | 'mkdir' | 'rmdir' | 'read'; readonly name: string; readonly to?: undefined }
  | { readonly do: 'rename' | 'link'; readonly name: string; readonly to: string };

interface Trouble {
  readonly client: number;
  readonly child: number;
  readonly nth: number;
  readonly when: 'before' | 'after';
  /** Only the connection breaks, or the client vanishes. */
  readonly what: 'down' | 'vanish';
}

/** What happens at the same time. */
interface Round {
  readonly actions: readonly [Action, Action];
  readonly trouble: Trouble | undefined;
  /** Which children get the ranges of the new layout, in this order, after which files are moved. */
  readonly layout: readonly number[] | undefined;
  readonly checks: boolean;
}

const CHILDREN = 3;
const file = fc.constantFrom('f0', 'f1', 'f2', 'f3');
const directory = fc.constantFrom('d0', 'd1');

const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('create'), name: file }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('unlink', 'read'), name: file }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('rename'), name: file, to: file }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('link'), name: file, to: file }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('mkdir', 'mkdir', 'rmdir'), name: directory }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rename'), name: directory, to: directory }) },
) as fc.Arbitrary<Action>;

const round: fc.Arbitrary<Round> = fc.record({
  actions: fc.tuple(action, action),
  trouble: fc.option(
    fc.record({
      client: fc.constantFrom(0, 1),
      child: fc.integer({ min: 0, max: CHILDREN - 1 }),
      nth: fc.integer({ min: 1, max: 14 }),
      when: fc.constantFrom('before' as const, 'after' as const),
      what: fc.constantFrom('down' as const, 'vanish' as const),
    }),
    { nil: undefined, freq: 3 },
  ),
  layout: fc.option(fc.shuffledSubarray([0, 1, 2], { minLength: CHILDREN }), { nil: undefined, freq: 2 }),
  checks: fc.integer({ min: 0, max: 3 }).map(value => value === 0),
});

const without = (world: World, name: string): World =>
  Object.fromEntries(Object.entries(world).filter(([one]) => one !== name));

/** The world after an action; `undefined` if it cannot be done. */
function after(world: World, action: Action, text: string): World | undefined {
  const { name } = action;
  const isThere = name in world;
  if (action.do === 'create') return isThere ? undefined : { ...world, [name]: text };
  if (action.do === 'mkdir') return isThere ? undefined : { ...world, [name]: undefined };
  if (!isThere) return undefined;
  if (action.do === 'read') return world;
  if (action.do === 'unlink' || action.do === 'rmdir') return without(world, name);
  if (action.to === undefined) return undefined;
  if (action.do === 'link') return action.to in world ? undefined : { ...world, [action.to]: world[name] };
  // Names of one file both stay.
  return action.to in world && world[name] === world[action.to] && world[name] !== undefined
    ? world
    : { ...without(world, name), [action.to]: world[name] };
}

/** The worlds in which an action may end that was broken off: with the old state, the new one, or both names. */
function broken(world: World, action: Action, text: string): World[] {
  const done = after(world, action, text);
  if (done === undefined) return [world];
  const both = action.do === 'rename' && world[action.name] !== undefined ? [{ ...world, ...done }] : [];
  // A file that was made may be without its text.
  const made = action.do === 'create' ? [{ ...world, [action.name]: '' }] : [];
  return [world, done, ...both, ...made];
}

const keyOf = (world: World): string =>
  JSON.stringify(
    Object.entries(world)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, text]) => [name, text ?? null]),
  );

class Run {
  readonly #t: Test;
  readonly #store = newStore();
  readonly #clients: Client[] = [];
  #daemon: Daemon | undefined;
  #daemonClient: Client | undefined;
  /** For each client the worlds that it may see. */
  #worlds: (readonly World[])[] = [[{}], [{}]];
  #texts = 0;

  constructor(t: Test) {
    this.#t = t;
  }

  async start(): Promise<void> {
    const first = await Client.of(this.#t, this.#store);
    await first.hand.dir('d');
    this.#clients.push(first, await Client.of(this.#t, this.#store));
    this.#daemonClient = await Client.of(this.#t, this.#store);
    this.#daemon = new Daemon(this.#daemonClient);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#clients, this.#daemonClient!].map(client => client.stop()));
  }

  async round({ actions, trouble, layout, checks }: Round): Promise<void> {
    let vanished = -1;
    const plan = trouble && this.#plan(trouble, client => (vanished = client));
    const rebalanced = layout === undefined ? Promise.resolve() : this.#rebalance(layout);
    await Promise.all(actions.map((action, client) => this.#act(client, action, trouble?.client === client)));
    plan?.cancel();
    await rebalanced;
    if (vanished >= 0) {
      await this.#clients[vanished]!.stop();
      this.#clients[vanished] = await Client.of(this.#t, this.#store);
    }
    for (const client of this.#clients) for (const brick of client.bricks) brick.connect();
    if (checks) await this.check();
  }

  #plan({ client, child, nth, when, what }: Trouble, vanish: (client: number) => void) {
    const plan = this.#clients[client]!.brick(child).fail({ nth, when, what: 'down' });
    void plan.happened.then(() => {
      if (what === 'down') return;
      vanish(client);
      this.#clients[client]!.vanish();
    });
    return plan;
  }

  async #rebalance(order: readonly number[]): Promise<void> {
    const daemon = this.#daemon!;
    const { hand } = this.#daemonClient!;
    await daemon.begin();
    const d = await hand.lookup(hand.root, 'd');
    await daemon.relayout(d, order);
    await daemon.rebalance(d, '/d');
  }

  async #act(client: number, action: Action, isTroubled: boolean): Promise<void> {
    const text = `text ${++this.#texts}`;
    const worlds = this.#worlds[client]!;
    let now: readonly World[];
    try {
      const read = await this.#do(client, action, text);
      now = worlds.map(world => after(world, action, text)).filter(world => world !== undefined);
      if (action.do === 'read') now = now.filter(world => world[action.name] === read);
    } catch (error) {
      const code = errnoOf(error);
      if (code === undefined) throw error;
      now = isTroubled
        ? worlds.flatMap(world => broken(world, action, text))
        : worlds.filter(world => after(world, action, text) === undefined);
      if (now.length === 0) throw new Error(`${JSON.stringify(action)} of ${client} failed: ${code}`, { cause: error });
    }
    if (now.length === 0) throw new Error(`${JSON.stringify(action)} of ${client} was done, which cannot be`);
    this.#worlds[client] = [...new Map(now.map(world => [keyOf(world), world])).values()];
  }

  async #do(client: number, action: Action, text: string): Promise<string | undefined> {
    const { hand } = this.#clients[client]!;
    const { top, frame } = hand;
    const named = (name: string) => `${client}-${name}`;
    const d = await hand.lookup(hand.root, 'd');
    const name = named(action.name);
    if (action.do === 'create') await hand.file(name, text, d);
    else if (action.do === 'mkdir') await hand.dir(name, d);
    else if (action.do === 'unlink') await top.unlink(frame, d, name);
    else if (action.do === 'rmdir') await top.rmdir(frame, d, name);
    else if (action.do === 'rename') await top.rename(frame, d, name, d, named(action.to));
    else if (action.do === 'link') await top.link(frame, await hand.lookup(d, name), d, named(action.to));
    else return hand.content(await hand.lookup(d, name));
    return undefined;
  }

  /** What another client sees is what each client was told. */
  async check(): Promise<void> {
    const client = await Client.of(this.#t, this.#store);
    const tree = await client.tree(await client.hand.lookup(client.hand.root, 'd'));
    for (const [number, worlds] of this.#worlds.entries()) {
      const own = [...tree].filter(([path]) => path.startsWith(`/${number}-`));
      const shown = Object.fromEntries(own.map(([path, text]) => [path.slice(3), text]));
      const possible = worlds.filter(world => keyOf(world) === keyOf(shown));
      if (possible.length === 0) {
        throw new Error(`client ${number} has ${keyOf(shown)}, expected one of ${worlds.map(keyOf).join(' ')}`);
      }
      this.#worlds[number] = possible;
    }
    if (!client.layout('/d').isWhole) throw new Error('the layout is not whole');
    await client.stop();
  }
}

async function run(t: Test, rounds: readonly Round[]): Promise<void> {
  const run = new Run(t);
  await run.start();
  for (const one of rounds) await run.round(one);
  await run.check();
  // Whatever was left behind must not come to light when files are moved once more.
  await run.round({ actions: [NOTHING, NOTHING], trouble: undefined, layout: [1, 2, 0], checks: true });
  await run.round({ actions: [NOTHING, NOTHING], trouble: undefined, layout: [2, 0, 1], checks: true });
  await run.stop();
}

const NOTHING: Action = { do: 'rmdir', name: 'none' };

/** The same steps each time, unless MODEL_SEED says otherwise. */
const SEED = Number(process.env['MODEL_SEED'] ?? 1);
const RUNS = Number(process.env['MODEL_RUNS'] ?? 30);

t.setTimeout(600_000);

t.test('random changes of names, with faults', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(round, { maxLength: 14, size: 'max' }), rounds => run(t, rounds)),
    { numRuns: RUNS, seed: SEED },
  );
});
