/**
 * Bricks are killed at random moments, one at a time, while clients work: none of them sees an error, and afterwards all
 * bricks have what was acknowledged.
 *
 *     npx node test/gluster/acceptance/kills.ts --volume replicate --kills 100 [--at-once 2] [--upcalls] [--seed N]
 *
 * With `--at-once 2` two bricks die at the same moment, so that replicas lose their quorum in the middle of changes. The
 * clients are told to try again then, and may find that a change was done which they were told to try again.
 *
 * Each kill is healed before the next one. That takes most of the time: the self-heal daemon looks for a brick every three
 * seconds, and then needs the processor. A hundred kills take about half an hour with two cores that are busy with other
 * things (20 seconds for each), and twice as long if these things are many.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import t, { type Test } from 'tap';
import { enterBed } from '../support/bed.ts';
import { servedVolume } from '../support/serve.ts';
import { GlusterVolume, isReplicated, type Kind } from '../support/volume.ts';
import { checkAll } from './check.ts';
import { Dice, Worker } from './load.ts';

const WORKERS = 4;
/** How long a brick stays away at most, and how long it is left alone at most after it is healed. */
const AWAY_MS = 2500;
const BETWEEN_MS = 400;
/** Otherwise the self-heal daemon leaves names behind (`administration/leftover-name.itest.ts`). */
const REMOVES_NAMES = { 'cluster.use-anonymous-inode': 'no' };

export interface Kills {
  readonly kind: Kind;
  readonly kills: number;
  /** How many bricks are killed at the same moment. */
  readonly atOnce?: number;
  readonly upcalls?: boolean;
  readonly seed?: number;
}

export async function killsUnderLoad(
  t: Test,
  { kind, kills, atOnce = 1, upcalls = false, seed = Date.now() % 1e6 }: Kills,
) {
  const volume = await GlusterVolume.for(t, kind, {
    ...(upcalls && { 'features.cache-invalidation': 'on' }),
    ...(isReplicated(kind) && REMOVES_NAMES),
  });
  await volume.healFast();
  const { server, client } = await servedVolume(t, volume);
  const workers = Array.from({ length: WORKERS }, (_, i) => new Worker(`w${i}`, client, seed + i));
  for (const worker of workers) await worker.start();
  const dice = new Dice(seed + 99);
  const begun = Date.now();
  const soFar = (kills: number) => {
    const atRisk = server.stderr.text.split('unstable writes may be lost').length - 1;
    const counts = `${operationsOf(workers)} operations, JUKEBOX ${client.jukeboxes}, ${atRisk} changes of the write verifier`;
    return `${kills} kills in ${((Date.now() - begun) / 1000).toFixed()} s, ${counts}`;
  };
  let failure: Error | undefined;
  const running = workers.map(worker => worker.run().catch((error: Error) => (failure ??= error)));
  for (let kill = 1; kill <= kills && failure === undefined; kill++) {
    await sleep(dice.below(BETWEEN_MS));
    const first = dice.below(volume.bricks.length);
    const killed = Array.from({ length: atOnce }, (_, i) => (first + i) % volume.bricks.length);
    await Promise.all(killed.map(brick => volume.signal(brick, 'SIGKILL')));
    await sleep(dice.below(AWAY_MS));
    await volume.start();
    await volume.healed();
    if (kill % 10 === 0) t.comment(soFar(kill));
  }
  for (const worker of workers) worker.stop();
  await Promise.all(running);
  t.equal(failure?.stack, undefined, `no client saw an error (seed ${seed})`);
  if (atOnce === 1) t.equal(client.repeated, 0, 'nothing was done that the client was told to try again');
  t.comment(`${kind}: ${soFar(kills)}, ${client.repeated} changes were done already when they were tried again`);
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
      'at-once': { type: 'string', default: '1' },
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
      atOnce: Number(values['at-once']),
      upcalls,
      ...(seed && { seed: Number(seed) }),
    });
  });
}
