/**
 * A handle reaches nothing outside of the export that it was given out for: not by `..`, by a listing or by a name,
 * wherever objects are moved on the server, and whichever stage of the server is asked.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { type ServedNfs, serveNfs, temporaryDir } from '../../support/nfs.ts';
import { namesIn } from '../../support/nfs3/common.ts';
import { CHANGES, link, rename, type Target } from '../changes.ts';
import { type Listed, NfsClient } from '../client.ts';

const { NFS3_OK, NFS3ERR_STALE, NFS3ERR_XDEV, NFS3ERR_ROFS, NFS3ERR_ACCES } = nfsstat3;

/** Fills a directory with what the table of changes needs. */
function fill(dir: string): void {
  mkdirSync(join(dir, 'empty'), { recursive: true });
  writeFileSync(join(dir, 'file'), 'content');
}

interface Setting {
  readonly dirs?: string;
  /** More lines for nfs/server. */
  readonly lines?: readonly string[];
  /** More lines for the brick. */
  readonly brick?: readonly string[];
}

/** A volume whose root holds a secret, and of which only `a` and `b` are exported. */
async function exportsOfTwo(t: Test, { dirs = '/a,/b', lines = [], brick = [] }: Setting = {}) {
  const [dir, stateDir] = [await temporaryDir(t, 'vol'), await temporaryDir(t, 'state')];
  writeFileSync(join(dir, 'secret'), 'secret');
  fill(join(dir, 'private'));
  fill(join(dir, 'b'));
  fill(join(dir, 'a'));
  fill(join(dir, 'a/d'));
  fill(join(dir, 'a/d/e'));
  const options = ['option nfs3.export-volumes off', `option nfs3.vol.export-dir ${dirs}`, ...lines];
  const serve = () => serveNfs(t, { dir, stateDir, options, brick });
  return { dir, stateDir, serve };
}

/** The handles that a client holds before anything is moved. */
async function handlesOf(client: NfsClient) {
  const a = await client.mounted('/vol/a');
  const d = await client.found(a, 'd');
  const e = await client.found(d, 'e');
  return { a, d, e, file: await client.found(d, 'file') };
}

/** Whether the directory has a name that only a place outside of the exports has. */
async function isOutside(client: NfsClient, dir: Buffer): Promise<boolean> {
  const names = await client.list(dir);
  return typeof names !== 'number' && names.some(({ name }) => ['secret', 'private', 'volume'].includes(name));
}

/** Goes up by LOOKUP and by the handles of listings as far as it can. Fails if that leads out of the export. */
async function climb(t: Test, client: NfsClient, from: Buffer, what: string): Promise<void> {
  const seen = new Set<string>();
  const todo = [from];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    if (seen.has(at.toString('hex'))) continue;
    seen.add(at.toString('hex'));
    if (await isOutside(client, at)) {
      t.fail(`${what}: a client gets out of the export`);
      return;
    }
    const above = await client.lookup(at, '..');
    if (typeof above !== 'number') todo.push(above);
    const listed = await client.list(at);
    if (typeof listed === 'number') continue;
    const dotDot = listed.find(({ name }) => name === '..')?.handle;
    if (dotDot !== undefined) todo.push(dotDot);
  }
  t.pass(`${what}: no way out`);
}

interface Move {
  /** What a local program does on the server. */
  readonly move: (dir: string) => void;
  /** The directories whose handles are outside of the export afterwards. */
  readonly outside: readonly ('a' | 'd' | 'e')[];
  /** Whether they are not in the volume either, so that an index does not find them. */
  readonly isLost?: boolean;
}

