import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const file = fileURLToPath(new URL('./mounts.ts', import.meta.url));
const skip = spawnSync('unshare', ['-m', 'true']).status !== 0 && 'needs the right to mount';

t.test('file systems mounted below the volume are served', { skip }, t => {
  const env = { ...process.env, TAP: '1' };
  const { status, stdout, stderr } = spawnSync('unshare', ['-m', process.execPath, file], { env, encoding: 'utf8' });
  t.equal(status, 0, `${stdout}\n${stderr}`);
  t.match(stdout, /^ok 10/m);
  t.end();
});
