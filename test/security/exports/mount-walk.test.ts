/** MNT gives no client the handle of a directory that the client could not reach itself from the exported one. */
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { MNT3 } from '#protocols/mount.ts';
import { canSwitch } from '#src/sys/process/identity.ts';
import { serveNfs, type ServedNfs, temporaryDir } from '../../support/nfs.ts';
import { NfsClient, type Who } from '../client.ts';

const { OK, ERR_ACCES, ERR_NOTDIR, ERR_NOENT } = MNT3;
const needsRoot = { skip: !canSwitch && 'only root can act as other users' };

const alice: Who = { uid: 1000, gid: 1000 };
const bob: Who = { uid: 2000, gid: 2000 };
const root: Who = { uid: 0 };
const unknown: Who = { uid: 'none' };

/**
 * A volume with an open directory, one that only root may enter, and one that only uid 1000 may, each with an open one
 * in it.
 */
async function people(t: Test, ...lines: string[]): Promise<ServedNfs> {
  const dir = await temporaryDir(t, 'vol');
  chmodSync(dir, 0o755);
  for (const [name, mode, uid] of [
    ['open', 0o755, 0],
    ['closed', 0o700, 0],
    ['alices', 0o700, 1000],
  ] as const) {
    mkdirSync(join(dir, name, 'in'), { recursive: true });
    chmodSync(join(dir, name, 'in'), 0o777);
    chmodSync(join(dir, name), mode);
    chownSync(join(dir, name), uid, uid);
  }
  symlinkSync('closed/in', join(dir, 'short'));
  return serveNfs(t, { dir, options: lines });
}

const statusOf = (mounted: Buffer | number): number => (typeof mounted === 'number' ? mounted : OK);
const squash = (how: string) => `option nfs3.vol.squash ${how}`;

const AS_WHOM: readonly (readonly [what: string, who: Who, squash: string, path: string, status: number])[] = [
  ['root, behind a directory of its own', root, 'none', '/vol/closed/in', OK],
  ['root, behind another’s', root, 'none', '/vol/alices/in', OK],
  ['root squashed, behind root’s', root, 'root', '/vol/closed/in', ERR_ACCES],
  ['root squashed, behind another’s', root, 'root', '/vol/alices/in', ERR_ACCES],
  ['root squashed, where all may go', root, 'root', '/vol/open/in', OK],
  ['root squashed, a closed directory itself', root, 'root', '/vol/closed', OK],
  ['root squashed, the volume', root, 'root', '/vol', OK],
  ['all squashed, behind root’s', root, 'all', '/vol/closed/in', ERR_ACCES],
  ['all squashed, behind its own', alice, 'all', '/vol/alices/in', ERR_ACCES],
  ['all squashed, where all may go', alice, 'all', '/vol/open/in', OK],
  ['a user, behind its own', alice, 'none', '/vol/alices/in', OK],
  ['a user, behind its own, root squashed', alice, 'root', '/vol/alices/in', OK],
  ['a user, behind another’s', bob, 'none', '/vol/alices/in', ERR_ACCES],
  ['a user, behind root’s', bob, 'none', '/vol/closed/in', ERR_ACCES],
  ['a user, behind root’s, what is not there', bob, 'none', '/vol/closed/nothing', ERR_ACCES],
  ['a user, by a symbolic link behind root’s', bob, 'none', '/vol/short', ERR_ACCES],
  ['root, by a symbolic link behind root’s', root, 'none', '/vol/short', OK],
  ['AUTH_NONE (RFC 2623, 2.3.2), the volume', unknown, 'none', '/vol', OK],
  ['AUTH_NONE, where all may go', unknown, 'none', '/vol/open/in', OK],
  ['AUTH_NONE, behind root’s', unknown, 'none', '/vol/closed/in', ERR_ACCES],
];

for (const [what, who, how, path, status] of AS_WHOM) {
  t.test(`${what}: ${path}`, needsRoot, async t => {
    const client = await NfsClient.connect(t, await people(t, squash(how)), who);
    t.equal(statusOf(await client.mount(path)), status);
  });
}

t.test('the exported directory need not be reachable for the caller, because root walks to it', needsRoot, async t => {
  const served = await people(t, squash('all'), 'option nfs3.vol.export-dir /closed/in');
  for (const who of [root, bob, unknown]) {
    const client = await NfsClient.connect(t, served, who);
    t.type(await client.mount('/vol/closed/in'), Buffer);
  }
  chmodSync(served.dir, 0o700);
  t.type(
    await (await NfsClient.connect(t, served, bob)).mount('/vol'),
    Buffer,
    'the volume itself need not be reachable either',
  );
});

t.test(
  'with AUTH_NONE off, MNT without credentials is still answered, but its handle is of no use without them',
  async t => {
    const client = await NfsClient.connect(
      t,
      await serveNfs(t, { options: ['option rpc-auth.auth-null off'] }),
      unknown,
    );
    t.equal(await client.getattr(await client.mounted('/vol')), 13);
  },
);

/**
 * Where each link leads. The links are in the volume (exported as /vol and as /srv/vol), or in `sub`, which is also
 * exported by itself.
 */
