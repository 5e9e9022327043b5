/**
 * A mount of mount/fuse as programs see it. All of it is in namespaces of the test, so that no mount is left when the test
 * fails; no synchronous call of this process touches a mount, which would wait for ever for a process that it has stopped.
 */
import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { folders, mounting } from '../cli/harness.ts';
import { enterNamespaces } from '../support/namespace.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(600_000);

const TREE = join(import.meta.dirname, '../../src/xlators');
const USER = 1000;

/** Runs a script of sh, with `$1` and so on; what it prints. */
const sh = async (script: string, ...args: string[]): Promise<string> =>
  (await promisify(execFile)('sh', ['-euc', script, 'sh', ...args], { maxBuffer: 2 ** 26 })).stdout;

async function mounted(t: Test, ...options: string[]) {
  const { data, mnt, state } = folders(t, 'data', 'mnt', 'state');
  chmodSync(dirname(data), 0o755); // so that other users reach them
  const args = ['--state-dir', state, ...options, data, mnt];
  const server = await mounting(t, args);
  return { data, mnt, args, server, end: () => sh('umount "$1"', mnt).then(() => server.exited) };
}

t.test('trees are copied, packed, linked and moved', async t => {
  const { data, mnt, end } = await mounted(t);
  await sh('cp -a "$1" "$2/a" && diff -r "$1" "$2/a"', TREE, mnt);
  await sh('cd "$1" && tar -cf a.tar a && mkdir b && tar -xf a.tar -C b && diff -r a b/a', mnt);
  await sh('cd "$1" && mv b c && ln a.tar hard && ln -s a.tar soft && cmp soft hard && rm a.tar && cmp hard hard', mnt);
  t.equal(await sh('stat -c "%h" "$1/hard"; readlink "$1/soft"', mnt), '1\na.tar\n');
  await sh('diff -r "$1/a" "$2/c/a"', data, mnt);
  await sh('find "$1" -type f | sort > "$2/list" && wc -l < "$2/list" && rm -r "$1/a" "$1/c"', mnt, data);
  t.equal(await sh('ls "$1"', mnt), 'hard\nlist\nsoft\n');
  t.equal(await end(), 0);
});

t.test('git keeps a tree in it', async t => {
  const { mnt, end } = await mounted(t);
  const git = 'git -c user.name=n -c user.email=n@example.org';
  await sh(`cd "$1" && git init -q . && cp -r "$2" src && git add -A && ${git} commit -qm first`, mnt, TREE);
  await sh(`cd "$1" && echo x >> src/README.md && ${git} commit -qam second && git gc -q && git fsck --strict`, mnt);
  await sh('git clone -q "$1" "$1/clone" && diff -r "$1/src" "$1/clone/src"', mnt);
  t.equal(await sh('cd "$1" && git status --short', mnt), '?? clone/\n');
  t.equal(await end(), 0);
});

t.test('extended attributes, ACLs and set-id bits', async t => {
  const { data, mnt, end } = await mounted(t);
  await sh('cd "$1" && echo text > a && setfattr -n user.n -v value a && mkdir d && chmod 4777 a', mnt);
  t.match(await sh('getfattr -n user.n --only-values "$1/a"', data), 'value');
  await sh(`setfacl -m u:${USER}:rw,m::rw "$1/a" && setfacl -d -m g:7:rwx "$1/d" && touch "$1/d/b"`, mnt);
  t.match(await sh('getfacl -cn "$1/a" "$1/d/b"', mnt), /user:1000:rw-[^]*group:7:rwx/);
  t.equal(await sh('getfacl -cn "$1/a"', mnt), await sh('getfacl -cn "$1/a"', data));
  await sh(
    `chmod 4777 "$1/a" && setpriv --reuid=${USER + 1} --regid=${USER + 1} --clear-groups sh -c 'echo more >> "$1"' sh "$1/a"`,
    mnt,
  );
  t.equal(await sh('stat -c %a "$1/a"', mnt), '777\n', 'who writes takes the set-id bit away');
  t.equal(await end(), 0);
});

