/** The state directory: the key of file handles is made once, and for good. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import t from 'tap';
import { defaultStateDir, handleKey, openStateDir } from '#src/server/state.ts';

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

t.test('what is no key, and no directory', async t => {
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
  await t.rejects(openStateDir('/proc/bricknfs/state'), /ENOENT/); // and not for ever
});

t.test('where it is, if nobody says', async t => {
  const asRoot = process.geteuid!() === 0;
  t.equal(defaultStateDir({ XDG_STATE_HOME: '/x' }), asRoot ? '/var/lib/bricknfs' : '/x/bricknfs');
  t.ok(isAbsolute(defaultStateDir({ XDG_STATE_HOME: 'x' })), 'a relative path is ignored');
});
