/**
 * The whole server, used by the commands of libnfs: an NFS client that shares no code with the kernel's client or with
 * bricknfs.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { basename, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { folders, serving } from '../cli/harness.ts';
import { enterNamespaces } from '../support/namespace.ts';

// libnfs 4 asks a port mapper for the ports, so the namespace has one on port 111.
enterNamespaces(import.meta.filename);
t.setTimeout(300_000);

const run = promisify(execFile);
const KiB = 1024;
const MiB = 1024 * KiB;
const OUTPUT_MAX = 80 * MiB;

interface Ran {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a command of libnfs-utils to its end. */
async function libnfs(command: string, ...args: string[]): Promise<Ran> {
  try {
    const { stdout, stderr } = await run(command, args, { encoding: 'buffer', maxBuffer: OUTPUT_MAX, timeout: 60_000 });
    return { code: 0, stdout, stderr: stderr.toString('latin1') };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: Buffer; stderr: Buffer };
    if (typeof code !== 'number') throw error;
    return { code, stdout, stderr: stderr.toString('latin1') };
  }
}

interface Listed {
  readonly mode: string;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
}

/** The output of nfs-ls by path. Fails if a path is printed twice. */
async function list(t: Test, url: string, ...flags: string[]): Promise<Map<string, Listed>> {
  const { code, stdout, stderr } = await libnfs('nfs-ls', ...flags, url);
  t.equal(code, 0, stderr);
  const listed = new Map<string, Listed>();
  for (const line of stdout.toString('latin1').split('\n')) {
    if (line === '') continue;
    const [, mode, nlink, uid, gid, size, name] = /^(\S{10}) +(\d+) +(\d+) +(\d+) +(\d+) (.*)$/.exec(line)!;
    if (listed.has(name!)) t.fail(`${name} is listed twice`);
    listed.set(name!, { mode: mode!, nlink: Number(nlink), uid: Number(uid), gid: Number(gid), size: Number(size) });
  }
  return listed;
}

/** What that output must be, from lstat(2). nfs-ls shows only permissions, with `d` and `-` for types. */
function onDisk(dir: string): Map<string, Listed> {
  const expected = new Map<string, Listed>();
  for (const name of fs.readdirSync(dir, { encoding: 'latin1', recursive: true }).map(String)) {
    const stat = fs.lstatSync(Buffer.from(join(dir, name), 'latin1'));
    const bits = Array.from('rwxrwxrwx', (letter, i) => (stat.mode & (0o400 >> i) ? letter : '-')).join('');
    const { nlink, uid, gid, size } = stat;
    expected.set(name, {
      mode: (stat.isDirectory() ? 'd' : stat.isSymbolicLink() ? 'l' : '-') + bits,
      nlink,
      uid,
      gid,
      size,
    });
  }
  return expected;
}

