import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';

const root = process.geteuid!() === 0;
const aUser = ['setpriv', '--reuid', '1000', '--regid', '1000', '--clear-groups'];
const boundedRoot = ['setpriv', '--bounding-set', '-dac_read_search'];

/** Runs a test file in a process of its own, started by the command `as`. */
function run(t: Test, name: string, as: readonly string[]) {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const tmp = mkdtempSync(join(tmpdir(), 'single-'));
  t.teardown(() => rmSync(tmp, { recursive: true, force: true }));
  if (as === aUser) chownSync(tmp, 1000, 1000);
  const [command, ...args] = [...as, process.execPath, file];
  const env = { PATH: process.env['PATH'], TMPDIR: tmp, TAP: '1' };
  const { status, stdout, stderr } = spawnSync(command!, args, { env, cwd: tmp, encoding: 'utf8' });
  t.equal(status, 0, `${stdout}\n${stderr}`);
  t.match(stdout, /^ok 1/m);
  t.end();
}

t.test("an ordinary user's server", t => run(t, './single-user.ts', root ? aUser : []));
t.test('the server of root in a container', { skip: !root && 'needs root' }, t =>
  run(t, './support/bounded-root.ts', boundedRoot),
);
