import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const file = fileURLToPath(new URL('./full.ts', import.meta.url));
const skip = spawnSync('unshare', ['-m', 'true']).status !== 0 && 'needs the right to mount';

t.test('the index works on a full disk of its own', { skip }, t => {
  const env = { ...process.env, TAP: '1' };
  const { status, stdout, stderr } = spawnSync('unshare', ['-m', process.execPath, file], { env, encoding: 'utf8' });
  t.equal(status, 0, `${stdout}\n${stderr}`);
  t.match(stdout, /^ok 4/m);
  t.end();
});
