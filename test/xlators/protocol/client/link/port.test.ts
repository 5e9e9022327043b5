/** The port of a brick is asked of the glusterd of its host, at the port that every glusterd has. */
import t from 'tap';
import { GLUSTERD_PORT } from '#protocols/gluster/constants.ts';
import { FakeBrick } from '../../../../support/gluster/fake-brick.ts';
import { connectedBrick, oneBrick } from '../../../../support/gluster/one-brick.ts';
import { FakeGlusterd } from '../../../../support/glusterd.ts';
import { enterNamespaces } from '../../../../support/namespace.ts';

enterNamespaces(import.meta.filename);
const at = { 'remote-host': '127.0.0.1', 'transport.address-family': 'inet' };

t.test('a host without a glusterd', async t => {
  const { brick } = await oneBrick(t, '/bricks/b', at);
  while (brick.trouble === undefined) await new Promise(resolve => setImmediate(resolve));
  t.match(brick.trouble, /brick 127\.0\.0\.1:\/bricks\/b: .*ECONNREFUSED/);
});

t.test('a brick of which the volfile does not tell the port', async t => {
  const glusterd = await FakeGlusterd.start(t, GLUSTERD_PORT);
  const brick = await FakeBrick.start(t);
  const none = await oneBrick(t, '/bricks/none', at);
  while (none.brick.trouble === undefined) await new Promise(resolve => setImmediate(resolve));
  t.match(none.brick.trouble, /does not run/);
  glusterd.bricks.set('/bricks/b', brick.port);
  const made = await connectedBrick(t, '/bricks/b', at);
  t.match(made.brick.dump(), { phase: 'up', port: brick.port });
  t.equal(brick.introductions[0]!.get('remote-subvolume'), '/bricks/b');

  const other = await FakeBrick.start(t);
  glusterd.bricks.set('/bricks/b', other.port);
  const up = made.top.next('child-up');
  brick.drop();
  await up;
  t.equal(made.brick.dump().port, other.port, 'it is asked again each time');
});
