/** Dispersed volumes of real GlusterFS that may lose several bricks, with GlusterFS's own client beside ours. */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { enterBed } from './support/bed.ts';
import { xattrsOf } from './support/bricks.ts';
import { dispersion, strangeBricks } from './support/fragments.ts';
import { servedVolume } from './support/serve.ts';
import { GlusterVolume, type Kind } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(900_000);

/** Asserts that each brick has the fragment of the content, once all locks are given up. */
async function checkBricks(t: Test, volume: GlusterVolume, name: string, content: Buffer): Promise<void> {
  const isMarked = () =>
    volume.bricks.some(brick => /[1-9a-f]/.test(xattrsOf(brick, name, 'trusted.ec.dirty')['trusted.ec.dirty'] ?? ''));
  for (let turn = 0; isMarked(); turn++) {
    if (turn > 300) throw new Error(`${name} stays marked`);
    await sleep(200);
  }
  t.same(strangeBricks(volume, name, content), [], `the fragments of ${name}`);
}

for (const kind of ['disperse-4+2', 'disperse-8+3'] satisfies Kind[]) {
  t.test(`${kind}: each client reads what the other has written, and as many bricks are lost as may be`, async t => {
    const volume = await GlusterVolume.for(t, kind);
    const { n, redundancy } = dispersion(volume)!;
    const stripe = (n - redundancy) * 512;
    const { client } = await servedVolume(t, volume);
    const mount = await volume.mount(t);
    for (const length of [1, stripe - 1, stripe, 3 * stripe + 77, 400_000]) {
      const [ours, theirs] = [randomBytes(length), randomBytes(length)];
      const handle = await client.create(client.root, `ours-${length}`);
      await client.write(handle, ours, 0, 2);
      await writeFile(join(mount, `theirs-${length}`), theirs);
      t.ok((await readFile(join(mount, `ours-${length}`))).equals(ours), `FUSE reads ${length} bytes of ours`);
      t.ok((await client.read(await client.walk(`theirs-${length}`))).equals(theirs), `we read ${length} of theirs`);
      await checkBricks(t, volume, `ours-${length}`, ours);
      await checkBricks(t, volume, `theirs-${length}`, theirs);
    }
    const content = randomBytes(200_000);
    const file = await client.create(client.root, 'f');
    const write = async (at: number, length: number) => {
      const data = randomBytes(length);
      data.copy(content, at);
      await client.write(file, data, at, 2);
    };
    await client.write(file, content, 0, 2);
    const killed = Array.from({ length: redundancy }, (_, i) => 2 * i + 1);
    for (const brick of killed) {
      const writing = write(1000 * brick, 50_000);
      await volume.signal(brick, 'SIGKILL');
      await writing;
    }
    await write(77_777, 10);
    t.ok((await client.read(file)).equals(content), 'read without the bricks');
    await writeFile(join(mount, 'late'), content);
    t.ok((await client.read(await client.walk('late'))).equals(content), 'what FUSE writes without them');
    await volume.start();
    await volume.healed();
    t.ok((await client.read(file)).equals(content), 'read after the heal');
    await checkBricks(t, volume, 'f', content);
    await checkBricks(t, volume, 'late', content);
    // Now from those that were healed, and others are away.
    for (const brick of killed) await volume.signal(brick - 1, 'SIGKILL');
    t.ok((await client.read(file)).equals(content), 'read from the healed bricks');
    t.ok((await readFile(join(mount, 'f'))).equals(content));
  });
}
