/**
 * One server that mounts a volume on its own machine and serves it over NFS: each sees at once what the other changes,
 * however long the kernel may keep what it knows. As in fuse.itest.ts, no synchronous call of this process touches a mount.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { NFSPROC3, stable_how } from '#protocols/nfs3/constants.ts';
import { READ3args, READ3res, WRITE3args, WRITE3res } from '#protocols/nfs3/file.ts';
import { REMOVE3args, REMOVE3res, RENAME3args, RENAME3res } from '#protocols/nfs3/names.ts';
import { GETATTR3args, GETATTR3res } from '#protocols/nfs3/object.ts';
import { Session } from '../bench/session.ts';
import { folders, serving } from '../cli/harness.ts';
import { enterNamespaces } from '../support/namespace.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(600_000);

/** The kernel is told what has changed within this time, of which it needs less than a thousandth. */
const TOLD_MS = 20_000;

const sh = async (script: string, ...args: string[]): Promise<string> =>
  (await promisify(execFile)('sh', ['-euc', script, 'sh', ...args], { maxBuffer: 2 ** 26 })).stdout;

/** Repeats a script until it prints this. */
async function until(expected: string, script: string, ...args: string[]): Promise<void> {
  for (const since = performance.now(); ; await sleep(5)) {
    const found = await sh(`${script} 2>&1 || true`, ...args);
    if (found === expected) return;
    if (performance.now() - since > TOLD_MS) throw new Error(`expected ${expected}, found ${found}`);
  }
}

const write = (nfs: Session, file: Buffer, text: string, offset = 0) => {
  const data = Buffer.from(text);
  const args = { file, offset, count: data.length, stable: stable_how.UNSTABLE, data };
  return nfs.call(NFSPROC3.WRITE, WRITE3args, args, WRITE3res);
};
const remove = (nfs: Session, dir: Buffer, name: string) =>
  nfs.call(NFSPROC3.REMOVE, REMOVE3args, { object: { dir, name } }, REMOVE3res);
const rename = (nfs: Session, dir: Buffer, from: string, to: string) =>
  nfs.call(NFSPROC3.RENAME, RENAME3args, { from: { dir, name: from }, to: { dir, name: to } }, RENAME3res);
const read = async (nfs: Session, file: Buffer) =>
  Buffer.from((await nfs.call(NFSPROC3.READ, READ3args, { file, offset: 0, count: 4096 }, READ3res)).data).toString();

interface Layers {
  readonly data: string;
  readonly mnt: string;
  /** Further options of mount/fuse, and of what stands above the brick. */
  readonly fuse?: string;
  readonly delay?: string;
}

/** A volfile whose kernel keeps all that it knows for an hour. */
const volfile = ({ data, mnt, fuse = '', delay = '' }: Layers): string => `
volume brick
  type storage/posix
  option directory ${data}
end-volume
volume data
  type debug/delay-gen
  option delay-percentage 100
  option enable ${delay === '' ? 'fsyncdir' : 'readv,lookup,rename'}
  option delay-duration ${delay === '' ? 1 : delay}
  subvolumes brick
end-volume
volume local
  type mount/fuse
  option mountpoint ${mnt}
  option entry-timeout 3600
  option attribute-timeout 3600
  option negative-timeout 3600
  option fopen-keep-cache on
  ${fuse}
  subvolumes data
end-volume
volume nfs
  type nfs/server
  option nfs.port 0
  option rpc.register-with-portmap off
  option rpc-auth.ports.insecure on
  subvolumes data
end-volume
`;

async function served(t: Test, layers: Partial<Layers> = {}, ...options: string[]) {
  const { data, mnt, state } = folders(t, 'data', 'mnt', 'state');
  const file = join(state, 'served.vol');
  const write = (more: Partial<Layers> = {}) => writeFileSync(file, volfile({ data, mnt, ...layers, ...more }));
  write();
  const server = await serving(t, ['-f', file, '--state-dir', state, ...options]);
  const { port } = server;
  const client = async () => {
    const session = await Session.mount({ host: '127.0.0.1', port, mountport: port, export: '/data' });
    t.teardown(() => session.close());
    return session;
  };
  const stop = async () => {
    server.child.kill('SIGTERM');
    t.equal(await server.exited, 0, server.stderr.text);
    t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), ` ${mnt} `);
  };
  return { data, mnt, server, write, client, stop };
}

