import t from 'tap';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, mountCall, serveMount } from '../../support/mount.ts';

for (const version of ['00000001', '00000002', '00000003']) {
  t.test(`version ${version}: removes all entries of the caller, and no others`, async t => {
    const { exchange, mounts } = await serveMount(t);
    mounts.add('127.0.0.1', '/a');
    mounts.add('127.0.0.1', '/b');
    mounts.add('10.0.0.1', '/a');
    for (let i = 0; i < 2; i++) {
      const got = await exchange(mountCall(version, '00000004'));
      t.equal(got.toString('hex'), hex(`${ACCEPTED} 00000000`).toString('hex'));
      t.strictSame(await mounts.list(), [{ host: '10.0.0.1', path: '/a' }]);
    }
  });

  t.test(`version ${version}: arguments, of which it has none: GARBAGE_ARGS`, async t => {
    const { exchange } = await serveMount(t);
    const got = await exchange(mountCall(version, '00000004', '00000000'));
    t.equal(got.toString('hex'), hex(`${ACCEPTED} 00000004`).toString('hex'));
  });
}
