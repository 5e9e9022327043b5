/** READDIRPLUS, procedure 17 (RFC 1813, 3.3.17). */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { authSys, serveNfs, type ServedNfs, temporaryDir } from '../../../support/nfs.ts';
import * as listing from '../../../support/nfs3/listing.ts';
import {
  eachOnce,
  entriesOf,
  entryBytes,
  entryplusBytes,
  pages,
  readdirplus,
  readdirplusArgs,
} from '../../../support/nfs3/listing.ts';
import { fileid, listingCases, makeFiles, numbered } from '../../../support/nfs3/listing-cases.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR } from '../../../support/nfs3/common.ts';
import { accepted, call, expectNfs3, expectReply, fattr3, opaque, postOp, word64 } from '../../../support/wire.ts';

const READDIRPLUS = 17;

listingCases(t, {
  proc: READDIRPLUS,
  fop: 'readdirp',
  rest: '00000000 00000000 00000000 00000000 00001000 00001000',
  argsOf: (dir, cookie, maxcount) => readdirplusArgs(dir, cookie, { maxcount }),
  list: (served, dir, { count, ...how } = {}) => readdirplus(served, dir, { maxcount: count, ...how }),
  entryBytes: entryplusBytes,
  pageBytes: 5120,
});

/** A fattr3 without the fsid, which lstat does not tell. */
const comparable = (attributes: string) => attributes.slice(0, 2 * 44) + attributes.slice(2 * 52);
const attributesOf = (path: string) => comparable(fattr3(path).replaceAll(' ', ''));

/** Tests that every entry has the attributes of GETATTR and the handle of LOOKUP. */
async function truthful(t: Test, served: ServedNfs, dir: string, entries: readonly listing.Listed[]) {
  for (const { name, fileid: id, attributes, handle } of entries) {
    const path = join(served.dir, dir, name);
    if (attributes === undefined || handle === undefined) {
      t.fail(`${name} has no attributes or no handle`);
      continue;
    }
    const [type, fsid] = [attributes.slice(0, 8), attributes.slice(2 * 44, 2 * 52)];
    t.equal(comparable(attributes), attributesOf(path), `${name}: attributes, type ${type}, fsid ${fsid}`);
    t.equal(id, fileid(path), `${name}: fileid`);
    t.equal(handle, await served.handle(join(dir, name)), `${name}: handle`);
  }
}

t.test('a request and its reply, byte by byte', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'd'));
  writeFileSync(join(served.dir, 'd', 'name'), '12345');
  const handle = await served.handle('d');
  const reply = await served.exchange(
    call(
      'nfs3',
      READDIRPLUS,
      `${opaque(handle)}      // dir
       00000000 00000000      // cookie: from the start
       00000000 00000000      // cookieverf
       00000200               // dircount: 512 bytes of names
       00001000               // maxcount: 4096 bytes`,
    ),
  );
  const entries: Record<string, string> = {};
  for (const [name, text] of [
    ['.', '00000001 2e000000'],
    ['..', '00000002 2e2e0000'],
    ['name', '00000004 6e616d65'],
  ] as const) {
    const path = join(served.dir, 'd', name);
    entries[name] = `
      00000001 ${word64(fileid(path))}                        // TRUE, fileid
      ${text} ........ ........                              // name, cookie
      00000001 ${fattr3(path)}                               // name_attributes
      00000001 ${opaque(await served.handle(join('d', name)))} // name_handle`;
  }
  // The order is the file system's own.
  const order = listing.pageOf(reply, true).entries.map(({ name }) => name);
  expectReply(
    t,
    reply,
    `${accepted}
    00000000                                     // NFS3_OK
    00000001 ${fattr3(join(served.dir, 'd'))}    // dir_attributes
    ........ ........                            // cookieverf
    ${order.map(name => entries[name]).join('\n')}
    00000000                                     // no more entries
    00000001                                     // eof: TRUE`,
  );
  t.strictSame(order.sort(), ['.', '..', 'name']);
});

