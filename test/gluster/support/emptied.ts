/** Volumes of real GlusterFS as the suites of xlators want them: connected, and with nothing in them. */
import type { Test } from 'tap';
import type { GraphEvent } from '#src/graph/event.ts';
import { FileType } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { subtree } from '#src/graph/subtree.ts';
import type { Xlator } from '#src/graph/xlator.ts';
import { FOREIGN_LAYERS } from '#src/xlators/foreign.ts';
import { ProtocolClient } from '#src/xlators/protocol/client/client.ts';
import { frame, TEST_XLATORS, volumeOf } from '../../support/graph.ts';
import { Hand } from '../../suites/xlator/hand.ts';

/** Tells when its brick is connected. */
class Connecting extends ProtocolClient {
  readonly up = Promise.withResolvers<void>();

  override notify(event: GraphEvent, from?: Xlator): void {
    super.notify(event, from);
    if (event.kind === 'child-up') this.up.resolve();
  }
}

/** A graph from the text of a volfile, once all bricks are connected, and what was in the volume has been removed. */
export async function emptied(t: Test, text: string) {
  const registry = { ...TEST_XLATORS, 'protocol/client': async () => Connecting };
  const found = await volumeOf(t, text, { registry, foreign: FOREIGN_LAYERS });
  const connecting = subtree(found.top).filter(xlator => xlator instanceof Connecting);
  await Promise.all(connecting.map(({ up }) => up.promise));
  await clear(new Hand(found), found.root);
  return found;
}

async function clear(hand: Hand, directory: Inode): Promise<void> {
  const { top } = hand;
  for (const { name } of await hand.names('readdirp', directory, 65_536)) {
    if (name === '.' || name === '..' || name.startsWith('.glusterfs') || name === '.trashcan') continue;
    const inode = await hand.lookup(directory, name);
    if (inode.type !== FileType.DIR) {
      await top.unlink(frame, directory, name);
      continue;
    }
    await clear(hand, inode);
    await top.rmdir(frame, directory, name);
  }
}
