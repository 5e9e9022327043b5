/**
 * Two servers with one key of file handles serve the same volume, and a client that works is moved from one to the other, as
 * when their address moves: connections break, and what has no answer is sent again to the other head.
 *
 *     npx node test/gluster/acceptance/heads.ts [--volume KIND] [--moves N]
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import t, { type Test } from 'tap';
import { BED, enterBed } from '../support/bed.ts';
import { NfsClient } from '../support/nfs-client.ts';
import { serveVolumes } from '../support/serve.ts';
import { GlusterVolume, type Kind } from '../support/volume.ts';
import { checkAll } from './check.ts';
import { Dice, Worker } from './load.ts';

const WORKERS = 4;
const STAY_MS = 1200;

export async function movesUnderLoad(t: Test, kind: Kind, moves: number, seed = Date.now() % 1e6) {
  const volume = await GlusterVolume.for(t, kind);
  const key = join(BED, 'handle-key');
  writeFileSync(key, randomBytes(16), { mode: 0o600 });
  const option = ['--xlator-option', `nfs-server.nfs.handle-key-file=${key}`];
  const heads = [await serveVolumes(t, [volume], ...option), await serveVolumes(t, [volume], ...option)];
  let active = heads[0]!;
  const client = await NfsClient.mount(t, () => active, `/${volume.name}`);
  const workers = Array.from({ length: WORKERS }, (_, i) => new Worker(`w${i}`, client, seed + i));
  for (const worker of workers) await worker.start();
  const dice = new Dice(seed + 99);
  let failure: Error | undefined;
  const running = workers.map(worker => worker.run().catch((error: Error) => (failure ??= error)));
  for (let move = 1; move <= moves && failure === undefined; move++) {
    await sleep(dice.below(STAY_MS));
    active = heads[move % 2]!;
    await client.line.reset();
  }
  for (const worker of workers) worker.stop();
  await Promise.all(running);
  t.equal(failure?.stack, undefined, `no client saw an error (seed ${seed})`);
  t.equal(client.line.reconnects, moves);
  const operations = workers.reduce((sum, worker) => sum + worker.operations, 0);
  t.comment(
    `${kind}: ${moves} moves, ${operations} operations, ${client.repeated} were done before they were sent again`,
  );
  await checkAll(t, volume, client, workers);
}

if (import.meta.main) {
  enterBed(import.meta.filename);
  const options = {
    volume: { type: 'string', default: 'replicate' },
    moves: { type: 'string', default: '50' },
  } as const;
  const { values } = parseArgs({ options });
  t.setTimeout(3600 * 1000);
  await t.test(`${values.moves} moves on ${values.volume}`, async t => {
    await movesUnderLoad(t, values.volume as Kind, Number(values.moves));
  });
}