t.test('objects of every type and owner have their attributes and handles', async t => {
  const served = await serveNfs(t);
  const path = (name: string) => join(served.dir, 'd', name);
  mkdirSync(path('sub'), { recursive: true });
  makeFiles(join(served.dir, 'd'), ['file', '.hidden', 'x'.repeat(255)]);
  symlinkSync('file', path('link'));
  symlinkSync('nowhere', path('dangling'));
  execFileSync('mkfifo', [path('fifo')]);
  execFileSync('mknod', [path('null'), 'c', '1', '3']);
  execFileSync('mknod', [path('loop'), 'b', '7', '0']);
  chownSync(path('file'), 1000, 2000);
  chmodSync(path('file'), 0);
  chmodSync(path('sub'), 0o1777);
  const { entries, eof } = await readdirplus(served, await served.handle('d'));
  t.ok(eof);
  eachOnce(t, entries, ['sub', 'file', '.hidden', 'x'.repeat(255), 'link', 'dangling', 'fifo', 'null', 'loop']);
  await truthful(
    t,
    served,
    'd',
    entries.filter(({ name }) => !name.startsWith('..')),
  );
});

t.test('`..` of the top directory of an export is that directory, and has no handle', async t => {
  const served = await serveNfs(t, { options: ['option nfs3.vol.export-dir /sub(*)'] });
  mkdirSync(join(served.dir, 'sub', 'a'), { recursive: true });
  const above = async (path: string) => {
    const { entries } = await readdirplus(served, await served.handle(path));
    return entries.find(({ name }) => name === '..')!;
  };
  for (const top of ['', 'sub']) {
    const { fileid: id, attributes, handle } = await above(top);
    t.equal(id, fileid(join(served.dir, top)));
    t.strictSame([attributes, handle], [undefined, undefined]);
  }
  const sub = await above('sub/a');
  t.equal(sub.handle, await served.handle('sub'), 'in a directory below it is the top');
  t.equal(sub.fileid, fileid(join(served.dir, 'sub')));
  t.equal(comparable(sub.attributes!), attributesOf(join(served.dir, 'sub')));
});

t.test('names of any bytes are returned unchanged, each with the attributes of its file', async t => {
  const served = await serveNfs(t);
  const names = [...nfs3.EVERY_BYTE, '78'.repeat(255), '2e2e2e', 'c3a4', 'fffe'];
  for (const [i, name] of names.entries()) {
    writeFileSync(join(served.dir, 'tmp'), 'x'.repeat(i));
    nfs3.renameToHex(served.dir, 'tmp', name);
  }
  const { entries, eof } = await readdirplus(served, await served.handle(''));
  t.ok(eof);
  const sizes = new Map(
    entries.map(({ name, attributes }) => [Buffer.from(name, 'latin1').toString('hex'), attributes]),
  );
  t.strictSame([...sizes.keys()].sort(), [...names, '2e', '2e2e'].sort());
  const size = (attributes: string) => Number.parseInt(attributes.slice(2 * 20, 2 * 28), 16);
  t.strictSame(
    names.map(name => size(sizes.get(name)!)),
    names.map((_, i) => i),
  );
});

t.test('every dircount: no reply has more bytes of names, but each has at least one entry', async t => {
  const wrong: string[] = [];
  const served = await serveNfs(t);
  makeFiles(served.dir, ['a', 'bb', 'ccc', 'dddd', 'f'.repeat(255)]);
  const root = await served.handle('');
  const { entries } = await readdirplus(served, root);
  const all = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  for (const from of [0, 3, entries.length]) {
    const cookie = from === 0 ? 0n : entries[from - 1]!.cookie;
    const rest = entries.slice(from);
    for (let dircount = 0; dircount <= all + 8; dircount++) {
      let size = 0;
      const fitting = rest.filter(entry => (size += entryBytes(entry)) <= dircount);
      const page = await readdirplus(served, root, { cookie, dircount });
      const count = Math.min(rest.length, Math.max(1, fitting.length));
      if (page.status !== 0) wrong.push(`dircount ${dircount} behind ${from}: status ${page.status}`);
      if (page.entries.length !== count || (page.eof && count < rest.length)) {
        wrong.push(`dircount ${dircount} behind ${from}: ${page.entries.length} of ${count}, eof ${page.eof}`);
      }
    }
  }
  t.strictSame(wrong, []);
});

