import t from 'tap';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, mountCall, serveMount } from '../../support/mount.ts';

const cases = [
  { name: 'a mounted path', args: '00000002 2f610000', left: ['127.0.0.1 /b', '10.0.0.1 /a'] },
  { name: 'the same path in another spelling', args: '00000004 2f2f612f', left: ['127.0.0.1 /b', '10.0.0.1 /a'] },
  { name: 'a path that is not mounted', args: '00000002 2f780000', left: ['127.0.0.1 /a', '127.0.0.1 /b', '10.0.0.1 /a'] },
  { name: 'no path', args: '00000000', left: ['127.0.0.1 /a', '127.0.0.1 /b', '10.0.0.1 /a'] },
  { name: 'a path that no client can mount', args: '00000003 2f2e2e00', left: ['127.0.0.1 /a', '127.0.0.1 /b', '10.0.0.1 /a'] },
]; // prettier-ignore

for (const version of ['00000001', '00000002', '00000003']) {
  for (const { name, args, left } of cases) {
    t.test(`version ${version}, ${name}: succeeds, and removes only the entry of the caller`, async t => {
      const { exchange, mounts } = await serveMount(t);
      mounts.add('127.0.0.1', '/a');
      mounts.add('127.0.0.1', '/b');
      mounts.add('10.0.0.1', '/a');
      const got = await exchange(mountCall(version, '00000003', args));
      t.equal(got.toString('hex'), hex(`${ACCEPTED} 00000000`).toString('hex'));
      t.strictSame(
        (await mounts.list()).map(({ host, path }) => `${host} ${path}`),
        left,
      );
    });
  }

  t.test(`version ${version}, a path cut short: GARBAGE_ARGS`, async t => {
    const { exchange } = await serveMount(t);
    const got = await exchange(mountCall(version, '00000003', '00000008 2f610000'));
    t.equal(got.toString('hex'), hex(`${ACCEPTED} 00000004`).toString('hex'));
  });
}
