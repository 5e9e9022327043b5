/**
 * A new volfile takes over while a volume is mounted: programs do not notice, whatever they have open and locked. As in
 * fuse.itest.ts, no synchronous call of this process touches a mount.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { folders, mounting, serving, type Started } from '../cli/harness.ts';
import { enterNamespaces } from '../support/namespace.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(600_000);

const RELOADS = 10;

const sh = async (script: string, ...args: string[]): Promise<string> =>
  (await promisify(execFile)('sh', ['-euc', script, 'sh', ...args], { maxBuffer: 2 ** 26 })).stdout;

interface Layers {
  readonly data: string;
  readonly mnt: string;
  /** Whether there is a layer more than otherwise. */
  readonly more: boolean;
  readonly masters: (mnt: string) => string;
}

const volfile = ({ data, mnt, more, masters }: Layers): string => `
volume brick
  type storage/posix
  option directory ${data}
end-volume
${more ? 'volume more\n  type debug/io-stats\n  subvolumes brick\nend-volume' : ''}
volume data
  type debug/io-stats
  subvolumes ${more ? 'more' : 'brick'}
end-volume
${masters(mnt)}`;

const fuseAt = (mnt: string, options: string): string =>
  `volume local\n  type mount/fuse\n  option mountpoint ${mnt}\n${options}\n  subvolumes data\nend-volume\n`;

const NFS = `volume nfs
  type nfs/server
  option nfs.port 0
  option rpc.register-with-portmap off
  subvolumes data
end-volume
`;

/** Does what programs do, in `$1`, until there is `$1/stop`; fails if anything is not as it should be. */
const WORK = `
cd "$1"
mkdir -p deep/er && cd deep/er
printf kept > open && exec 3<>open
printf gone > unlinked && exec 4<unlinked && rm unlinked
exec 5>locked && flock 5
n=0
until [ -e "$1/stop" ]; do
  n=$((n + 1))
  echo $n > a && mv a b && [ "$(cat b)" = $n ] && echo $n >> all
  mkdir d && ln b d/link && [ "$(ls d)" = link ] && rm -r d
done
[ "$(wc -l < all)" = $n ]
printf more >&3 && [ "$(cat open)" = more ]
[ "$(cat <&4)" = gone ]
printf text >&5
echo $n`;

/** Reloads again and again while programs work in the mount. */
async function reloads(t: Test, server: Started, mnt: string, write: (more: boolean) => void): Promise<void> {
  await sh('echo text > "$1/cold"', mnt);
  const work = sh(WORK, mnt);
  await sh('until [ -e "$1/deep/er/all" ]; do sleep 0.05; done', mnt);
  for (let i = 1; i <= RELOADS; i++) {
    write(i % 2 === 1);
    server.child.kill('SIGHUP');
    await server.stderr.until(new RegExp(`(the new volfile has taken over[^]*){${i}}`));
    await t.rejects(sh('flock -n "$1/deep/er/locked" true', mnt), 'the lock is held');
    await sh('n=$(wc -l < "$1/deep/er/all"); while [ "$(wc -l < "$1/deep/er/all")" = "$n" ]; do sleep 0.01; done', mnt);
  }
  await sh('touch "$1/stop"', mnt);
  t.ok(Number(await work) > RELOADS, `${await work} turns`);
  t.equal(await sh('cat "$1/cold"', mnt), 'text\n');
  t.notMatch(server.stderr.text, /lost with the former graph|"level":50/);
}

t.test('a mount of a volfile', async t => {
  const { data, mnt, state } = folders(t, 'data', 'mnt', 'state');
  const file = join(state, 'mounted.vol');
  const write = (more: boolean) => writeFileSync(file, volfile({ data, mnt, more, masters: () => '' }));
  write(false);
  const server = await mounting(t, ['--state-dir', state, file, mnt]);
  await reloads(t, server, mnt, write);
  await sh('umount "$1"', mnt);
  t.equal(await server.exited, 0, server.stderr.text);
});

t.test('a mount beside NFS; what takes a restart is refused', async t => {
  const { data, mnt, state, another } = folders(t, 'data', 'mnt', 'state', 'another');
  const file = join(state, 'served.vol');
  const write = (more: boolean, at = mnt, options = '') =>
    writeFileSync(file, volfile({ data, mnt: at, more, masters: mnt => fuseAt(mnt, options) + NFS }));
  write(false);
  const server = await serving(t, ['-f', file, '--state-dir', state]);
  await reloads(t, server, mnt, write);
  write(false, another);
  server.child.kill('SIGHUP');
  await server.stderr.until(/expected the same mounts as before, but for .*another/);
  write(false, mnt, '  option read-only on');
  server.child.kill('SIGHUP');
  await server.stderr.until(
    /cannot go on with the new graph: the kernel is told of option read-only once; this takes a restart/,
  );
  t.equal(await sh('cat "$1/cold"', mnt), 'text\n');
  server.child.kill('SIGTERM');
  t.equal(await server.exited, 0, server.stderr.text);
});

t.test('a server that is stopped while a call keeps a mount in the former graph leaves no mount behind', async t => {
  const { data, mnt, state } = folders(t, 'data', 'mnt', 'state');
  const file = join(state, 'slow.vol');
  const slow = `volume slow\n  type debug/delay-gen\n  option delay-duration 60000000\n  option delay-percentage 100
  option enable fsync\n  subvolumes data\nend-volume\n`;
  const over = (masters: string) => slow + masters.replaceAll('subvolumes data', 'subvolumes slow');
  const write = (more: boolean) =>
    writeFileSync(file, volfile({ data, mnt, more, masters: mnt => over(fuseAt(mnt, '') + NFS) }));
  write(false);
  const server = await serving(t, ['-f', file, '--state-dir', state, '--grace', '3']);
  const hangs = sh('echo text > "$1/a" && sync "$1/a"', mnt).then(
    () => 'synced',
    () => 'failed',
  );
  await sh('until [ -s "$1/a" ]; do sleep 0.05; done; sleep 0.5', mnt);
  write(true);
  server.child.kill('SIGHUP');
  await server.stderr.until(/the new volfile has taken over/);
  server.child.kill('SIGTERM');
  await server.exited;
  t.equal(await hangs, 'failed');
  t.equal(await sh('ls -A "$1"', mnt), '', 'nothing is mounted there any more');
});
