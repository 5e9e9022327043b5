/** Where something may be mounted. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkMountpoint } from '#src/xlators/mount/fuse/mountpoint.ts';

t.test('a directory that has nothing to do with the brick', async t => {
  const dir = t.testdir({ brick: { d: {} }, mnt: { below: {} }, file: '' });
  const at = (...names: string[]) => join(dir, ...names);
  symlinkSync('mnt', at('link'));
  const nothing = { bricks: [at('brick')], own: ['/'] };
  t.equal(await checkMountpoint(at('mnt'), nothing), at('mnt'));
  t.equal(await checkMountpoint(at('link'), nothing), at('mnt'), 'symbolic links are resolved');

  const refused = (mountpoint: string, message: string, used = nothing) =>
    t.rejects(checkMountpoint(mountpoint, used), {
      message: `expected a directory to mount on, found ${message}: ${mountpoint}`,
    });
  await refused(at('none'), 'nothing');
  await refused(at('file'), 'something else');
  await refused('/proc', 'one on which something is mounted');
  const inside = `one in the brick ${at('brick')}: the brick would reach its own mount, and wait for itself`;
  await refused(at('brick'), inside);
  await refused(at('brick', 'd'), inside);
  const below = `one with the brick ${at('mnt', 'below')} below it: the brick would be reached through its own mount`;
  await refused(at('mnt'), below, { bricks: [at('mnt', 'below')], own: [] });
  const own = at('mnt', 'state', 'not-yet');
  await refused(at('mnt'), `one with ${own} below it, which this process uses`, { bricks: [], own: [own] });
});
