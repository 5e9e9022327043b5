/** The state directory. The key of file handles is made once and stays. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import t from 'tap';
import { defaultStateDir, defaultStateDirs, handleKey, openStateDir } from '#src/server/state.ts';

const home = mkdtempSync(join(tmpdir(), 'bricknfs-'));
t.teardown(() => rmSync(home, { recursive: true }));

t.test('the key is made once', async t => {
  const dir = join(home, 'a', 'b');
  await openStateDir(dir);
  await openStateDir(dir);
  t.equal(statSync(dir).mode & 0o777, 0o700);
  const key = await handleKey(dir);
  t.equal(key.length, 16);
  t.ok((await handleKey(dir)).equals(key));
  t.equal(statSync(join(dir, 'handle.key')).mode & 0o777, 0o600);
  t.strictSame(readdirSync(dir), ['handle.key']);
});

t.test('files that are not a key, and paths that are not a directory, are refused', async t => {
  writeFileSync(join(home, 'handle.key'), 'short', { mode: 0o600 });
  await t.rejects(
    handleKey(home),
    /^expected a key of 16 bytes in .*handle.key, found 5: restore it from a backup, or remove it; without it /,
  );
  const path = join(home, 'handle.key', 'state');
  await t.rejects(
    openStateDir(path),
    /^expected a state directory that can be written \(--state-dir\), found .*ENOTDIR/,
  );
  await t.rejects(openStateDir('/proc/bricknfs/state'), /ENOENT/); // This must not be retried forever.
});

t.test('a directory that cannot hold the key is refused', async t => {
  await t.rejects(handleKey('/proc/self'), /^cannot make the key of file handles, \/proc\/self\/handle.key: E/);
});

t.test('servers with the same key file have the same key, and none is made for them', async t => {
  const [one, two, file] = [join(home, 'one'), join(home, 'two'), join(home, 'shared.key')];
  for (const dir of [one, two]) await openStateDir(dir);
  const expected = `expected the key of file handles in ${file} (nfs.handle-key-file), found no file: copy it from the other `;
  await t.rejects(handleKey(one, file), {
    message: new RegExp(`^${RegExp.escape(expected)}server, or make it with "`),
  });
  t.strictSame(readdirSync(one), [], 'a key would be another one on each server');
  const [, command] = await handleKey(one, file).catch((error: Error) => /"(.*)"/.exec(error.message)!);
  execFileSync('sh', ['-c', String(command)]);
  const key = await handleKey(one, file);
  t.strictSame(await handleKey(two, file), key, 'the command in the message makes a key');
  t.equal(statSync(file).mode & 0o777, 0o600);
  writeFileSync(file, 'short');
  await t.rejects(handleKey(one, file), {
    message: `expected a key of 16 bytes in ${file}, found 5: copy it from the other server`,
  });
});

t.test('the default state directory', async t => {
  const asRoot = process.geteuid!() === 0;
  const env = { XDG_STATE_HOME: home };
  const base = asRoot ? '/var/lib/bricknfs' : join(home, 'bricknfs');
  t.equal(defaultStateDir(2049, env), base);
  t.equal(defaultStateDir(3049, env), join(base, 'port-3049'));
  t.equal(defaultStateDir(0, env), join(base, 'port-0'));
  t.ok(isAbsolute(defaultStateDir(2049, { XDG_STATE_HOME: 'x' })), 'a relative path is ignored');
  t.equal(defaultStateDirs(env)[0], base);
});

t.test('the directory of a port starts with the key of its parent, which all ports used before', async t => {
  const base = join(home, 'base');
  const [key, of3049] = [await keyIn(base), await keyIn(join(base, 'port-3049'))];
  t.ok(of3049.equals(key));
  rmSync(join(base, 'handle.key'));
  t.ok((await keyIn(join(base, 'port-3049'))).equals(key), 'the key stays');
  t.notOk((await keyIn(join(base, 'port-4049'))).equals(key));
  t.notOk((await keyIn(join(base, 'port-3049', 'below'))).equals(key));
});

async function keyIn(dir: string): Promise<Buffer> {
  return handleKey(await openStateDir(dir));
}
