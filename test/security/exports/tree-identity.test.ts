/**
 * A handle is valid for the tree that it was given out for, and for no other: not for another directory under the same
 * volume name, and not for a directory that takes the place of the served one while the server runs.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { MNT3 } from '#protocols/mount.ts';
import { nfsstat3, stable_how } from '#protocols/nfs3/constants.ts';
import { bricknfs, folders, serving } from '../../cli/harness.ts';
import { NFS3 } from '../../soak/procedures.ts';
import { type ServedNfs, serveNfs, temporaryDir } from '../../support/nfs.ts';
import { NfsClient } from '../client.ts';

const { NFS3_OK, NFS3ERR_STALE } = nfsstat3;

/** Fills a directory with a file and a directory. */
function fill(dir: string, content: string): string {
  mkdirSync(join(dir, 'sub'), { recursive: true });
  chmodSync(dir, 0o755);
  for (const path of ['file', 'sub/file']) writeFileSync(join(dir, path), content);
  return dir;
}

async function handlesOf(client: NfsClient): Promise<Record<string, Buffer>> {
  const root = await client.mounted('/vol');
  const sub = await client.found(root, 'sub');
  return { root, sub, file: await client.found(root, 'file'), 'sub/file': await client.found(sub, 'file') };
}

const read = async (client: NfsClient, file: Buffer) =>
  (await client.call(NFS3.READ, { file, offset: 0, count: 100 })) as { status: number; data?: Uint8Array };

async function write(client: NfsClient, file: Buffer): Promise<number> {
  const data = Buffer.from('overwritten');
  const args = { file, offset: 0, count: data.length, stable: stable_how.FILE_SYNC, data };
  return (await client.call(NFS3.WRITE, args)).status;
}

/** Checks that none of the handles can be used. */
async function expectStale(t: Test, client: NfsClient, handles: Record<string, Buffer>, what: string): Promise<void> {
  for (const [path, handle] of Object.entries(handles)) {
    t.equal(await client.getattr(handle), NFS3ERR_STALE, `${what}: GETATTR of ${path}`);
    if (path.endsWith('file')) {
      t.equal((await read(client, handle)).status, NFS3ERR_STALE, `${what}: READ of ${path}`);
      t.equal(await write(client, handle), NFS3ERR_STALE, `${what}: WRITE of ${path}`);
    } else {
      t.equal(await client.lookup(handle, 'file'), NFS3ERR_STALE, `${what}: LOOKUP in ${path}`);
      t.equal(await client.list(handle), NFS3ERR_STALE, `${what}: READDIRPLUS of ${path}`);
    }
  }
}

async function expectGood(t: Test, client: NfsClient, handles: Record<string, Buffer>, what: string): Promise<void> {
  for (const [path, handle] of Object.entries(handles))
    t.equal(await client.getattr(handle), NFS3_OK, `${what}: ${path}`);
}

for (const index of ['off', 'on']) {
  const brick = [`option index ${index}`];

  t.test(`another directory under the same volume's name, index ${index}`, async t => {
    const stateDir = await temporaryDir(t, 'state');
    const [x, y] = [fill(await temporaryDir(t, 'x'), 'of x'), fill(await temporaryDir(t, 'y'), 'of y')];
    const handles = await handlesOf(await NfsClient.connect(t, await serveNfs(t, { dir: x, stateDir, brick })));
    const client = await NfsClient.connect(t, await serveNfs(t, { dir: y, stateDir, brick }));
    await expectStale(t, client, handles, 'handles of the first');
    t.equal(readFileSync(join(x, 'file'), 'utf8'), 'of x');
    const own = await handlesOf(client);
    t.equal(Buffer.from((await read(client, own['file']!)).data!).toString(), 'of y');
  });

  t.test(`of two servers at once, one does not accept the handles of the other, index ${index}`, async t => {
    const [x, y] = [fill(await temporaryDir(t, 'x'), 'of x'), fill(await temporaryDir(t, 'y'), 'of y')];
    const options = ['option nfs3.vol.volume-access read-only', 'option nfs3.vol.squash all'];
    const careful = await NfsClient.connect(t, await serveNfs(t, { dir: x, brick, options }));
    const handles = await handlesOf(careful);
    await expectStale(t, await NfsClient.connect(t, await serveNfs(t, { dir: y, brick })), handles, 'at the other');
    await expectGood(t, careful, handles, 'at its own');
  });

  t.test(`two trees with the same volume-id, one after the other, share no handles, index ${index}`, async t => {
    const options = ['option nfs3.vol.volume-id 3b1b7a52-5f0b-4d5e-9d3c-8a5f4f2f7c11'];
    const [x, y] = [fill(await temporaryDir(t, 'x'), 'of x'), fill(await temporaryDir(t, 'y'), 'of y')];
    const handles = await handlesOf(await NfsClient.connect(t, await serveNfs(t, { dir: x, brick, options })));
    await expectStale(t, await NfsClient.connect(t, await serveNfs(t, { dir: y, brick, options })), handles, 'handles');
  });
}

