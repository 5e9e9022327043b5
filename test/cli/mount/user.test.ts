/** A plain user mounts, by fusermount3. As in mount.test.ts, no call of this process touches a mount. */
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { bricknfs, folders, mounting } from '../harness.ts';
import { enterNamespaces, skipAll } from '../../support/namespace.ts';

if (!existsSync('/dev/fuse')) skipAll('there is no /dev/fuse');
if (spawnSync('fusermount3', ['-V']).status !== 0) skipAll('there is no fusermount3');
enterNamespaces(import.meta.filename);

const USER = 1000;
const { data, mnt, state } = folders(t, 'data', 'mnt', 'state');
chmodSync(dirname(data), 0o755);
for (const dir of [data, mnt, state]) chownSync(dir, USER, USER);

/** Runs a script of sh as root, or as the user; what it prints. */
const run = async (program: string, ...args: string[]) => (await promisify(execFile)(program, args)).stdout;
const sh = (script: string, ...args: string[]) => run('sh', '-euc', script, 'sh', ...args);
const asUser = (script: string, ...args: string[]) =>
  run('setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', 'sh', '-euc', script, 'sh', ...args);

// Distributions let all users open it; a device of the test's own does so here.
await sh('mknod -m 666 /run/fuse c 10 229 && mount --bind /run/fuse /dev/fuse');
// What tap loads into each process writes where this user may not.
const options = { uid: USER, env: { HOME: state, NODE_OPTIONS: '' } };
const ARGS = ['--state-dir', state, data, mnt];

t.test('until the mount is removed', async t => {
  const server = await mounting(t, ['-o', 'noatime', ...ARGS], options);
  t.equal(await asUser('echo text > "$1/a" && cat "$1/a" && mkdir "$1/d"', mnt), 'text\n');
  t.equal(readFileSync(join(data, 'a'), 'utf8'), 'text\n');
  await t.rejects(sh('cat "$1/a"', mnt), /Permission denied/, 'not even root is let in, without allow_other');
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  t.match(
    lines.find(line => line.includes(mnt)),
    / rw,nosuid,nodev,noatime .*- fuse\.bricknfs /,
  );
  await asUser('fusermount3 -u "$1"', mnt);
  t.equal(await server.exited, 0, server.stderr.text);
});

t.test('until a signal', async t => {
  const server = await mounting(t, ARGS, options);
  server.child.kill('SIGTERM');
  t.equal(await server.exited, 0, server.stderr.text);
  t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), mnt);
});

t.test('what fusermount3 refuses is told', async t => {
  mkdirSync(join(dirname(data), 'foreign'));
  const { code, stderr } = await bricknfs(['mount', ...ARGS.slice(0, -1), join(dirname(data), 'foreign')], options);
  t.equal(code, 1);
  t.match(stderr, /^bricknfs: fusermount3: user has no write access to mountpoint/);
  const without = await bricknfs(['mount', '-N', ...ARGS], { ...options, env: { ...options.env, PATH: '/nowhere' } });
  t.match(without.stderr, 'bricknfs: there is no fusermount3, by which users other than root mount: install fuse3');
});
