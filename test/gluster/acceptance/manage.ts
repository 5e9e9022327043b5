/**
 * An administrator works on a volume with the command line of GlusterFS, one command after the other, while clients work:
 * none of them sees an error, and what can change in the running graph does not connect to the bricks again.
 *
 *     npx node test/gluster/acceptance/manage.ts --volume replicate [--seed N]
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import t, { type Test } from 'tap';
import { BED, enterBed, gluster, HOST } from '../support/bed.ts';
import type { Brick } from '../support/bricks.ts';
import { servedVolume } from '../support/serve.ts';
import { GlusterVolume, type Kind, KINDS } from '../support/volume.ts';
import { checkAll } from './check.ts';
import { Dice, Worker } from './load.ts';

const WORKERS = 3;
/** How many operations all workers together do between two commands. */
const BETWEEN = 30;
const POLL_MS = 50;

export interface Managed {
  readonly kind: Kind;
  readonly seed?: number;
}

interface Command {
  readonly title: string;
  /** No call is under way meanwhile. */
  readonly atRest?: true;
  run(volume: GlusterVolume, dice: Dice): Promise<unknown>;
}

/** One command, in which `VOL` stands for the volume. */
const command = (words: string): Command => ({
  title: words,
  run: ({ name }) => gluster(`volume ${words.replace('VOL', name)}`),
});

const anyBrick = ({ bricks }: GlusterVolume, dice: Dice): Brick => bricks[dice.below(bricks.length)]!;

/** Commands that a running graph takes over, or that do not concern it. */
const LIVE: readonly Command[] = [
  command('profile VOL start'),
  command('profile VOL info'),
  command('top VOL open'),
  command('top VOL read list-cnt 3'),
  command('profile VOL info incremental'),
  command('profile VOL stop'),
  command('set VOL client.event-threads 3'),
  command('set VOL network.ping-timeout 20'),
  command('set VOL diagnostics.client-log-level WARNING'),
  command('set VOL performance.cache-size 64MB'),
  {
    title: 'log VOL rotate of a brick',
    run: (volume, dice) => gluster(`volume log ${volume.name} rotate ${HOST}:${anyBrick(volume, dice).path}`),
  },
  command('statedump VOL'),
  command('clear-locks VOL / kind granted inode'),
  command('status VOL clients'),
  command('reset VOL network.ping-timeout'),
];

/** Not for volumes whose graph consists of what their options say. */
const RESET_ALL = command('reset VOL');

/** Commands for which bricks go and come back, or others take their place. */
const MOVING: readonly Command[] = [
  {
    title: 'a brick is killed and started on another port',
    run: async (volume, dice) => {
      await volume.signal(anyBrick(volume, dice).index, 'SIGKILL');
      await volume.start();
    },
  },
  {
    title: 'the volume is stopped, and started on other ports',
    // A change that all bricks leave in the middle may be done or not, and whether it is shows only after their heal.
    atRest: true,
    run: async volume => {
      await volume.stop();
      await volume.start();
    },
  },
];

/** Commands for volumes that can do without one brick. */
const REDUNDANT: readonly Command[] = [
  command('heal VOL full'),
  {
    title: 'reset-brick VOL',
    run: async (volume, dice) => {
      const { path } = anyBrick(volume, dice);
      const brick = `volume reset-brick ${volume.name} ${HOST}:${path}`;
      await gluster(`${brick} start`);
      await gluster(`${brick} ${HOST}:${path} commit force`);
    },
  },
  {
    title: 'replace-brick VOL',
    run: async (volume, dice) => {
      const { index, path } = anyBrick(volume, dice);
      mkdirSync(join(BED, 'bricks'), { recursive: true });
      const fresh = `${path}-new`;
      await gluster(`volume replace-brick ${volume.name} ${HOST}:${path} ${HOST}:${fresh} commit force`);
      volume.replaced(index, fresh);
    },
  },
];

export async function managedUnderLoad(t: Test, { kind, seed = Date.now() % 1e6 }: Managed): Promise<void> {
  const volume = await GlusterVolume.for(t, kind);
  const { client, server } = await servedVolume(t, volume);
  const workers = Array.from({ length: WORKERS }, (_, i) => new Worker(`w${i}`, client, seed + i));
  for (const worker of workers) await worker.start();
  const dice = new Dice(seed + 99);
  let failure: Error | undefined;
  let running: Promise<unknown>[] = [];
  const start = () => {
    running = workers.map(worker => worker.run().catch((error: Error) => (failure ??= error)));
  };
  const stop = () => {
    for (const worker of workers) worker.stop();
    return Promise.all(running);
  };
  const operations = () => workers.reduce((sum, worker) => sum + worker.operations, 0);
  const connections = () => server.stderr.text.match(/the brick is connected/g)?.length ?? 0;
  const isRedundant = KINDS[kind].words !== '';
  const live = Object.keys(KINDS[kind].options).length > 0 ? LIVE : [...LIVE, RESET_ALL];

  const run = async (commands: readonly Command[]) => {
    for (const one of commands) {
      const before = operations();
      if (one.atRest) await stop();
      await one.run(volume, dice);
      if (one.atRest) start();
      while (failure === undefined && operations() < before + BETWEEN) await sleep(POLL_MS);
      t.equal(failure?.stack, undefined, `${one.title} (seed ${seed})`);
      if (isRedundant && !live.includes(one)) await volume.healed();
    }
  };
  start();
  while (failure === undefined && operations() < BETWEEN) await sleep(POLL_MS);
  const connected = connections();
  await run(live);
  t.equal(connections(), connected, 'no brick was connected to again');
  if (isRedundant) await volume.healFast();
  await run(MOVING);
  if (isRedundant) await run(REDUNDANT);
  await stop();
  t.equal(failure?.stack, undefined, `no client saw an error (seed ${seed})`);
  t.comment(`${kind}: ${operations()} operations, JUKEBOX ${client.jukeboxes}`);
  await checkAll(t, volume, client, workers);
}

if (import.meta.main) {
  enterBed(import.meta.filename);
  const { values } = parseArgs({
    options: { volume: { type: 'string', default: 'replicate' }, seed: { type: 'string' } },
  });
  t.setTimeout(3600 * 1000);
  await t.test(`commands on a ${values.volume} volume`, async t => {
    const { volume, seed } = values;
    await managedUnderLoad(t, { kind: volume as Kind, ...(seed && { seed: Number(seed) }) });
  });
}