const MOVES: Readonly<Record<string, Move>> = {
  'nothing is moved': { move: () => {}, outside: [] },
  'a directory moves within the export': {
    move: dir => renameSync(join(dir, 'a/d'), join(dir, 'a/empty/d')),
    outside: [],
  },
  'a directory moves to a private one': {
    move: dir => renameSync(join(dir, 'a/d'), join(dir, 'private/d')),
    outside: ['d', 'e'],
  },
  'a directory moves to the root of the volume': {
    move: dir => renameSync(join(dir, 'a/d'), join(dir, 'd')),
    outside: ['d', 'e'],
  },
  'a directory moves to the other export': {
    move: dir => renameSync(join(dir, 'a/d'), join(dir, 'b/d')),
    outside: ['d', 'e'],
  },
  'a deeper directory moves out': {
    move: dir => renameSync(join(dir, 'a/d/e'), join(dir, 'private/e')),
    outside: ['e'],
  },
  'a directory moves beside one whose name begins like the export': {
    move: dir => {
      mkdirSync(join(dir, 'ab'));
      renameSync(join(dir, 'a/d'), join(dir, 'ab/d'));
    },
    outside: ['d', 'e'],
  },
  'the exported directory is moved aside': {
    move: dir => renameSync(join(dir, 'a'), join(dir, 'a.old')),
    outside: ['a', 'd', 'e'],
  },
  'the exported directory is moved aside, and another takes its place': {
    move: dir => {
      renameSync(join(dir, 'a'), join(dir, 'a.old'));
      mkdirSync(join(dir, 'a'));
    },
    outside: ['a', 'd', 'e'],
  },
  'the exported directory is moved into the other export': {
    move: dir => renameSync(join(dir, 'a'), join(dir, 'b/a')),
    outside: ['a', 'd', 'e'],
  },
  'the two exports change places': {
    move: dir => {
      renameSync(join(dir, 'a'), join(dir, 'tmp'));
      renameSync(join(dir, 'b'), join(dir, 'a'));
      renameSync(join(dir, 'tmp'), join(dir, 'b'));
    },
    outside: ['a', 'd', 'e'],
  },
  'a directory moves out of the volume': {
    move: dir => {
      const out = `${dir}-out`;
      mkdirSync(out);
      renameSync(join(dir, 'a/d'), join(out, 'd'));
    },
    outside: ['d', 'e'],
    isLost: true,
  },
};

/** Checks that names in a directory outside of the export cannot be reached or made, as if it were not exported. */
async function keepsIn(t: Test, client: NfsClient, { dir, file }: Target, what: string, isLost = false) {
  t.equal(await client.lookup(dir, '..'), NFS3ERR_STALE, `${what}: LOOKUP of ..`);
  t.equal(await client.lookup(dir, 'file'), NFS3ERR_STALE, `${what}: LOOKUP of a name`);
  if (!isLost) t.equal(await client.getattr(dir), NFS3_OK, `${what}: the handle itself stays valid`);
  const listed = await client.list(dir);
  const handles = typeof listed === 'number' ? [] : listed.filter(({ handle }) => handle !== undefined);
  t.strictSame(handles, [], `${what}: READDIRPLUS gives no handles`);
  for (const [procedure, change] of Object.entries(CHANGES)) {
    if (procedure === 'WRITE' || procedure.startsWith('SETATTR')) continue; // This call is not about a name.
    t.equal((await change(client, { dir, file })).status, NFS3ERR_STALE, `${what}: ${procedure}`);
  }
}

for (const index of ['off', 'on']) {
  for (const [what, { move, outside, isLost }] of Object.entries(MOVES)) {
    for (const stage of ['the same stage', 'another stage']) {
      t.test(`${what}, ${stage}, index ${index}`, async t => {
        const { dir, serve } = await exportsOfTwo(t, { brick: [`option index ${index}`] });
        const served = await serve();
        const handles = await handlesOf(await NfsClient.connect(t, served));
        move(dir);
        t.teardown(() => rmSync(`${dir}-out`, { recursive: true, force: true }));
        const asked = stage === 'the same stage' ? served : await serve();
        const client = await NfsClient.connect(t, asked);
        for (const name of ['a', 'd', 'e'] as const) {
          await climb(t, client, handles[name], name);
          if (outside.includes(name))
            await keepsIn(t, client, { dir: handles[name], file: handles.file }, name, isLost);
          else t.not(await client.lookup(handles[name], '..'), NFS3ERR_STALE, `${name}: .. is answered`);
        }
      });
    }
  }
}

