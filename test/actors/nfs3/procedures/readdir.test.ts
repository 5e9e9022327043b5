/** READDIR, procedure 16 (RFC 1813, 3.3.16). */
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { authSys, serveNfs, temporaryDir } from '../../../support/nfs.ts';
import * as listing from '../../../support/nfs3/listing.ts';
import { eachOnce, entriesOf, entryBytes, pages, readdir, readdirArgs } from '../../../support/nfs3/listing.ts';
import { fileid, listingCases, makeFiles, numbered } from '../../../support/nfs3/listing-cases.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR } from '../../../support/nfs3/common.ts';
import {
  accepted,
  call,
  expectNfs3,
  expectReply,
  fattr3,
  opaque,
  postOp,
  text,
  word64,
} from '../../../support/wire.ts';

const LOOKUP = 3;
const READDIR = 16;

listingCases(t, {
  proc: READDIR,
  fop: 'readdir',
  rest: '00000000 00000000 00000000 00000000 00001000',
  argsOf: readdirArgs,
  list: readdir,
  entryBytes,
  pageBytes: 1024,
});

t.test('a request and its reply, byte by byte', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'd'));
  const path = join(served.dir, 'd', 'name');
  writeFileSync(path, '');
  const handle = await served.handle('d');
  const reply = await served.exchange(
    call(
      'nfs3',
      READDIR,
      `${opaque(handle)}      // dir
       00000000 00000000      // cookie: from the start
       00000000 00000000      // cookieverf
       00001000               // count: 4096 bytes`,
    ),
  );
  const entries: Record<string, string> = {
    '.': `00000001 ${word64(fileid(join(served.dir, 'd')))} 00000001 2e000000 ........ ........`,
    '..': `00000001 ${word64(fileid(served.dir))} 00000002 2e2e0000 ........ ........`,
    name: `00000001 ${word64(fileid(path))} 00000004 6e616d65 ........ ........`,
  };
  // The order is the file system's own.
  const order = listing.pageOf(reply, false).entries.map(({ name }) => name);
  expectReply(
    t,
    reply,
    `${accepted}
    00000000                                     // NFS3_OK
    00000001 ${fattr3(join(served.dir, 'd'))}    // dir_attributes
    ........ ........                            // cookieverf
    ${order.map(name => entries[name]).join('\n')}   // TRUE, fileid, name, cookie
    00000000                                     // no more entries
    00000001                                     // eof: TRUE`,
  );
  t.strictSame(order.sort(), ['.', '..', 'name']);
});

t.test('file ids are those of GETATTR for every type of object', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'd', 'e'), { recursive: true });
  makeFiles(join(served.dir, 'd'), ['f']);
  symlinkSync('f', join(served.dir, 'd', 'l'));
  const { entries } = await readdir(served, await served.handle('d'));
  const ids = Object.fromEntries(entries.map(({ name, fileid }) => [name, fileid]));
  const expected = Object.fromEntries(
    ['.', '..', 'e', 'f', 'l'].map(name => [name, fileid(join(served.dir, 'd', name))]),
  );
  t.strictSame(ids, expected);
});

t.test('`..` of the top directory of an export is that directory', async t => {
  const served = await serveNfs(t, { options: ['option nfs3.vol.export-dir /sub(*)'] });
  mkdirSync(join(served.dir, 'sub', 'a', 'b'), { recursive: true });
  const above = async (path: string) => {
    const { entries } = await readdir(served, await served.handle(path));
    return entries.find(({ name }) => name === '..')!.fileid;
  };
  const id = (path: string) => fileid(join(served.dir, path));
  t.equal(await above(''), id(''), 'the top of the volume');
  t.equal(await above('sub'), id('sub'), 'the top of an exported directory');
  t.equal(await above('sub/a'), id('sub'), 'a directory in it');
  t.equal(await above('sub/a/b'), id('sub/a'), 'a directory further down');
  const sub = await served.handle('sub');
  const up = await served.exchange(call('nfs3', LOOKUP, `${opaque(sub)} ${text('..')}`));
  t.equal(up.toString('hex', 32, 32 + sub.length / 2), sub, 'LOOKUP does not leave the export either');
});

