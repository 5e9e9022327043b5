/** The POSIX suite on a mount of mount/fuse over ext4: all cases pass, as on ext4 itself. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { folders, mounting } from '../cli/harness.ts';
import { enterNamespaces } from '../support/namespace.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(900_000);

const MAIN = join(import.meta.dirname, '../suites/posix/main.ts');
const MIB = 1024 ** 2;
const CASES_MIN = 9000;

t.test('as root all cases pass', async t => {
  const { home, disk, mnt, state } = folders(t, 'home', 'disk', 'mnt', 'state');
  execFileSync('chmod', ['755', join(home, '..')]);
  const image = join(home, 'image');
  writeFileSync(image, '');
  truncateSync(image, 512 * MIB);
  execFileSync('mkfs.ext4', ['-q', '-m', '0', '-b', '4096', '-I', '256', image]);
  execFileSync('mount', ['-o', 'loop', image, disk]);
  const brick = join(disk, 'brick');
  mkdirSync(brick);
  const server = await mounting(t, ['--state-dir', state, brick, mnt]);
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, mnt], { maxBuffer: 64 * MIB }).catch(
    (error: { stdout: string }) => error,
  );
  const [, passed, failed] = /^posix: (\d+) passed, (\d+) failed/m.exec(stdout) ?? [];
  t.equal(failed, '0', stdout);
  t.ok(Number(passed) > CASES_MIN, `${passed} have passed`);
  await promisify(execFile)('umount', [mnt]);
  t.equal(await server.exited, 0, server.stderr.text);
  execFileSync('umount', [disk]);
});