t.test('`..` below the top leads up, also by a handle in listings, and `..` of the top is the top', async t => {
  const { serve } = await exportsOfTwo(t);
  const client = await NfsClient.connect(t, await serve());
  const { a, d, e } = await handlesOf(client);
  t.same(await client.lookup(e, '..'), d);
  t.same(await client.lookup(d, '..'), a);
  t.same(await client.lookup(a, '..'), a);
  const names = await Promise.all(
    [e, d, a].map(async dir => {
      const listed = (await client.list(dir)) as Listed[];
      return listed.find(({ name }) => name === '..')?.handle?.toString('hex');
    }),
  );
  t.strictSame(names, [d.toString('hex'), a.toString('hex'), undefined]);
});

t.test('a directory that is moved back is in the export again', async t => {
  const { dir, serve } = await exportsOfTwo(t);
  const client = await NfsClient.connect(t, await serve());
  const { a, d } = await handlesOf(client);
  renameSync(join(dir, 'a/d'), join(dir, 'private/d'));
  t.equal(await client.lookup(d, 'file'), NFS3ERR_STALE);
  renameSync(join(dir, 'private/d'), join(dir, 'a/d'));
  t.same(await client.lookup(d, '..'), a);
  t.type(await client.lookup(d, 'file'), Buffer);
});

t.test('the exports of a volume stay valid when the whole volume is moved', async t => {
  const { dir, serve } = await exportsOfTwo(t);
  const client = await NfsClient.connect(t, await serve());
  const { a, d } = await handlesOf(client);
  renameSync(dir, `${dir}-moved`);
  t.teardown(() => renameSync(`${dir}-moved`, dir));
  t.same(await client.lookup(d, '..'), a);
  t.type(await client.lookup(d, 'file'), Buffer);
});

t.test(
  'with a path longer than the kernel reports, an object in the export stays in it, and one outside does not',
  async t => {
    const { dir, serve } = await exportsOfTwo(t);
    const client = await NfsClient.connect(t, await serve());
    const { a } = await handlesOf(client);
    const name = 'x'.repeat(200);
    let at = a;
    const deep: Buffer[] = [];
    for (let depth = 0; depth < 30; depth++) {
      const made = (await CHANGES['MKDIR']!(client, { dir: at, file: at })) as { status: number; obj?: Buffer };
      t.equal(made.status, NFS3_OK);
      t.equal((await rename(client, at, at, 'made', name)).status, NFS3_OK);
      at = await client.found(at, name);
      deep.push(at);
    }
    t.same(await client.lookup(deep.at(-1)!, '..'), deep.at(-2));
    renameSync(join(dir, 'a', name), join(dir, 'private', name));
    t.equal(await client.lookup(deep.at(-1)!, '..'), NFS3ERR_STALE);
    t.equal(await client.lookup(deep.at(-1)!, 'x'), NFS3ERR_STALE);
    execFileSync('rm', ['-r', join(dir, 'private', name)]); // paths are too long for Node's own
  },
);

t.test('RENAME and LINK from one export to another fail with XDEV and change nothing', async t => {
  const { dir, serve } = await exportsOfTwo(t);
  const client = await NfsClient.connect(t, await serve());
  const { a, d, file } = await handlesOf(client);
  const b = await client.mounted('/vol/b');
  const before = namesIn(dir);
  const cases: Readonly<Record<string, () => Promise<{ status: number }>>> = {
    'RENAME of a file': () => rename(client, a, b),
    'RENAME of a file back': () => rename(client, b, a),
    'RENAME of a directory': () => rename(client, a, b, 'd', 'd'),
    'RENAME over an existing file': () => rename(client, a, b, 'file', 'file'),
    'RENAME of a missing name': () => rename(client, a, b, 'nothing', 'x'),
    'RENAME from deeper': () => rename(client, d, b, 'e', 'e'),
    'LINK of a file': () => link(client, file, b),
    'LINK over an existing file': () => link(client, file, b, 'file'),
  };
  for (const [what, call] of Object.entries(cases)) t.equal((await call()).status, NFS3ERR_XDEV, what);
  t.strictSame(namesIn(dir), before);
  t.equal((await rename(client, a, d, 'file', 'moved')).status, NFS3_OK, 'within one export they succeed');
  t.equal((await link(client, file, a)).status, NFS3_OK);
});