t.test('after a restart, `..` in an exported directory is the same', async t => {
  const [dir, stateDir] = [await temporaryDir(t, 'vol'), await temporaryDir(t, 'state')];
  const options = { options: ['option nfs3.vol.export-dir /sub(*)'], dir, stateDir };
  mkdirSync(join(dir, 'sub', 'a', 'b'), { recursive: true });
  const before = await serveNfs(t, options);
  const handles = {
    sub: await before.handle('sub'),
    'sub/a': await before.handle('sub/a'),
    b: await before.handle('sub/a/b'),
  };
  const after = await serveNfs(t, options);
  const above = async (handle: string) =>
    (await readdir(after, handle)).entries.find(({ name }) => name === '..')!.fileid;
  t.equal(await above(handles.sub), fileid(join(dir, 'sub')));
  t.equal(await above(handles['sub/a']), fileid(join(dir, 'sub')));
  t.equal(await above(handles.b), fileid(join(dir, 'sub', 'a')));
});

t.test('names of any bytes are returned unchanged', async t => {
  const served = await serveNfs(t);
  for (const name of [...nfs3.EVERY_BYTE, '78'.repeat(255), '2e2e2e', 'c3a4', 'ff00'.replace('00', 'fe')]) {
    makeFiles(served.dir, ['tmp']);
    nfs3.renameToHex(served.dir, 'tmp', name);
  }
  const { entries, eof } = await readdir(served, await served.handle(''));
  t.ok(eof);
  const names = entries
    .filter(({ name }) => name !== '.' && name !== '..')
    .map(({ name }) => Buffer.from(name, 'latin1'));
  t.strictSame(names.map(name => name.toString('hex')).sort(), nfs3.hexNamesIn(served.dir));
});

for (const [files, counts] of [
  [0, [200, 4096]],
  [1, [200, 4096]],
  [100, [400, 1024, 8192]],
  [1200, [512, 4096, 65_536, listing.MAX]],
] as const) {
  t.test(`${files} files in pages of several lengths`, async t => {
    const served = await serveNfs(t);
    const names = makeFiles(served.dir, numbered(files, 'some file of a name that is not short, number '));
    const root = await served.handle('');
    for (const count of counts) {
      const all = await pages(cookie => readdir(served, root, { cookie, count }));
      eachOnce(t, entriesOf(all), names);
      const room = Math.min(count, 1024 * 1024);
      for (const [i, { bytes, attributes }] of all.entries()) {
        const next = all[i + 1]?.entries[0];
        if (bytes > room || attributes === undefined) t.fail(`page ${i}: ${bytes} bytes`);
        const full = next === undefined || bytes + entryBytes(next) > room || all[i]!.entries.length >= 1024;
        if (!full)
          t.fail(`page ${i} of ${all.length}: ${bytes} bytes, and there was room for the next ${entryBytes(next)}`);
      }
    }
  });
}

t.test('which callers may list a directory', async t => {
  const served = await serveNfs(t);
  chmodSync(served.dir, 0o755);
  const path = join(served.dir, 'd');
  mkdirSync(path);
  makeFiles(path, ['f']);
  const auth = authSys(1000, 1001, [2000]);
  const may = { status: 0, eof: true };
  for (const [uid, gid, mode, allowed, name] of [
    [0, 0, 0o755, true, 'everybody'],
    [0, 0, 0o744, true, 'everybody may read, but not search'],
    [1000, 0, 0o500, true, 'the owner'],
    [0, 2000, 0o750, true, 'a member of the group'],
    [0, 1001, 0o750, true, 'a member of the first group'],
    [0, 0, 0o711, false, 'ACCES: others may search, but not read'],
    [0, 0, 0o700, false, 'ACCES: a stranger'],
    [1000, 0, 0o077, false, 'ACCES: the owner, whose bits deny it'],
    [0, 2000, 0o707, false, 'ACCES: a member of the group, whose bits deny it'],
  ] as const) {
    chownSync(path, uid, gid);
    chmodSync(path, mode);
    const handle = await served.handle('d');
    if (allowed) t.match(await readdir(served, handle, { auth }), may, name);
    else
      await expectNfs3(t, served, READDIR, readdirArgs(handle, 0n, 4096), () => `${ERR.ACCES} ${postOp(path)}`, auth);
    t.match(await readdir(served, handle), may, `root, where ${name}`);
  }
});

t.test('file ids and cookies have 32 bits if nfs.enable-ino32 is on', async t => {
  const served = await serveNfs(t, { options: ['option nfs.enable-ino32 on'] });
  makeFiles(served.dir, ['f']);
  const { entries } = await readdir(served, await served.handle(''));
  t.ok(entries.every(({ fileid }) => fileid < 2n ** 32n));
  t.ok(
    entries.every(({ cookie }) => cookie < 2n ** 32n),
    'cookies',
  );
  const folded = (id: bigint) => (id >> 32n) ^ (id & 0xffff_ffffn);
  t.equal(entries.find(({ name }) => name === 'f')!.fileid, folded(fileid(join(served.dir, 'f'))));
});
