import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const MAIN = join(import.meta.dirname, 'main.ts');
const main = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });

t.test('some groups of the suite pass on the file system of the test directory, and leave nothing behind', t => {
  const dir = t.testdir();
  const { status, stdout } = main(dir, '--only', 'symlink/to', '--jobs', '2');
  t.equal(status, 0);
  t.match(stdout, /^posix: \d\d passed, 0 failed, 0 excepted, \d+ skipped$/m);
  t.strictSame(readdirSync(dir), []);
  t.end();
});

t.test('a failing case is reported, here as TAP, and sets the exit code', t => {
  const dir = t.testdir();
  // This is not another file system, so the case fails.
  const { status, stdout } = main(
    dir,
    '--other',
    dir,
    '--only',
    'mounts/link of a regular',
    '--tap',
    '--only',
    'symlink/to a dot',
  );
  t.equal(status, 1);
  t.match(stdout, /^TAP version 14\nok 1 - symlink\/to a dot\n/m);
  t.match(
    stdout,
    /^not ok \d+ - mounts\/link of a regular to another file system\n {2}---\n {2}problems: .*expected EXDEV/m,
  );
  t.match(stdout, /^# posix: \d passed, 1 failed, /m);
  t.end();
});

t.test('a run without any case is not a success', t => {
  t.equal(main(t.testdir(), '--only', 'no such group').status, 3);
  t.end();
});
