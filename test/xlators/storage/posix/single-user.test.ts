import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, chownSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const file = fileURLToPath(new URL('./single-user.ts', import.meta.url));
const root = process.geteuid!() === 0;

t.test('without privileges', t => {
  const tmp = mkdtempSync(join(tmpdir(), 'single-'));
  t.teardown(() => rmSync(tmp, { recursive: true, force: true }));
  if (root) chownSync(tmp, 1000, 1000);
  const drop = ['setpriv', '--reuid', '1000', '--regid', '1000', '--clear-groups'];
  const [command, ...args] = [...(root ? drop : []), process.execPath, file];
  const env = { PATH: process.env['PATH'], TMPDIR: tmp, TAP: '1' };
  const { status, stdout, stderr } = spawnSync(command!, args, { env, cwd: tmp, encoding: 'utf8' });
  t.equal(status, 0, `${stdout}\n${stderr}`);
  t.match(stdout, /^ok 5/m);
  t.end();
});