for (const [files, sizes] of [
  [0, [{ maxcount: 4096 }]],
  [1, [{ maxcount: 700 }, { dircount: 100 }]],
  [
    100,
    [
      { maxcount: 1024 },
      { maxcount: 8192 },
      { dircount: 512 },
      { dircount: 512, maxcount: 4096 },
      { dircount: 0 },
      { dircount: 1, maxcount: 1024 },
    ],
  ],
  // Linux and macOS ask for these.
  [1200, [{ dircount: 4096, maxcount: 32_768 }, { dircount: 8192, maxcount: 131_072 }, {}]],
] as const) {
  t.test(`${files} files in pages of several lengths`, async t => {
    const served = await serveNfs(t);
    const names = makeFiles(served.dir, numbered(files, 'some file of a name that is not short, number '));
    const root = await served.handle('');
    for (const size of sizes) {
      const all = await pages(cookie => readdirplus(served, root, { cookie, ...size }));
      eachOnce(t, entriesOf(all), names);
      const { dircount, maxcount } = { dircount: listing.MAX, maxcount: listing.MAX, ...size };
      const room = Math.min(maxcount, 1024 * 1024);
      for (const [i, { bytes, entries }] of all.entries()) {
        const namesBytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
        if (bytes > room || (namesBytes > dircount && entries.length > 1))
          t.fail(`page ${i}: ${bytes} bytes, ${namesBytes} of names`);
      }
      const bare = entriesOf(all).filter(({ name, attributes, handle }) => name !== '..' && !(attributes && handle));
      t.strictSame(bare, [], 'every entry has attributes and a handle');
    }
  });
}

t.test('no page has room for the next entry', async t => {
  const served = await serveNfs(t);
  makeFiles(served.dir, numbered(500));
  const root = await served.handle('');
  for (const { dircount, maxcount } of [
    { dircount: 4096, maxcount: 32_768 },
    { dircount: 65_536, maxcount: 32_768 },
  ]) {
    const all = await pages(cookie => readdirplus(served, root, { cookie, dircount, maxcount }));
    for (const [i, { bytes, entries }] of all.slice(0, -1).entries()) {
      const next = all[i + 1]!.entries[0]!;
      const namesBytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
      const full = bytes + entryplusBytes(next) > maxcount || namesBytes + entryBytes(next) > dircount;
      t.ok(full, `page ${i}: ${bytes} bytes, ${namesBytes} of names`);
    }
  }
});

t.test('entries that are changed or replaced between two pages have their new attributes', async t => {
  const served = await serveNfs(t);
  const names = makeFiles(served.dir, numbered(200));
  const root = await served.handle('');
  const first = await readdirplus(served, root, { maxcount: 8192 });
  const listed = listing.namesOf(first.entries);
  const [changed, replaced] = names.filter(name => !listed.includes(name)).slice(10, 12) as [string, string];
  writeFileSync(join(served.dir, changed), 'of another length');
  rmSync(join(served.dir, replaced));
  mkdirSync(join(served.dir, replaced));
  const rest = entriesOf(
    await pages(cookie => readdirplus(served, root, { cookie, maxcount: 8192 }), first.entries.at(-1)!.cookie),
  );
  for (const name of [changed, replaced]) {
    const { attributes, handle } = rest.find(entry => entry.name === name) ?? {};
    if (attributes === undefined && name === replaced) continue; // its new place may be one that is already listed
    t.equal(comparable(attributes!), attributesOf(join(served.dir, name)));
    t.equal(handle, await served.handle(name));
  }
});

t.test('after a restart the handles are the same', async t => {
  const [dir, stateDir] = [await temporaryDir(t, 'vol'), await temporaryDir(t, 'state')];
  makeFiles(dir, numbered(20));
  const handles = async () => {
    const served = await serveNfs(t, { dir, stateDir });
    const { entries } = await readdirplus(served, await served.handle(''));
    return entries.map(({ name, handle }) => [name, handle]);
  };
  t.strictSame(await handles(), await handles());
});

