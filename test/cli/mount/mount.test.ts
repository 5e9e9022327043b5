/**
 * The command mount, in processes of its own. The mounts are in a mount namespace of the test, so that none is left when
 * the test fails; no call of this process touches them, since a process that waits for a mount cannot stop it.
 */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { bricknfs, folders, mounting } from '../harness.ts';
import { enterNamespaces, skipAll } from '../../support/namespace.ts';

if (!existsSync('/dev/fuse')) skipAll('there is no /dev/fuse');
enterNamespaces(import.meta.filename);

const { data, mnt, state } = folders(t, 'data', 'mnt', 'state');
chmodSync(dirname(data), 0o755); // so that other users reach the mount
mkdirSync(join(data, 'd'));
writeFileSync(join(data, 'a'), 'text');

/** Runs a program that may touch the mount. */
const run = async (program: string, ...args: string[]) => (await promisify(execFile)(program, args)).stdout;
const isMounted = () => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${mnt} `);
const STATE = ['--state-dir', state];

t.test('in the foreground until it is unmounted', async t => {
  const server = await mounting(t, [...STATE, '-o', 'noatime,fsname=it', data, mnt]);
  t.equal(await run('cat', join(mnt, 'a')), 'text');
  await run('sh', '-c', `echo more >> ${mnt}/a && mkdir ${mnt}/e && mv ${mnt}/a ${mnt}/e/b && ln ${mnt}/e/b ${mnt}/c`);
  t.equal(readFileSync(join(data, 'c'), 'utf8'), 'textmore\n');
  const [line] = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(it => it.includes(mnt));
  t.match(line, / rw,noatime .*- fuse\.bricknfs it /);
  await run('umount', mnt);
  t.equal(await server.exited, 0);
});

t.test('in the background until a signal', async t => {
  const { code, stdout, stderr } = await bricknfs(['mount', ...STATE, data, mnt]);
  t.strictSame([code, stdout, stderr], [0, '', ''], 'mount(8) prints nothing');
  t.ok(isMounted(), 'the mount can be used when the command returns');
  t.equal(await run('cat', join(mnt, 'c')), 'textmore\n');
  const again = await bricknfs(['mount', ...STATE, data, mnt]);
  t.equal(again.code, 1);
  t.match(again.stderr, `expected a directory to mount on, found one on which something is mounted: ${mnt}`);
  const log = join(state, 'bricknfs.log');
  const [, pid] = /"pid":(\d+),"msg":"mounted"/.exec(readFileSync(log, 'utf8')) ?? [];
  // The last caller was another user, who may not write to the log.
  await run('setpriv', '--reuid=1000', '--regid=1000', '--clear-groups', 'ls', mnt).catch(() => {});
  renameSync(log, `${log}.1`);
  process.kill(Number(pid), 'SIGHUP');
  for (let i = 0; i < 500 && !existsSync(log); i++) await new Promise(resolve => void setTimeout(resolve, 20));
  t.ok(existsSync(log), 'SIGHUP opens the log file anew');
  process.kill(Number(pid), 'SIGTERM');
  for (let i = 0; i < 500 && isMounted(); i++) await new Promise(resolve => void setTimeout(resolve, 20));
  t.notOk(isMounted());
});

t.test('after a kill, umount removes the mount, and another one takes its place', async t => {
  const killed = await mounting(t, [...STATE, data, mnt]);
  killed.child.kill('SIGKILL');
  await killed.exited;
  const { stderr } = await bricknfs(['mount', ...STATE, data, mnt]);
  t.match(stderr, `found a mount that has lost its process: "umount ${mnt}" removes it`);
  await run('umount', mnt);
  const server = await mounting(t, [...STATE, data, mnt]);
  t.equal(await run('cat', join(mnt, 'c')), 'textmore\n');
  server.child.kill('SIGINT');
  t.equal(await server.exited, 0);
  t.notOk(isMounted());
});

t.test('a volfile that was changed takes over at SIGHUP, unless it is wrong', async t => {
  const file = join(state, 'mounted.vol');
  const write = (layers: readonly string[], directory = data) => {
    const brick = `volume brick\n type storage/posix\n option directory ${directory}\nend-volume\n`;
    const above = layers.map((type, i) => {
      const below = i === 0 ? 'brick' : `layer-${i - 1}`;
      return `volume layer-${i}\n type ${type}\n subvolumes ${below}\nend-volume\n`;
    });
    writeFileSync(file, brick + above.join(''));
  };
  write(['debug/io-stats']);
  const server = await mounting(t, [...STATE, file, mnt]);
  const reloaded = async (pattern: RegExp) => {
    server.child.kill('SIGHUP');
    await server.stderr.until(pattern);
  };
  await run('sh', '-c', `echo kept > ${mnt}/kept`);
  const used = run('sh', '-c', `exec 3<${mnt}/kept && until [ -e ${mnt}/stop ]; do :; done && cat <&3`);
  write(['debug/io-stats', 'debug/io-stats']);
  await reloaded(/the new volfile has taken over/);
  write(['no/such']);
  await reloaded(/the volfile was not reloaded, and nothing has changed: .*no\/such/);
  write(['debug/io-stats'], state);
  await reloaded(/cannot go on with the new graph: another volume is to be mounted; this takes a restart/);
  await run('touch', join(mnt, 'stop'));
  t.equal(await used, 'kept\n');
  await run('rm', join(mnt, 'stop'), join(mnt, 'kept'));
  await run('umount', mnt);
  t.equal(await server.exited, 0, server.stderr.text);
});

t.test('as mount(8) has it done', async t => {
  const helper = join(import.meta.dirname, '../../../bin/mount.bricknfs');
  await run('mount', '-t', 'tmpfs', 'tmpfs', '/var/lib'); // where the state is without --state-dir
  await run(helper, data, mnt, '-n', '-v', '-o', 'ro,nofail');
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  t.match(
    lines.find(line => line.includes(mnt)),
    / ro,.*- fuse\.bricknfs /,
  );
  t.equal(await run('cat', join(mnt, 'c')), 'textmore\n');
  await run('umount', mnt);
  await run(helper, data, mnt, '-f');
  t.notOk(isMounted(), '-f only pretends');
  await t.rejects(run(helper, data, mnt, '-N', '1'), { code: 2 });
});

t.test('what cannot be mounted is refused with one line and an exit code', async t => {
  const refused = async (args: readonly string[], code: number, line: string) => {
    const ran = await bricknfs(['mount', ...STATE, ...args]);
    t.strictSame([ran.code, ran.stderr], [code, `bricknfs: ${line}\n`], args.join(' '));
  };
  await refused([data, join(mnt, 'none')], 1, `expected a directory to mount on, found nothing: ${join(mnt, 'none')}`);
  await refused(['nothing', mnt], 2, 'expected a directory, a volfile or HOST:/VOLUME to mount, found nothing');
  await refused([data], 2, `expected a source and a mountpoint, found ${data}`);
  await refused(['-o', 'bad', data, mnt], 2, 'unknown word -o bad');
  const inside = join(data, 'd');
  const why = `one in the brick ${data}: the brick would reach its own mount, and wait for itself`;
  await refused([data, inside], 1, `expected a directory to mount on, found ${why}: ${inside}`);
  t.notOk(isMounted());
});
