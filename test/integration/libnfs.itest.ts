/** libnfs, a client in user space with a protocol implementation of its own, by its tools: nfs-ls, nfs-cp, nfs-cat. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { folders, serving } from '../cli/harness.ts';

t.setTimeout(180_000);

const run = promisify(execFile);
const MAX_BYTES = 64 * 1024 * 1024;

const { dir, state, local } = folders(t, 'dir', 'state', 'local');
const server = await serving(t, [dir, '--port', '0', '--state-dir', state, '--insecure']);
const root = process.getuid?.() === 0;

const url = (path: string, more = '') =>
  `nfs://127.0.0.1${path}?nfsport=${server.port}&mountport=${server.port}&version=3${more}`;

async function tool(name: string, ...args: string[]): Promise<Buffer> {
  const { stdout } = await run(name, args, { encoding: 'buffer', maxBuffer: MAX_BYTES });
  return stdout;
}

/** What nfs-ls prints: mode, links, uid, gid, size, name. */
async function list(path: string, ...flags: string[]) {
  const lines = (await tool('nfs-ls', ...flags, url(path))).toString().trimEnd().split('\n');
  return lines.map(line => {
    const [mode, nlink, uid, gid, size, ...name] = line.trim().split(/\s+/);
    return { mode, nlink: Number(nlink), uid: Number(uid), gid: Number(gid), size: Number(size), name: name.join(' ') };
  });
}

t.test('nfs-ls tells names, types, modes, owners and sizes', async t => {
  mkdirSync(join(dir, 'ls/sub'), { recursive: true });
  writeFileSync(join(dir, 'ls/file'), 'x'.repeat(12_345));
  chmodSync(join(dir, 'ls/file'), 0o640);
  symlinkSync('file', join(dir, 'ls/link'));
  const entries = (await list(join(dir, 'ls'))).sort((a, b) => (a.name < b.name ? -1 : 1));
  t.strictSame(
    entries.map(({ name }) => name),
    ['file', 'link', 'sub'],
  );
  const { uid, gid } = statSync(join(dir, 'ls/file'));
  t.strictSame(entries[0], { mode: '-rw-r-----', nlink: 1, uid, gid, size: 12_345, name: 'file' });
  t.match(entries[1]!.mode, /^l/);
  t.match(entries[2], { mode: 'drwxr-xr-x', nlink: 2 });
});

t.test('nfs-ls lists 3,000 names, each once', async t => {
  mkdirSync(join(dir, 'many'));
  const names = Array.from({ length: 3000 }, (_, i) => `a-name-of-an-entry-${String(i).padStart(5, '0')}`);
  for (const name of names) writeFileSync(join(dir, 'many', name), '');
  const listed = (await list(join(dir, 'many'))).map(({ name }) => name);
  t.equal(listed.length, names.length);
  t.strictSame(listed.sort(), names);
});

t.test('nfs-ls -R goes down', async t => {
  mkdirSync(join(dir, 'deep/a/b/c'), { recursive: true });
  writeFileSync(join(dir, 'deep/a/b/c/bottom'), 'x');
  const out = (await tool('nfs-ls', '-R', url(join(dir, 'deep')))).toString();
  t.match(out, /\bbottom\b/);
});

t.test('nfs-cp brings bytes there and back', async t => {
  const bytes = randomBytes(9 * 1024 * 1024 + 77);
  writeFileSync(join(local, 'from'), bytes);
  await tool('nfs-cp', join(local, 'from'), url(join(dir, 'copied')));
  t.ok(readFileSync(join(dir, 'copied')).equals(bytes), 'on the server');
  await tool('nfs-cp', url(join(dir, 'copied')), join(local, 'back'));
  t.ok(readFileSync(join(local, 'back')).equals(bytes), 'and back');
  await tool('nfs-cp', url(join(dir, 'copied')), url(join(dir, 'again')));
  t.ok(readFileSync(join(dir, 'again')).equals(bytes), 'from the server to the server');
});

t.test('nfs-cat reads what is there', async t => {
  for (const size of [0, 1, 4096, 1024 * 1024, 5_000_001]) {
    const bytes = randomBytes(size);
    writeFileSync(join(dir, `cat-${size}`), bytes);
    t.ok((await tool('nfs-cat', url(join(dir, `cat-${size}`)))).equals(bytes), `${size} bytes`);
  }
});

t.test('what is not there, or not allowed, is an error', async t => {
  await t.rejects(tool('nfs-cat', url(join(dir, 'nothing'))), { message: /NFS3ERR_NOENT/ });
  await t.rejects(tool('nfs-ls', url('/no/such/export')), { message: /MNT3ERR_NOENT|MNT3ERR_ACCES/ });
  writeFileSync(join(dir, 'secret'), 'of root', { mode: 0o600 });
  const asOther = tool('nfs-cat', url(join(dir, 'secret'), '&uid=1001&gid=1001'));
  if (root) await t.rejects(asOther, { message: /ACCESS denied|NFS3ERR_ACCES/ });
  else t.equal((await asOther).toString(), 'of root', 'everybody works as the user that the server runs as');
});