t.test('what NFS changes is seen in the mount', async t => {
  const { mnt, client, stop } = await served(t);
  const nfs = await client();
  await t.rejects(sh('cat "$1/a"', mnt), /No such file/);
  const file = await nfs.file(nfs.root, 'a');
  await until('0\n', 'stat -c %s "$1/a"', mnt);
  await write(nfs, file, 'first');
  await until('first', 'cat "$1/a"', mnt);
  await write(nfs, file, 'other'); // as long, and perhaps of the same time
  await until('other', 'cat "$1/a"', mnt);
  await rename(nfs, nfs.root, 'a', 'b');
  await until('other', 'cat "$1/b"', mnt);
  await until('b\n', 'cat "$1/a" || ls "$1"', mnt).catch(() => {});
  await t.rejects(sh('cat "$1/a"', mnt), /No such file/);
  await nfs.file(nfs.root, 'c');
  await until('0\n', 'stat -c %s "$1/c"', mnt);
  await rename(nfs, nfs.root, 'b', 'c');
  await until('other', 'cat "$1/c"', mnt);
  await remove(nfs, nfs.root, 'c');
  await until('', 'ls "$1"', mnt);
  await until('gone', 'test -e "$1/c" || printf gone', mnt);
  await stop();
});

t.test('what is changed in the mount is seen by NFS', async t => {
  const { mnt, client, stop } = await served(t);
  const nfs = await client();
  await sh('cd "$1" && printf one > a && mkdir d && printf two > d/b', mnt);
  const file = await nfs.lookup(nfs.root, 'a');
  t.equal(await read(nfs, file), 'one');
  await sh('printf changed > "$1/a" && chmod 600 "$1/a"', mnt);
  t.equal(await read(nfs, file), 'changed');
  const { obj_attributes } = await nfs.call(NFSPROC3.GETATTR, GETATTR3args, { object: file }, GETATTR3res);
  t.match(obj_attributes, { mode: 0o600, size: 7 });
  await sh('cd "$1" && mv a d/a && rm d/b', mnt);
  await t.rejects(nfs.lookup(nfs.root, 'a'), /status 2$/);
  const dir = await nfs.lookup(nfs.root, 'd');
  t.same(await nfs.lookup(dir, 'a'), file, 'it is the same file');
  await t.rejects(nfs.lookup(dir, 'b'), /status 2$/);
  await sh('rm "$1/d/a"', mnt);
  await t.rejects(read(nfs, file), /status 70$/, 'its handle is stale');
  await stop();
});

t.test('two mounts of one volume see what the other one changes', async t => {
  const { other } = folders(t, 'other');
  const second = `subvolumes data\nend-volume\nvolume more\n type mount/fuse\n option mountpoint ${other}\n option entry-timeout 3600\n option attribute-timeout 3600`;
  const { mnt, stop } = await served(t, { fuse: second });
  await sh('printf one > "$1/a" && cat "$2/a" > /dev/null && printf other > "$1/a"', mnt, other);
  await until('other', 'cat "$1/a"', other);
  await sh('rm "$1/a"', other);
  await until('gone', 'test -e "$1/a" || printf gone', mnt);
  await stop();
});

t.test('a reload changes live options', async t => {
  const { mnt, server, write, stop } = await served(t);
  await sh('printf text > "$1/a"', mnt);
  write({ delay: '1000' });
  server.child.kill('SIGHUP');
  await server.stderr.until(/the new volfile has taken over/);
  t.equal(await sh('cat "$1/a" && rm "$1/a" && ls "$1"', mnt), 'text');
  await stop();
});

