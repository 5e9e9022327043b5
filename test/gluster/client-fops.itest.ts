/** The fops of protocol/client with a real brick: the suite of xlators, and what GlusterFS's own client sees of it. */
import t, { type Test } from 'tap';
import type { GraphEvent } from '#src/graph/event.ts';
import { FileType } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { frame, stackOf, TEST_XLATORS, volumeOf } from '../support/graph.ts';
import { Hand } from '../suites/xlator/hand.ts';
import { twoStepSuite } from '../suites/two-step.ts';
import { xlatorSuite } from '../suites/xlator.ts';
import { enterBed, HOST } from './support/bed.ts';
import { GlusterVolume } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(600_000);

const volume = await GlusterVolume.make('plain');
t.teardown(() => volume.remove());

const client = () => `protocol/client remote-host=${HOST} remote-subvolume=${volume.bricks[0]!.path}`;

/** Tells when the brick is connected. */
class Up extends Xlator {
  readonly up = Promise.withResolvers<void>();

  override notify(event: GraphEvent, from?: Xlator): void {
    if (event.kind === 'child-up') this.up.resolve();
    super.notify(event, from);
  }
}

/** The volume's only brick, with nothing in it. */
async function emptied(t: Test, ...layers: readonly string[]) {
  const registry = { ...TEST_XLATORS, 'test/up': async () => Up };
  const found = await volumeOf(t, stackOf('test/up', ...layers, client()), { registry });
  await (found.top as Up).up.promise;
  await clear(new Hand(found), found.root);
  return found;
}

async function clear(hand: Hand, directory: Inode): Promise<void> {
  const { top } = hand;
  for (const { name, iatt } of await hand.names('readdirp', directory, 65_536)) {
    if (name.startsWith('.') || iatt === undefined) continue;
    if (iatt.type !== FileType.DIR) {
      await top.unlink(frame, directory, name);
      continue;
    }
    await clear(hand, await hand.lookup(directory, name));
    await top.rmdir(frame, directory, name);
  }
}

twoStepSuite(t, 'a real brick', t => emptied(t, 'features/two-step', 'features/utime'));
xlatorSuite(t, 'two-step over a real brick', t => emptied(t, 'features/two-step', 'features/utime'));
