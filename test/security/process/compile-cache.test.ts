/**
 * Code in the compile cache is executed, so the cache is read only from a directory that no other user can write to.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { folders } from '../../cli/harness.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const isRoot = process.geteuid!() === 0;
/** Root's cache is in /var/cache, which a test must not touch. */
const USER = isRoot ? 12_345 : process.geteuid!();
const who = isRoot ? { uid: USER, gid: USER } : {};
const canRun = spawnSync(process.execPath, [MAIN, '--version'], { ...who, env: {} }).status === 0;

/** The content of the cache after a command, which starts with what `prepare` has made. */
function cached(t: Test, prepare: (cache: string) => void): string[] {
  const { home } = folders(t, 'home');
  chmodSync(join(home, '..'), 0o755);
  const cache = join(home, 'bricknfs');
  prepare(cache);
  if (isRoot) chownSync(home, USER, USER);
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--disable-sigusr1', MAIN, '--version'], {
    ...who,
    env: { XDG_CACHE_HOME: home },
    encoding: 'utf8',
  });
  t.strictSame({ status, stderr }, { status: 0, stderr: '' });
  t.match(stdout, /^\d+\.\d+/);
  return readdirSync(cache);
}

t.test('the compile cache', { skip: !canRun && 'needs a directory that a plain user can read' }, async t => {
  const own = (path: string) => isRoot && chownSync(path, USER, USER);
  t.test('is made', async t => {
    t.equal(cached(t, () => {}).length, 1);
  });
  t.test('is used if it exists', async t => {
    const used = cached(t, cache => {
      mkdirSync(cache, { mode: 0o700 });
      own(cache);
    });
    t.equal(used.length, 1);
  });
  for (const mode of [0o770, 0o707, 0o777]) {
    t.test(`is not used with mode ${mode.toString(8)}`, async t => {
      const used = cached(t, cache => {
        mkdirSync(cache);
        chmodSync(cache, mode);
        own(cache);
      });
      t.strictSame(used, []);
    });
  }
  t.test('is not used behind a symlink', async t => {
    const { elsewhere } = folders(t, 'elsewhere');
    chmodSync(join(elsewhere, '..'), 0o755);
    own(elsewhere);
    t.strictSame(
      cached(t, cache => symlinkSync(elsewhere, cache)),
      [],
    );
  });
  t.test('is not used if it belongs to another user', { skip: !isRoot && 'needs root to make one' }, async t => {
    const used = cached(t, cache => mkdirSync(cache, { mode: 0o755 }));
    t.strictSame(used, []);
  });
});