/** A server over a directory within a directory, so that it can be moved, and the handles that clients hold. */
async function served(t: Test): Promise<{ dir: string; server: ServedNfs; other: () => Promise<ServedNfs> }> {
  const [home, stateDir] = [await temporaryDir(t, 'home'), await temporaryDir(t, 'state')];
  const dir = fill(join(home, 'data'), 'old');
  const serve = () => serveNfs(t, { dir, stateDir });
  return { dir, server: await serve(), other: serve };
}

/** Ways in which another directory comes to be in the place of the served one. */
const REPLACED: Readonly<Record<string, (dir: string) => void>> = {
  'removed and made again': dir => {
    rmSync(dir, { recursive: true });
    fill(dir, 'new');
  },
  'moved aside and made again': dir => {
    renameSync(dir, `${dir}.old`);
    fill(dir, 'new');
  },
  'exchanged by a rename': dir => {
    fill(`${dir}.new`, 'new');
    renameSync(dir, `${dir}.old`);
    renameSync(`${dir}.new`, dir);
  },
};

for (const [what, replace] of Object.entries(REPLACED)) {
  t.test(`the served directory is ${what}`, async t => {
    const { dir, server, other } = await served(t);
    const stage = await other();
    const [client, beside] = [await NfsClient.connect(t, server), await NfsClient.connect(t, stage)];
    const handles = await handlesOf(client);
    await expectGood(t, beside, handles, 'in another stage, before it is replaced');
    replace(dir);
    const now = await handlesOf(client);
    t.equal(Buffer.from((await read(client, now['file']!)).data!).toString(), 'new', 'MNT leads to the new directory');
    t.equal(await write(client, now['sub/file']!), NFS3_OK);
    await expectStale(t, client, handles, 'old handles');
    await expectGood(t, beside, now, 'in another stage the new handles are valid at once');
    await expectStale(t, beside, handles, 'old handles in another stage');
    t.strictSame(await handlesOf(beside), now, 'the other stage gives out the same handles');
  });
}

t.test('stages agree even without a MNT', async t => {
  const { dir, server } = await served(t);
  const client = await NfsClient.connect(t, server);
  const { root } = await handlesOf(client);
  renameSync(dir, `${dir}.old`);
  fill(dir, 'new');
  while ((await client.getattr(root!)) !== NFS3ERR_STALE) await new Promise(resolve => setTimeout(resolve, 50));
  t.pass('the old handle becomes stale after a while');
});

t.test('a missing directory is NOENT until there is one', async t => {
  const { dir, server } = await served(t);
  const client = await NfsClient.connect(t, server);
  const handles = await handlesOf(client);
  renameSync(dir, `${dir}.moved`);
  t.equal(await client.mount('/vol'), MNT3.ERR_NOENT);
  t.equal(await client.mount('/vol/sub'), MNT3.ERR_NOENT);
  t.match(server.graph.xlators.get('brick')!.trouble, /is missing/);
  await expectGood(t, client, handles, 'a moved directory keeps its handles');
  writeFileSync(dir, '');
  t.equal(await client.mount('/vol'), MNT3.ERR_NOENT, 'a file is not a directory');
  rmSync(dir);
  renameSync(`${dir}.moved`, dir);
  t.strictSame(await handlesOf(client), handles, 'the handles are the same when the directory is back');
  t.equal(server.graph.xlators.get('brick')!.trouble, undefined);
  rmSync(dir, { recursive: true });
  t.equal(await client.mount('/vol'), MNT3.ERR_NOENT);
  await expectStale(t, client, handles, 'removed');
  fill(dir, 'new');
  t.type(await client.mount('/vol'), Buffer);
});

