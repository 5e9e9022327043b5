/**
 * The POSIX suite on its reference, a local ext4: a local disk must give what the suite demands from a server. It runs
 * as root with every place that it can use, and as a plain user.
 */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { enterNamespaces } from '../support/namespace.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(300_000);

const SUITE = join(import.meta.dirname, '../suites/posix');
const MIB = 1024 ** 2;
const NOBODY = 65534;
const CASES_MIN = 9000;
const OUTPUT_MAX = 64 * MIB;

/** Makes a file system with blocks of 4,096 and inodes of 256 bytes, whose times reach beyond 2038 whatever /tmp is. */
function ext4(dir: string): string {
  const [image, mounted] = [join(dir, 'reference.img'), join(dir, 'reference')];
  writeFileSync(image, '');
  truncateSync(image, 512 * MIB);
  mkdirSync(mounted);
  execFileSync('mkfs.ext4', ['-q', '-m', '0', '-b', '4096', '-I', '256', image]);
  execFileSync('mount', ['-o', 'loop', image, mounted]);
  return mounted;
}

interface Ran {
  readonly status: number;
  readonly stdout: string;
}

const runs = (command: string, args: readonly string[]): Promise<Ran> =>
  promisify(execFile)(command, args, { maxBuffer: OUTPUT_MAX }).then(
    ({ stdout }) => ({ status: 0, stdout }),
    (error: { code: number; stdout: string }) => ({ status: error.code, stdout: error.stdout }),
  );

// tap's own test directory would be removed before the mounts in it.
const dir = mkdtempSync(join(tmpdir(), 'bricknfs-posix-'));
chmodSync(dir, 0o755);
const reference = ext4(dir);
t.teardown(() => {
  execFileSync('umount', ['--lazy', reference]);
  rmSync(dir, { recursive: true });
});
const main = join(SUITE, 'main.ts');

t.test('as root all cases pass', async t => {
  const places = join(dir, 'places');
  execFileSync(join(SUITE, 'places'), [places, process.execPath], { stdio: 'pipe' });
  t.teardown(() => {
    for (const name of ['limited', 'btrfs', 'small', 'fixed']) execFileSync('umount', ['--lazy', join(places, name)]);
  });
  const fixed = join(places, 'fixed');
  execFileSync('mount', ['--bind', fixed, fixed]);
  execFileSync('mount', ['-o', 'remount,bind,ro', fixed]);
  const other = '/run/other';
  mkdirSync(other);
  const disks = ['--small', join(places, 'small'), '--quota', join(places, 'limited')];
  const where = [...disks, '--read-only', fixed, '--other', other];
  const { status, stdout } = await runs(process.execPath, [main, reference, ...where, '--strict']);
  t.equal(status, 0, 'exit code');
  t.strictSame(failuresIn(stdout), [], 'failures');
  const [, passed, rest] = /^posix: (\d+) passed, (.*)$/m.exec(stdout) ?? [];
  t.equal(rest, '0 failed, 0 excepted, 0 skipped');
  t.ok(Number(passed) >= CASES_MIN, `${passed} cases`);
});

t.test('as a plain user the cases that need no root pass', async t => {
  const own = join(reference, 'plain');
  mkdirSync(own);
  chownSync(own, NOBODY, NOBODY);
  const ids = ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups'];
  const { status, stdout } = await runs('setpriv', [...ids, process.execPath, main, own]);
  t.equal(status, 0, 'exit code');
  t.strictSame(failuresIn(stdout), [], 'failures');
  t.match(stdout, /^# not root: /m, 'the suite says what it leaves out');
  t.match(stdout, /^# skipped \d+: needs root/m, 'the suite says how many cases it leaves out');
});

function failuresIn(stdout: string): string[] {
  return stdout.split('\n').filter(line => line.startsWith('FAIL '));
}