const LINKS: Readonly<Record<string, string>> = {
  relative: 'sub/dir',
  'absolute, by the name of the export': '/vol/sub/dir',
  'absolute, by another path of the export': '/srv/vol/sub/dir',
  'absolute, with dots and slashes': '//vol/.//sub/./dir/',
  'sub/up and down': '../sub/dir',
  'sub/dir/up': '..',
  'sub/to its own': 'dir',
  'link to a link': 'relative',
  'through a link': 'link to dir above/dir',
  'link to dir above': 'sub/.',
  'to the top': '.',
  'out, relative': '../../../../../../etc',
  'out, to the directory above the volume': '..',
  'out, and back in': '../BASE/sub/dir',
  'out, absolute': '/etc',
  'out, absolute to the root': '/',
  'out, by a name that begins alike': '/volume',
  'out, absolute with dots': '/vol/../../etc',
  'sub/out of the part': '../other',
  'sub/out of the part, absolute': '/vol/other',
  'loop a': 'loop b',
  'loop b': 'loop a',
  itself: 'itself',
  'to a file': 'sub/file',
  'to nothing': 'nothing',
};

const FOLLOWED: readonly (readonly [link: string, to: string | number])[] = [
  ['relative', 'sub/dir'],
  ['absolute, by the name of the export', 'sub/dir'],
  ['absolute, by another path of the export', 'sub/dir'],
  ['absolute, with dots and slashes', 'sub/dir'],
  ['sub/up and down', 'sub/dir'],
  ['sub/dir/up', 'sub'],
  ['sub/to its own', 'sub/dir'],
  ['link to a link', 'sub/dir'],
  ['through a link', 'sub/dir'],
  ['relative/up', 'sub'],
  ['to the top', ''],
  ['to the top/sub', 'sub'],
  ['out, relative', ERR_ACCES],
  ['out, to the directory above the volume', ERR_ACCES],
  ['out, and back in', ERR_ACCES],
  ['out, absolute', ERR_ACCES],
  ['out, absolute to the root', ERR_ACCES],
  ['out, by a name that begins alike', ERR_ACCES],
  ['out, absolute with dots', ERR_ACCES],
  ['loop a', ERR_NOTDIR],
  ['itself', ERR_NOTDIR],
  ['to a file', ERR_NOTDIR],
  ['to a file/x', ERR_NOTDIR],
  ['to nothing', ERR_NOENT],
];

async function linked(t: Test, ...lines: string[]): Promise<ServedNfs> {
  const dir = await temporaryDir(t, 'vol');
  mkdirSync(join(dir, 'sub/dir'), { recursive: true });
  mkdirSync(join(dir, 'other'));
  writeFileSync(join(dir, 'sub/file'), '');
  for (const [name, target] of Object.entries(LINKS))
    symlinkSync(target.replace('BASE', dir.split('/').at(-1)!), join(dir, name));
  return serveNfs(t, { dir, options: ['option nfs3.vol.export-as /srv/vol', ...lines] });
}

t.test('symbolic links in the path are followed as long as they stay in the export', async t => {
  const client = await NfsClient.connect(t, await linked(t));
  for (const [link, to] of FOLLOWED) {
    const expected = typeof to === 'number' ? to : await client.mounted(`/vol/${to}`);
    t.same(await client.mount(`/vol/${link}`), expected, link);
  }
});

t.test('in an export of a part of a volume symbolic links are followed within the part', async t => {
  const served = await linked(t, 'option nfs3.export-volumes off', 'option nfs3.vol.export-dir /sub');
  const client = await NfsClient.connect(t, served);
  t.same(await client.mount('/vol/sub/to its own'), await client.mounted('/vol/sub/dir'));
  t.equal(await client.mount('/vol/sub/up and down'), ERR_ACCES, 'the top has no directory above it');
  t.equal(await client.mount('/vol/sub/out of the part'), ERR_ACCES);
  t.equal(await client.mount('/vol/sub/out of the part, absolute'), ERR_ACCES);
  t.same(await client.mount('/vol/sub/dir/up'), await client.mounted('/vol/sub'));
});

t.test(
  'a link in place of the exported directory is not followed, so a link cannot change what is exported',
  async t => {
    const served = await linked(t, 'option nfs3.export-volumes off', 'option nfs3.vol.export-dir /relative');
    t.equal(await (await NfsClient.connect(t, served)).mount('/vol/relative'), ERR_NOTDIR);
  },
);

t.test('forty links are followed, and no more', async t => {
  const served = await linked(t);
  for (let i = 0; i < 42; i++) symlinkSync(i === 0 ? 'sub' : `l${i - 1}`, join(served.dir, `l${i}`));
  const client = await NfsClient.connect(t, served);
  t.type(await client.mount('/vol/l39'), Buffer);
  t.equal(await client.mount('/vol/l40'), ERR_NOTDIR);
  symlinkSync(`${'./'.repeat(2000)}sub`, join(served.dir, 'long'));
  t.equal(await client.mount('/vol/long'), 63, 'a link of thousands of names is refused');
  t.ok(readFileSync(join(served.dir, 'sub/file')));
});