t.test('the volume and a directory of it are two exports', async t => {
  const [dir, stateDir] = [await temporaryDir(t, 'vol'), await temporaryDir(t, 'state')];
  fill(join(dir, 'a'));
  const client = await NfsClient.connect(
    t,
    await serveNfs(t, { dir, stateDir, options: ['option nfs3.vol.export-dir /a'] }),
  );
  const [root, a] = [await client.mounted('/vol'), await client.mounted('/vol/a')];
  t.equal((await rename(client, a, root)).status, NFS3ERR_XDEV);
  t.equal((await rename(client, root, a, 'a', 'a')).status, NFS3ERR_XDEV);
  t.equal((await link(client, await client.found(a, 'file'), root)).status, NFS3ERR_XDEV);
  t.same(await client.lookup(a, '..'), a, "a handle from the directory's export does not lead to the volume");
  t.same(await client.lookup(await client.found(root, 'a'), '..'), root, "a handle from the volume's export does");
});

const untouched = (dir: string) => ({
  names: namesIn(dir),
  content: readFileSync(join(dir, 'a/file'), 'utf8'),
  modes: ['a', 'a/file'].map(path => statSync(join(dir, path)).mode),
});

/** Makes every changing call with a handle for which it must be refused. */
async function refusesChanges(t: Test, served: ServedNfs, client: NfsClient, from: NfsClient, status: number) {
  const a = await from.mounted('/vol/a');
  const target = { dir: a, file: await from.found(a, 'file') };
  const before = untouched(served.dir);
  for (const [procedure, change] of Object.entries(CHANGES)) {
    t.equal((await change(client, target)).status, status, procedure);
  }
  t.strictSame(untouched(served.dir), before, 'nothing has changed');
}

t.test('a handle of a read-only export changes nothing', async t => {
  const { serve } = await exportsOfTwo(t, { lines: ['option nfs3.vol.volume-access read-only'] });
  const served = await serve();
  const client = await NfsClient.connect(t, served);
  await refusesChanges(t, served, client, client, NFS3ERR_ROFS);
});

t.test('a handle of an export that refuses this client changes nothing', async t => {
  const { dir, serve } = await exportsOfTwo(t, { dirs: '/a(127.0.0.2),/b' });
  const served = await serve();
  const allowed = await NfsClient.connect(t, served, { address: '127.0.0.2' });
  const client = await NfsClient.connect(t, served);
  await refusesChanges(t, served, client, allowed, NFS3ERR_ACCES);
  t.equal(await client.mount('/vol/a'), 13, 'it cannot be mounted either');
  const [a, b] = [await allowed.mounted('/vol/a'), await client.mounted('/vol/b')];
  t.equal((await rename(client, b, a)).status, NFS3ERR_ACCES, 'RENAME from an export that it may use');
  t.equal(
    (await link(client, await client.found(b, 'file'), a)).status,
    NFS3ERR_ACCES,
    'LINK of a file that it may use',
  );
  t.notOk(existsSync(join(dir, 'a/moved')));
});

t.test('a handle of an export that no longer exists changes nothing', async t => {
  const { dir, stateDir, serve } = await exportsOfTwo(t);
  const from = await NfsClient.connect(t, await serve());
  const options = ['option nfs3.export-volumes off', 'option nfs3.vol.export-dir /b'];
  const served = await serveNfs(t, { dir, stateDir, options });
  const client = await NfsClient.connect(t, served);
  await refusesChanges(t, served, client, from, NFS3ERR_STALE);
});
