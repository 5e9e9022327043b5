/**
 * Directories whose names are not UTF-8. Names are bytes in Linux, and such directories are exported like any others.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { RecordClient } from '../support/rpc/service.ts';
import { call, text } from '../support/wire.ts';
import { folders } from './harness.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
t.jobs = 2;
const WAIT_MS = 60_000;
const MNT = 1;
const COMMON = ['--port', '0', '--insecure'];
const latin1 = (bytes: string) => Buffer.from(bytes, 'latin1');
const hexOf = (bytes: string) => latin1(bytes).toString('hex');
/** Paths of temporary directories are plain ASCII, so that their text and bytes are the same. */
const home = (t: Test, ...names: string[]) => Object.values(folders(t, ...names));

/** Starts `bricknfs` with arguments that are bytes, one character each. Node.js itself can only pass text. */
function start(t: Test, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const octal = (word: string) => [...latin1(word)].map(byte => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  const words = args.map(word => `"$(printf '${octal(word)}')"`).join(' ');
  const child = spawn('sh', ['-c', `exec "$0" "$1" ${words}`, process.execPath, MAIN], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const chunks = { out: '', err: '' };
  child.stdout.setEncoding('latin1').on('data', (chunk: string) => (chunks.out += chunk));
  child.stderr.setEncoding('latin1').on('data', (chunk: string) => (chunks.err += chunk));
  const closed = once(child, 'close').then(([code]) => code as number | null);
  const timer = setTimeout(() => child.kill('SIGKILL'), WAIT_MS);
  void closed.then(() => clearTimeout(timer));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  return { child, chunks, closed };
}

async function serving(t: Test, args: readonly string[]) {
  const { child, chunks, closed } = start(t, ['serve', '--stages', '1', ...args]);
  const ready = Promise.withResolvers<number>();
  child.stdout.on('data', () => {
    const [, port] = /^bricknfs is serving on .*:(\d+)$/m.exec(chunks.out) ?? [];
    if (port !== undefined) ready.resolve(Number(port));
  });
  void closed.then(code => ready.reject(new Error(`it ended with ${code}: ${chunks.err}`)));
  return { port: await ready.promise, chunks };
}

/** The status of MNT. */
async function mount(t: Test, port: number, path: string): Promise<number> {
  const client = new RecordClient(port);
  t.teardown(() => client.socket.destroy());
  return (await client.exchange(call('mount3', MNT, text(path)))).readUInt32BE(24);
}

/** The names, some of which become the same text in Node.js. */
const names = ['caf\xe9', 'caf\xe8', '\xff\xfe', 'half \xc3', 'caf\xc3\xa9', '\xed\xa0\x80'];

t.test('serve DIR exports such a directory', async t => {
  const [dir, state] = home(t, 'dir', 'state');
  for (const name of names) mkdirSync(latin1(`${dir}/${name}/d\xe9p`), { recursive: true });
  const paths = names.map(name => `${dir}/${name}`);
  const { port, chunks } = await serving(t, [...COMMON, '--state-dir', state!, ...paths]);
  for (const name of names) {
    const path = `${dir}/${name}`;
    for (const asked of [`/${name}`, path, `/${name}/d\xe9p`]) t.equal(await mount(t, port, asked), 0, hexOf(asked));
    t.ok(chunks.out.includes(`/${name}, also as ${path} (`), 'the directory is printed in its own bytes');
  }
  t.not(await mount(t, port, '/caf\xef\xbf\xbd'), 0, 'a similar name is another name');
});

t.test('--print-volfile makes a volfile with such a directory', async t => {
  const [dir, state] = home(t, 'dir', 'state');
  const path = `${dir}/caf\xe9`;
  mkdirSync(latin1(path));
  const printed = start(t, ['serve', '--insecure', '--print-volfile', path]);
  t.equal(await printed.closed, 0, printed.chunks.err);
  t.ok(printed.chunks.out.includes(`option directory ${path}\n`));
  const file = `${dir}/vol\xe9.vol`;
  writeFileSync(latin1(file), latin1(printed.chunks.out.replace('nfs.port 2049', 'nfs.port 0')));
  const checked = start(t, ['check', '-f', file]);
  t.equal(await checked.closed, 0, checked.chunks.err);
  t.ok(checked.chunks.out.includes(`option directory ${path}\n`));
  const { port } = await serving(t, ['--state-dir', state!, '-f', file]);
  t.equal(await mount(t, port, '/caf\xe9'), 0);
});

t.test('a symbolic link with such a name is followed', async t => {
  const [dir, state] = home(t, 'dir', 'state');
  mkdirSync(join(dir!, 'v1'));
  symlinkSync('v1', latin1(`${dir}/l\xe9`));
  const { port } = await serving(t, [...COMMON, '--state-dir', state!, `${dir}/l\xe9`]);
  for (const path of ['/v1', '/l\xe9', `${dir}/l\xe9`]) t.equal(await mount(t, port, path), 0, path);
});

t.test('a server in the background exports such a directory', async t => {
  const [dir, state] = home(t, 'dir', 'state');
  const path = `${dir}/caf\xe9`;
  mkdirSync(latin1(path));
  const pidFile = join(state!, 'pid');
  const args = ['serve', '--daemon', '--port', '0', '--insecure', '--stages', '1', '--state-dir', state!];
  const { chunks, closed } = start(t, [...args, '-p', pidFile, path]);
  t.equal(await closed, 0, chunks.err);
  t.teardown(() => {
    if (existsSync(pidFile)) process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
  });
  const [, port] = /mountport=(\d+)/.exec(chunks.out)!;
  t.equal(await mount(t, Number(port), '/caf\xe9'), 0);
});

t.test('a missing directory is reported', async t => {
  const [dir] = home(t, 'dir');
  const { chunks, closed } = start(t, ['serve', `${realpathSync(dir!)}/caf\xe9`]);
  t.equal(await closed, 2);
  t.match(chunks.err, /^bricknfs: cannot serve .*: there is no such directory\n$/);
});