t.test('calls under way when the directory is exchanged end, and later calls are stale', async t => {
  const { dir, server } = await served(t);
  const client = await NfsClient.connect(t, server);
  const handles = await handlesOf(client);
  const file = handles['file']!;
  const calls = Array.from({ length: 200 }, (_, i) =>
    i % 2 === 0 ? read(client, file) : client.list(handles['root']!),
  );
  renameSync(dir, `${dir}.old`);
  fill(dir, 'new');
  const mounted = client.mount('/vol');
  const later = Array.from({ length: 200 }, (_, i) =>
    i % 2 === 0 ? read(client, file) : client.list(handles['sub']!),
  );
  t.type(await mounted, Buffer);
  for (const result of await Promise.all([...calls, ...later])) {
    const status = typeof result === 'number' ? result : 'status' in result ? result.status : NFS3_OK;
    if (status !== NFS3_OK && status !== NFS3ERR_STALE) t.fail(`status ${status}`);
  }
  await expectStale(t, client, handles, 'afterwards');
});

const mayMount = spawnSync('unshare', ['-m', 'true']).status === 0;

t.test(
  'a file system mounted over the directory is the one that is served',
  { skip: !mayMount && 'needs the right to mount' },
  async t => {
    const { dir, server } = await served(t);
    const client = await NfsClient.connect(t, server);
    const handles = await handlesOf(client);
    execFileSync('mount', ['-t', 'tmpfs', 'none', dir]);
    t.teardown(() => spawnSync('umount', ['-l', dir]));
    fill(dir, 'mounted');
    const now = await handlesOf(client);
    t.equal(Buffer.from((await read(client, now['file']!)).data!).toString(), 'mounted');
    t.match(
      server.graph.xlators.get('brick')!.trouble,
      /another file system was found at .*, and is served since then/,
    );
    await expectStale(t, client, handles, 'handles of the covered directory');
    execFileSync('umount', ['-l', dir]);
    t.strictSame(
      await handlesOf(client),
      handles,
      'after the unmount the covered directory is served, with its old handles',
    );
  },
);

const volfile = (dir: string) => `
volume brick
  type storage/posix
  option directory ${dir}
end-volume
volume vol
  type debug/io-stats
  subvolumes brick
end-volume
volume nfs
  type nfs/server
  option nfs.port 0
  option rpc.register-with-portmap off
  option rpc-auth.ports.insecure on
  subvolumes vol
end-volume
`;

t.test('after SIGHUP with another directory the old handles are stale', async t => {
  const { x, y, state } = folders(t, 'x', 'y', 'state');
  for (const dir of [x, y]) fill(dir, dir);
  const file = join(state, 'nfs.vol');
  writeFileSync(file, volfile(x));
  const { child, port, stderr } = await serving(t, ['-f', file, '--stages', '2', '--state-dir', state]);
  const clients = [
    await NfsClient.connect(t, { port }),
    await NfsClient.connect(t, { port }, { address: '127.0.0.2' }),
  ];
  const handles = await handlesOf(clients[0]!);
  writeFileSync(file, volfile(y));
  child.kill('SIGHUP');
  await stderr.until(/"msg":"the new volfile has taken over"/);
  for (const client of clients) await expectStale(t, client, handles, 'handles of x');
  t.equal(readFileSync(join(x, 'file'), 'utf8'), x);
});

t.test('the log and `bricknfs status` tell what happened to the directory', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const { port, stderr } = await serving(t, [data, '--port', '0', '--state-dir', state, '--stages', '2', '--insecure']);
  const status = async () => (await bricknfs(['status', '--state-dir', state, '--port', `${port}`])).stdout;
  t.notMatch(await status(), /missing/);
  // The address decides about a client's stage. These two are on different stages.
  const addresses = ['127.0.0.1', '127.0.0.2'];
  const clients = await Promise.all(addresses.map(address => NfsClient.connect(t, { port }, { address })));
  const before = await clients[0]!.mounted('/data');
  renameSync(data, `${data}.old`);
  await stderr.until(/"msg":"the directory is missing/);
  for (const one of clients) t.equal(await one.getattr(before), NFS3_OK, 'a directory that was moved is still served');
  t.match(await status(), new RegExp(`${data} is missing`));
  mkdirSync(data);
  await stderr.until(/another directory is at the path of the volume: it is served now/);
  t.match(await status(), new RegExp(`another directory was found at ${data}`));
  for (const one of clients) {
    while ((await one.getattr(before)) !== NFS3ERR_STALE) await new Promise(resolve => setTimeout(resolve, 50));
  }
  const now = await clients[0]!.mounted('/data');
  for (const one of clients) t.equal(await one.getattr(now), NFS3_OK);
  t.equal(stderr.text.match(/"msg":"the directory is missing/g)?.length, 1, 'logged once, and not by each stage');
});