const sorted = <T>(map: Map<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
const digest = (path: string) => createHash('sha256').update(fs.readFileSync(path)).digest('hex');
const NFS = 'nfs://127.0.0.1';

async function served(t: Test, ...args: string[]) {
  const { data, state, local } = folders(t, 'data', 'state', 'local');
  fs.chmodSync(data, 0o777);
  const fixed = [data, '--state-dir', state, '--insecure', '--port', '2049', '--portmapper'];
  const server = await serving(t, [...fixed, ...args]);
  const stop = async () => {
    server.child.kill('SIGTERM');
    t.equal(await server.exited, 0);
    t.notMatch(server.stderr.text, /"level":[56]0/);
  };
  return { data, local, url: `${NFS}${data}`, stop };
}

t.test('a listing agrees with lstat for every kind of name and object', async t => {
  const { data, url, stop } = await served(t);
  const names = ['plain', 'with a blank', 'ünï©øde-名前', 'quote\'"$(x)', '.hidden', 'x'.repeat(255), '-l', '*', '%s'];
  for (const [i, name] of names.entries())
    fs.writeFileSync(join(data, name), 'y'.repeat(i * 1000), { mode: 0o600 + i });
  fs.writeFileSync(Buffer.concat([Buffer.from(`${data}/`), Buffer.from('ff80fe', 'hex')]), 'no UTF-8');
  fs.mkdirSync(join(data, 'deep', 'er', 'still'), { recursive: true });
  fs.writeFileSync(join(data, 'deep', 'er', 'still', 'file'), 'at the bottom');
  fs.linkSync(join(data, 'plain'), join(data, 'deep', 'linked'));
  fs.chownSync(join(data, 'plain'), 1234, 5678);
  fs.truncateSync(join(data, 'plain'), 5 * 1024 * MiB);
  t.strictSame(sorted(await list(t, url, '-R')), sorted(onDisk(data)));
  t.strictSame(sorted(await list(t, `${url}/deep/er/still`)), sorted(onDisk(join(data, 'deep/er/still'))));
  t.strictSame(
    sorted(await list(t, `${NFS}/data/deep`, '-R')),
    sorted(onDisk(join(data, 'deep'))),
    'by the name as well',
  );
  fs.mkdirSync(join(data, 'nothing in it'));
  t.equal((await list(t, `${url}/nothing in it`)).size, 0);
  await stop();
});

t.test('3,000 entries are listed exactly once', async t => {
  const { data, url, stop } = await served(t, '--stages', '2');
  const many = join(data, 'many');
  fs.mkdirSync(many);
  for (let i = 0; i < 3000; i++) fs.writeFileSync(join(many, `${i}-${'n'.repeat(i % 200)}`), 'x'.repeat(i % 7));
  const listed = await list(t, `${url}/many`);
  t.equal(listed.size, 3000);
  t.strictSame(sorted(listed), sorted(onDisk(many)));
  await stop();
});

const SIZES = [0, 1, 4095, 4096, 4097, 64 * KiB, MiB - 1, MiB, MiB + 1, 7 * MiB + 13, 64 * MiB];

for (const stages of ['1', '2']) {
  t.test(`files copied in and out again are the same, with ${stages} stages`, async t => {
    const { data, local, url, stop } = await served(t, '--stages', stages);
    for (const size of SIZES) {
      const original = join(local, `${size}`);
      fs.writeFileSync(original, randomBytes(size));
      t.match(await libnfs('nfs-cp', original, `${url}/${size}`), { code: 0, stderr: '' }, `${size} bytes in`);
      t.equal(digest(join(data, `${size}`)), digest(original), `${size} bytes are on the disk`);
      t.match(await libnfs('nfs-cp', `${url}/${size}`, join(local, 'back')), { code: 0 }, `${size} bytes out`);
      t.equal(digest(join(local, 'back')), digest(original), `${size} bytes came back`);
      fs.rmSync(join(local, 'back'));
    }
    t.match(await libnfs('nfs-cp', `${url}/${7 * MiB + 13}`, `${url}/twin`), { code: 0 }, 'from the server to itself');
    t.equal(digest(join(data, 'twin')), digest(join(local, `${7 * MiB + 13}`)));
    const { stdout } = await libnfs('nfs-cat', `${url}/${64 * MiB}`);
    t.ok(stdout.equals(fs.readFileSync(join(local, `${64 * MiB}`))), 'nfs-cat gives 64 MiB as they are');
    t.equal((await libnfs('nfs-cat', `${url}/0`)).stdout.length, 0);
    await stop();
  });
}

t.test('the port in the URL is enough, without a portmapper', async t => {
  const { data, state, local } = folders(t, 'data', 'state', 'local');
  const server = await serving(t, [data, '--state-dir', state, '--insecure', '--port', '0']);
  const more = `?nfsport=${server.port}&mountport=${server.port}&version=3`;
  const bytes = randomBytes(9 * MiB + 77);
  fs.writeFileSync(join(local, 'from'), bytes);
  t.match(await libnfs('nfs-cp', join(local, 'from'), `${NFS}${data}/copied${more}`), { code: 0, stderr: '' });
  t.ok((await libnfs('nfs-cat', `${NFS}${data}/copied${more}`)).stdout.equals(bytes));
  t.match((await libnfs('nfs-ls', '-R', `${NFS}${data}${more}`)).stdout.toString(), / copied$/m);
});

t.test('many commands run at the same time', async t => {
  const { data, local, url, stop } = await served(t, '--stages', '2');
  const names = Array.from({ length: 12 }, (_, i) => `${i}`);
  for (const name of names) fs.writeFileSync(join(local, name), randomBytes(3 * MiB + Number(name)));
  const ran = await Promise.all(names.map(name => libnfs('nfs-cp', join(local, name), `${url}/${name}`)));
  t.ok(
    ran.every(({ code }) => code === 0),
    ran.map(({ stderr }) => stderr).join(''),
  );
  for (const name of names) t.equal(digest(join(data, name)), digest(join(local, name)), name);
  await stop();
});

t.test('impossible operations are reported, and change nothing', async t => {
  const { data, local, url, stop } = await served(t);
  fs.mkdirSync(join(data, 'dir'), { mode: 0o755 });
  fs.writeFileSync(join(data, 'secret'), 'root only', { mode: 0o600 });
  fs.writeFileSync(join(local, 'new'), 'new');
  const before = sorted(onDisk(data));
  const as = '?uid=1000&gid=1000';
  const failures: [RegExp, string, ...string[]][] = [
    [/NFS3ERR_NOENT/, 'nfs-cat', `${url}/missing`],
    [/NFS3ERR_NOENT/, 'nfs-cp', `${url}/missing`, join(local, 'copy')],
    [/NFS3ERR_NOENT|MNT3ERR_NOENT/, 'nfs-cat', `${url}/missing/file`],
    [/MNT3ERR_NOENT/, 'nfs-ls', `${url}/missing`],
    [/MNT3ERR_NOENT/, 'nfs-cp', join(local, 'new'), `${url}/missing/new`],
    [/MNT3ERR_NOTDIR/, 'nfs-ls', `${url}/secret`],
    [/MNT3ERR_ACCES/, 'nfs-ls', `${NFS}/elsewhere`],
    [/MNT3ERR_ACCES/, 'nfs-ls', `${NFS}/`],
    [/NFS3ERR_ACCES|ACCESS denied/, 'nfs-cat', `${url}/secret${as}`],
    [/NFS3ERR_ACCES|ACCESS denied/, 'nfs-cp', `${url}/secret${as}`, join(local, 'copy')],
    [/NFS3ERR_ACCES|ACCESS denied/, 'nfs-cp', join(local, 'new'), `${url}/dir/new${as}`],
  ];
  for (const [why, command, ...args] of failures) {
    const { code, stdout, stderr } = await libnfs(command, ...args);
    const shown = `${command} ${args.map(arg => basename(arg)).join(' ')}`;
    t.not(code, 0, `${shown} fails`);
    t.match(stderr, why, shown);
    t.equal(stdout.length, 0);
  }
  t.strictSame(sorted(onDisk(data)), before);
  t.match(await libnfs('nfs-cat', `${url}/secret`), { code: 0, stdout: Buffer.from('root only') }, 'root may read it');
  await stop();
});

t.test('a user other than root is that user', async t => {
  const { data, local, url, stop } = await served(t);
  fs.mkdirSync(join(data, 'home'), { mode: 0o700 });
  fs.chownSync(join(data, 'home'), 1000, 1001);
  fs.writeFileSync(join(local, 'mine'), 'mine');
  const as = '?uid=1000&gid=1001';
  t.match(await libnfs('nfs-cp', join(local, 'mine'), `${url}/home/mine${as}`), { code: 0, stderr: '' });
  t.match(fs.statSync(join(data, 'home/mine')), { uid: 1000, gid: 1001, size: 4 });
  t.match(await libnfs('nfs-cat', `${url}/home/mine${as}`), { code: 0, stdout: Buffer.from('mine') });
  t.not((await libnfs('nfs-cat', `${url}/home/mine?uid=2000&gid=2000`)).code, 0);
  await stop();
});

/** A copy of this project that any user can read, and the path of Node.js in it. */
function readableByAll(): { root: string; node: string } {
  const root = join(import.meta.dirname, '../..');
  const seen = '/run/bricknfs-tree';
  fs.mkdirSync(seen);
  execFileSync('mount', ['--bind', root, seen]);
  const node = relative(root, fs.realpathSync(process.execPath));
  return { root: seen, node: node.startsWith('..') ? process.execPath : join(seen, node) };
}

t.test("on a plain user's server all files belong to that user, and everything works", async t => {
  const { data, state, local } = folders(t, 'data', 'state', 'local');
  const { root, node } = readableByAll();
  const uid = 1000;
  fs.chmodSync(join(data, '..'), 0o755);
  for (const dir of [data, state]) fs.chownSync(dir, uid, uid);
  fs.writeFileSync(join(data, "root's"), 'not for him', { mode: 0o600 });
  // libnfs asks at port 111, which the plain user's server may then use.
  fs.writeFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', '0');
  const options = ['--state-dir', state, '--port', '3049', '--portmapper'];
  const argv = ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', '--no-new-privs', '--inh-caps=-all'];
  const serve = [...argv, node, join(root, 'src/main.ts'), 'serve', data, ...options];
  const child = spawn('setpriv', serve, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const said: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    said.push(line);
    if (line.startsWith('bricknfs is serving')) break;
  }
  t.match(said.join('\n'), /^Limits: /m, 'the server prints what it cannot do');

  const url = `${NFS}${data}`;
  for (const size of [0, 5, 3 * MiB + 1]) {
    fs.writeFileSync(join(local, `${size}`), randomBytes(size));
    t.match(
      await libnfs('nfs-cp', join(local, `${size}`), `${url}/${size}`),
      { code: 0, stderr: '' },
      `${size} bytes in`,
    );
    t.match(fs.statSync(join(data, `${size}`)), { uid, gid: uid, size });
    t.match(await libnfs('nfs-cp', `${url}/${size}`, join(local, 'back')), { code: 0 }, `${size} bytes out`);
    t.equal(digest(join(local, 'back')), digest(join(local, `${size}`)));
    fs.rmSync(join(local, 'back')); // nfs-cp does not overwrite files.
  }
  fs.mkdirSync(join(data, 'a', 'b'), { recursive: true });
  t.strictSame(sorted(await list(t, url, '-R')), sorted(onDisk(data)));
  t.match(
    (await libnfs('nfs-cat', `${url}/root's`)).stderr,
    /NFS3ERR_ACCES|ACCESS denied/,
    "even root's client acts as the plain user",
  );
  child.kill('SIGTERM');
  t.equal((await exited)[0], 0);
});
