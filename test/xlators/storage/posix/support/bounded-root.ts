/**
 * Root as it is in containers by default: without CAP_DAC_READ_SEARCH, so that no handle can be opened.
 * single-user.test.ts runs it.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { describeLimits, processCapabilities } from '#src/sys/process/capabilities.ts';
import { canSwitch } from '#src/sys/process/identity.ts';
import { codeOf, inodeOf, makePlace, other, root, startBrick, user } from './brick-test.ts';

t.test('callers are told apart, and objects are found by the index', async t => {
  t.ok(canSwitch);
  t.match(describeLimits(processCapabilities(), 0), [/index in the state directory/]);
  const place = makePlace(t);
  let brick = await startBrick(t, place);
  mkdirSync(place.path('a'));
  writeFileSync(place.path('a/f'), 'x', { mode: 0o600 });
  const { iatt } = await brick.fops.lookup(root, await brick.walk('a'), 'f');
  await brick.fops.setattr(root, inodeOf(iatt), { uid: 1000 });
  await brick.stop();
  renameSync(place.path('a'), place.path('b'));
  brick = await startBrick(t, place);
  t.match(await brick.fops.readv(user, inodeOf(iatt).fd, 9, 0), { data: Buffer.from('x') });
  t.equal(await codeOf(brick.fops.readv(other, inodeOf(iatt).fd, 9, 0)), 'EACCES');
});
