/**
 * Bricks are killed at random moments, one at a time, while clients work: none of them sees an error, and afterwards all
 * bricks have what was acknowledged.
 *
 *     npx node test/gluster/acceptance/kills.ts --volume replicate --kills 100 [--upcalls] [--seed N]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import t, { type Test } from 'tap';
import { enterBed } from '../support/bed.ts';
import { servedVolume } from '../support/serve.ts';
import { GlusterVolume, type Kind } from '../support/volume.ts';
import { checkAll } from './check.ts';
import { Dice, Worker } from './load.ts';

const WORKERS = 4;
/** How long a brick stays away at most, and how long it is left alone at most after it is healed. */
const AWAY_MS = 2500;
const BETWEEN_MS = 400;

export interface Kills {
  readonly kind: Kind;
  readonly kills: number;
  readonly upcalls?: boolean;
  readonly seed?: number;
}

export async function killsUnderLoad(t: Test, { kind, kills, upcalls = false, seed = Date.now() % 1e6 }: Kills) {
  const options: Record<string, string> = upcalls ? { 'features.cache-invalidation': 'on' } : {};
  const volume = await GlusterVolume.for(t, kind, options);
  const { client } = await servedVolume(t, volume);
  const workers = Array.from({ length: WORKERS }, (_, i) => new Worker(`w${i}`, client, seed + i));
  for (const worker of workers) await worker.start();
  const dice = new Dice(seed + 99);
  let failure: Error | undefined;
  const running = workers.map(worker => worker.run().catch((error: Error) => (failure ??= error)));
  for (let kill = 1; kill <= kills && failure === undefined; kill++) {
    await sleep(dice.below(BETWEEN_MS));
    await volume.signal(dice.below(volume.bricks.length), 'SIGKILL');
    await sleep(dice.below(AWAY_MS));
    await volume.start();
    await volume.healed();
    if (kill % 10 === 0) t.comment(`${kill} kills, ${operationsOf(workers)} operations, JUKEBOX ${client.jukeboxes}`);
  }
  for (const worker of workers) worker.stop();
  await Promise.all(running);
  t.equal(failure?.stack, undefined, `no client saw an error (seed ${seed})`);
  t.comment(`${kind}: ${kills} kills, ${operationsOf(workers)} operations, JUKEBOX ${client.jukeboxes}`);
  await checkAll(t, volume, client, workers);
}

const operationsOf = (workers: readonly Worker[]): number =>
  workers.reduce((sum, { operations }) => sum + operations, 0);

if (import.meta.main) {
  enterBed(import.meta.filename);
  const { values } = parseArgs({
    options: {
      volume: { type: 'string', default: 'replicate' },
      kills: { type: 'string', default: '10' },
      upcalls: { type: 'boolean', default: false },
      seed: { type: 'string' },
    },
  });
  t.setTimeout(4 * 3600 * 1000);
  await t.test(`${values.kills} kills on ${values.volume}`, async t => {
    const { volume, kills, upcalls, seed } = values;
    await killsUnderLoad(t, {
      kind: volume as Kind,
      kills: Number(kills),
      upcalls,
      ...(seed && { seed: Number(seed) }),
    });
  });
}
