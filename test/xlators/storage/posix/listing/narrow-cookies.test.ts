import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const file = fileURLToPath(new URL('./narrow-cookies.ts', import.meta.url));
const works = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;
const skip = !works('unshare', '-m', 'true')
  ? 'needs the right to mount'
  : !works('mkfs.ext4', '-V') && 'needs mkfs.ext4 (e2fsprogs)';

t.test('listings work with cookies of 32 bits', { skip }, t => {
  const env = { ...process.env, TAP: '1' };
  const { status, stdout, stderr } = spawnSync('unshare', ['-m', process.execPath, file], { env, encoding: 'utf8' });
  t.equal(status, 0, `${stdout}\n${stderr}`);
  t.match(stdout, /^ok 8/m);
  t.end();
});
