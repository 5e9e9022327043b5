/** Where a directory is relative to an export that is a part of its volume, as its brick tells. */
import t from 'tap';
import type { Xattrs } from '#src/graph/fops.ts';
import type { Volume } from '#src/master/volume.ts';
import { placeIn } from '#src/xlators/nfs/server/exports/boundary.ts';
import type { Export } from '#src/xlators/nfs/server/exports/exports.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { frame, TEST_XLATORS, volumeOf } from '../../../../support/graph.ts';

/** A brick that answers something else than what it was asked for. */
class Wrong extends Xlator {
  override async getxattr(): Promise<Xattrs> {
    return new Map([['user.other', Buffer.from('/d')]]);
  }
}

t.test('what a brick does not tell is not known', async t => {
  const text = [
    'volume m\n    type test/memory\nend-volume',
    'volume w\n    type test/wrong\n    subvolumes m\nend-volume\n',
  ].join('\n');
  const found = await volumeOf(t, text, { registry: { ...TEST_XLATORS, 'test/wrong': async () => Wrong } });
  const volume = { top: found.top, table: found.table } as unknown as Volume;
  t.equal(await placeIn(volume, { path: '/d' } as Export, frame, found.root), 'unknown');
});
