/** The xlators' suite over replicas in memory, with all bricks up, with one down, and with an arbiter. */
import t from 'tap';
import { xlatorSuite } from '../../../suites/xlator.ts';
import { replicas } from './bricks.ts';

xlatorSuite(t, 'cluster/replicate over 3 bricks', t => replicas(t));
xlatorSuite(t, 'cluster/replicate with a brick down', async t => {
  const volume = await replicas(t);
  // Attributes in listings are of a brick that was known to miss nothing before another went down.
  await volume.top.discover(volume.frame, volume.root.gfid, undefined);
  volume.connections[1]!.disconnect();
  return volume;
});
xlatorSuite(t, 'cluster/replicate with an arbiter', t => replicas(t, 'arbiter-count=1'));
xlatorSuite(t, 'cluster/replicate without eager locks', t => replicas(t, 'eager-lock=off'));