t.test('a file is used without its name, mapped, sparse, and by O_DIRECT', async t => {
  const { mnt, end } = await mounted(t);
  t.equal(await sh('cd "$1" && exec 3<>a && rm a && echo text >&3 && cat /proc/self/fd/3', mnt), 'text\n');
  await sh('cd "$1" && truncate -s 64M s && fallocate -o 1M -l 1M s && fallocate -p -o 0 -l 4K s', mnt);
  await sh('cd "$1" && dd if=/dev/urandom of=d bs=1M count=8 oflag=direct status=none && cmp d d', mnt);
  await sh('cd "$1" && dd if=d of=e bs=64K iflag=direct conv=fsync status=none && cmp d e', mnt);
  // An executable is mapped, and what is mapped is written back.
  await sh('cd "$1" && cp /bin/true true && ./true', mnt);
  const write = 'const f=require("fs");f.writeFileSync("m","x".repeat(1e6));f.truncateSync("m",10)';
  await sh('cd "$1" && "$2" -e "$3" && wc -c < m', mnt, process.execPath, write);
  t.equal(await end(), 0);
});

t.test('locks hold among the programs of a mount', async t => {
  const { mnt, end } = await mounted(t);
  const script =
    'cd "$1" && exec 3>l && flock -n 3 && if flock -n l true; then exit 9; fi && exec 3>&- && flock -n l true';
  await sh(script, mnt);
  t.equal(await end(), 0);
});

t.test('what is changed beside the mount is seen after the timeouts', async t => {
  const { data, mnt, end } = await mounted(t, '-o', 'entry-timeout=0,attribute-timeout=0');
  writeFileSync(join(data, 'a'), 'one');
  t.equal(await sh('cat "$1/a"', mnt), 'one');
  writeFileSync(join(data, 'a'), 'another');
  t.equal(await sh('cat "$1/a"', mnt), 'another');
  await sh('rm "$1/a"', data);
  await t.rejects(sh('cat "$1/a"', mnt));
  t.equal(await end(), 0);
});

t.test('a mount is read-only if it is asked for', async t => {
  const { mnt, end } = await mounted(t, '-o', 'ro');
  await t.rejects(sh('touch "$1/a"', mnt), /Read-only file system/);
  t.equal(await end(), 0);
});

t.test('many programs at once', async t => {
  const { data, mnt, end } = await mounted(t);
  const one = 'mkdir "$1/$2" && for i in $(seq 40); do echo $i > "$1/$2/$i" && mv "$1/$2/$i" "$1/$2/x$i"; done';
  await Promise.all(Array.from({ length: 8 }, (_, i) => sh(one, mnt, `${i}`)));
  t.equal(await sh('find "$1" -type f | xargs cat | wc -l', mnt), '320\n');
  t.equal(await sh('find "$1" -type f | wc -l', data), '320\n');
  t.equal(await end(), 0);
});

t.test('after a kill in the middle of writes, what was synced is there in a new mount', async t => {
  const { mnt, args, server } = await mounted(t);
  const writing = sh('i=0; while echo $i > "$1/f$i" && sync "$1/f$i" && echo $i; do i=$((i + 1)); done; true', mnt);
  await new Promise(resolve => void setTimeout(resolve, 1500));
  server.child.kill('SIGKILL');
  const last = Number((await writing).trim().split('\n').at(-1));
  t.ok(last > 0, `${last} files were synced`);
  await sh('umount "$1"', mnt);
  const again = await mounting(t, args);
  for (let i = 0; i <= last; i++) t.equal(await sh('cat "$1"', join(mnt, `f${i}`)), `${i}\n`);
  await sh('umount "$1"', mnt);
  t.equal(await again.exited, 0, again.stderr.text);
});

t.test('a signal ends the mount, also while it is busy', async t => {
  const { mnt, server } = await mounted(t);
  const busy = sh('cd "$1" && sleep 30', mnt).catch(() => 'ended');
  await new Promise(resolve => void setTimeout(resolve, 300));
  server.child.kill('SIGTERM');
  t.equal(await server.exited, 0, server.stderr.text);
  t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), mnt);
  void busy;
});