t.test('with several stages the first one serves the mount, and the operator is told what that means', async t => {
  const { data, mnt, server, stop } = await served(t, {}, '--stages', '2');
  t.match(server.stderr.text, /the first of the 2 stages serves the mounts/);
  await sh('printf text > "$1/a" && cat "$2/a"', mnt, data);
  await stop();
});

t.test('a mountpoint by which the server would reach its own mount is refused', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const file = join(state, 'served.vol');
  writeFileSync(file, volfile({ data, mnt: data }));
  await t.rejects(serving(t, ['-f', file, '--state-dir', state]), /found one in the brick .*wait for itself/s);
  writeFileSync(file, volfile({ data, mnt: state }));
  await t.rejects(serving(t, ['-f', file, '--state-dir', state]), /below it, which this process uses/s);
});

/** The number of a mount's connection with the kernel. */
function connectionOf(mnt: string): string {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find(one => one.split(' ')[4] === mnt);
  return line!.split(' ')[2]!.split(':')[1]!;
}

t.test('nothing waits for ever when reads, lookups and renames race with what the kernel is told', async t => {
  // Each of these takes long enough to be under way when NFS changes the same file or the same name.
  const { mnt, client, stop } = await served(t, { delay: '3000' });
  await sh('mountpoint -q /sys/fs/fuse/connections || mount -t fusectl none /sys/fs/fuse/connections');
  const connection = connectionOf(mnt);
  let aborted = false;
  // A process that waits for itself cannot be killed; only the kernel can end its connection.
  const watchdog = setTimeout(() => {
    aborted = true;
    writeFileSync(`/sys/fs/fuse/connections/${connection}/abort`, '1');
  }, 120_000);
  t.teardown(() => clearTimeout(watchdog));
  const clients = await Promise.all(Array.from({ length: 4 }, client));
  const [first] = clients;
  const names = ['a', 'b', 'c'];
  for (const name of names) await first!.file(first!.root, name, 300_000);
  const times = 40;
  const changes = clients.map(async (nfs, i) => {
    for (let n = 0; n < times; n++) {
      const name = names[(i + n) % names.length]!;
      const file = await nfs.lookup(nfs.root, name).catch(() => undefined);
      if (file !== undefined) await write(nfs, file, 'x'.repeat(n + 1)).catch(() => {});
      await rename(nfs, nfs.root, name, names[n % names.length]!).catch(() => {});
      await nfs.file(nfs.root, name, 10_000).catch(() => {}); // another client may remove it meanwhile
    }
  });
  const uses = [
    'for i in $(seq 60); do cat "$1/a" "$1/b" "$1/c" > /dev/null 2>&1 || true; done',
    'for i in $(seq 60); do mv "$1/a" "$1/b" 2> /dev/null; mv "$1/b" "$1/c" 2> /dev/null; done || true',
    'for i in $(seq 60); do ls -l "$1" > /dev/null 2>&1; stat "$1/a" "$1/none" > /dev/null 2>&1; done || true',
    'for i in $(seq 60); do echo $i > "$1/b" || true; echo $i > "$1/d$i" && rm "$1/d$i"; done',
  ];
  await Promise.all([...changes, ...uses.map(one => sh(one, mnt).catch(() => ''))]);
  t.notOk(aborted, 'the watchdog has not ended the connection');
  await write(first!, await first!.file(first!.root, 'last'), 'end');
  await until('end', 'cat "$1/last"', mnt);
  await stop();
});

t.test('a stop ends a mount although what the kernel is told waits for a read that is not answered', async t => {
  const { mnt, client, stop } = await served(t, { delay: '4000000' });
  const nfs = await client();
  const file = await nfs.file(nfs.root, 'a', 5000).catch(() => undefined);
  t.ok(file);
  const reading = sh('cat "$1/a" > /dev/null', mnt).catch(() => 'failed');
  await sleep(5000); // the lookup takes four seconds, and then the read is under way
  await write(nfs, file!, 'changed'); // the kernel is told, and waits for the page that is read
  await stop();
  await reading;
});