t.test('a dircount and maxcount of 0 is TOOSMALL', async t => {
  const served = await serveNfs(t);
  const args = readdirplusArgs(await served.handle(''), 0n, { dircount: 0, maxcount: 0 });
  await expectNfs3(t, served, READDIRPLUS, args, () => `${ERR.TOOSMALL} ${postOp(served.dir)}`);
});

t.test('names, file ids and cookies are those of READDIR', async t => {
  const served = await serveNfs(t);
  makeFiles(served.dir, numbered(60));
  const root = await served.handle('');
  const { entries } = await readdirplus(served, root);
  const plain = await listing.readdir(served, root);
  const short = ({ name, fileid, cookie }: listing.Listed) => ({ name, fileid, cookie });
  t.strictSame(entries.map(short), plain.entries.map(short));
});

t.test('which callers may list a directory, and which of them get attributes', async t => {
  const served = await serveNfs(t);
  chmodSync(served.dir, 0o755);
  const path = join(served.dir, 'd');
  mkdirSync(path);
  makeFiles(path, ['f']);
  chmodSync(join(path, 'f'), 0);
  const auth = authSys(1000, 1001, [2000]);
  for (const [uid, gid, mode, sees, name] of [
    [0, 0, 0o755, 'all', 'everybody'],
    [1000, 0, 0o500, 'all', 'the owner'],
    [0, 2000, 0o750, 'all', 'a member of the group'],
    [0, 0, 0o744, 'names', 'everybody may read, but not search: only names'],
    [0, 0, 0o711, 'nothing', 'ACCES: others may search, but not read'],
    [0, 0, 0o700, 'nothing', 'ACCES: a stranger'],
    [1000, 0, 0o077, 'nothing', 'ACCES: the owner, whose bits deny it'],
  ] as const) {
    chownSync(path, uid, gid);
    chmodSync(path, mode);
    const handle = await served.handle('d');
    if (sees === 'nothing') {
      const args = readdirplusArgs(handle, 0n);
      await expectNfs3(t, served, READDIRPLUS, args, () => `${ERR.ACCES} ${postOp(path)}`, auth);
      continue;
    }
    const { status, entries } = await readdirplus(served, handle, { auth });
    t.equal(status, 0, name);
    eachOnce(t, entries, ['f']);
    const { attributes, handle: found, fileid: id } = entries.find(entry => entry.name === 'f')!;
    t.equal(id, fileid(join(path, 'f')));
    t.equal(attributes && comparable(attributes), sees === 'all' ? attributesOf(join(path, 'f')) : undefined);
    t.equal(found, sees === 'all' ? await served.handle('d/f') : undefined);
  }
});

t.test('NOTSUPP if nfs.rdirplus is off', async t => {
  const served = await serveNfs(t, { options: ['option nfs.rdirplus off'] });
  const args = readdirplusArgs(await served.handle(''), 0n);
  await expectNfs3(t, served, READDIRPLUS, args, () => `${ERR.NOTSUPP} ${postOp(served.dir)}`);
});

t.test('a directory in two exports is listed with the handles of the export that is asked', async t => {
  const served = await serveNfs(t, { options: ['option nfs3.vol.export-dir /sub(*)'] });
  mkdirSync(join(served.dir, 'sub'));
  makeFiles(join(served.dir, 'sub'), ['f']);
  const through = await served.handle('sub');
  const whole = await readdirplus(served, await served.handle(''));
  const within = whole.entries.find(({ name }) => name === 'sub')!.handle!;
  // Bytes 2 and 3 of a handle say which export it is of.
  const exportOf = (handle: string) => handle.slice(4, 8);
  t.not(exportOf(within), exportOf(through));
  for (const dir of [through, within, through]) {
    const { entries } = await readdirplus(served, dir);
    t.equal(exportOf(entries.find(({ name }) => name === 'f')!.handle!), exportOf(dir));
  }
});
