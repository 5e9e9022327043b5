/** READDIRPLUS, procedure 17 (RFC 1813, 3.3.17). */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { authSys, serveNfs, type ServedNfs, temporaryDir } from '../../../support/nfs.ts';
import * as listing from '../../../support/nfs3/listing.ts';
import {
  eachOnce,
  entriesOf,
  entryBytes,
  entryplusBytes,
  LIST_BYTES,
  pages,
  readdirplus,
  readdirplusArgs,
} from '../../../support/nfs3/listing.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR, failing } from '../../../support/nfs3/common.ts';
import { accepted, call, expectNfs3, expectReply, fattr3, opaque, postOp } from '../../../support/wire.ts';

const READDIRPLUS = 17;

const fileid = (path: string) => lstatSync(path, { bigint: true }).ino;

/** Files of these names in `dir`. */
function makeFiles(dir: string, names: readonly string[]): readonly string[] {
  for (const name of names) writeFileSync(join(dir, name), name);
  return names;
}

const numbered = (count: number, prefix = 'file-') => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** Fields of fattr3 by their place in 84 bytes, but for the fsid, which lstat does not know. */
const comparable = (attributes: string) => attributes.slice(0, 2 * 44) + attributes.slice(2 * 52);
const attributesOf = (path: string) => comparable(fattr3(path).replaceAll(' ', ''));

/** Every entry that has attributes and a handle has those of GETATTR and LOOKUP. */
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
  const hex64 = (value: bigint) => value.toString(16).padStart(16, '0');
  const entries: Record<string, string> = {};
  for (const [name, text] of [
    ['.', '00000001 2e000000'],
    ['..', '00000002 2e2e0000'],
    ['name', '00000004 6e616d65'],
  ] as const) {
    const path = join(served.dir, 'd', name);
    entries[name] = `
      00000001 ${hex64(fileid(path))}                        // TRUE, fileid
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

t.test('objects of every type and owner', async t => {
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

t.test('`..` of the top is itself, and has no handle', async t => {
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
  t.equal(sub.handle, await served.handle('sub'), 'below it, it is the top');
  t.equal(sub.fileid, fileid(join(served.dir, 'sub')));
  t.equal(comparable(sub.attributes!), attributesOf(join(served.dir, 'sub')));
});

t.test('names are bytes, and come back as they are, with what they stand for', async t => {
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

t.test('every maxcount, to the byte', async t => {
  const served = await serveNfs(t);
  makeFiles(served.dir, ['a', 'bb', 'ccc', 'dddd', 'f'.repeat(255)]);
  const root = await served.handle('');
  const { entries, bytes } = await readdirplus(served, root);
  t.equal(
    bytes,
    entries.reduce((sum, entry) => sum + entryplusBytes(entry), LIST_BYTES),
  );
  for (const from of [0, 1, 4, entries.length]) {
    const cookie = from === 0 ? 0n : entries[from - 1]!.cookie;
    const rest = entries.slice(from);
    for (let maxcount = 0; maxcount <= bytes + 8; maxcount++) {
      let size = LIST_BYTES;
      const fitting = rest.filter(entry => (size += entryplusBytes(entry)) <= maxcount);
      const page = await readdirplus(served, root, { cookie, maxcount });
      if (LIST_BYTES > maxcount || (fitting.length === 0 && rest.length > 0)) {
        if (page.status !== 10_005) t.fail(`maxcount ${maxcount} behind ${from}: TOOSMALL, not ${page.status}`);
        continue;
      }
      if (page.status !== 0 || page.bytes > maxcount)
        t.fail(`maxcount ${maxcount}: ${page.status}, ${page.bytes} bytes`);
      if (page.entries.length !== fitting.length || page.eof !== (fitting.length === rest.length)) {
        t.fail(`maxcount ${maxcount} behind ${from}: ${page.entries.length} of ${fitting.length}, eof ${page.eof}`);
      }
    }
  }
  t.pass('no reply is over its maxcount, none is shorter than it could be, TOOSMALL when none fits');
});

t.test('every dircount: what names take, without attributes and handles', async t => {
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
      if (page.status !== 0) t.fail(`dircount ${dircount} behind ${from}: status ${page.status}`);
      if (page.entries.length !== count || (page.eof && count < rest.length)) {
        t.fail(`dircount ${dircount} behind ${from}: ${page.entries.length} of ${count}, eof ${page.eof}`);
      }
    }
  }
  t.pass('no reply has more names than dircount, none fewer, but for one name, for which there is always room');
});

t.test('TOOSMALL has the attributes', async t => {
  const served = await serveNfs(t);
  const root = await served.handle('');
  for (const sizes of [{ maxcount: 0 }, { maxcount: LIST_BYTES }, { dircount: 0, maxcount: 0 }]) {
    const args = readdirplusArgs(root, 0n, sizes);
    await expectNfs3(t, served, READDIRPLUS, args, () => `${ERR.TOOSMALL} ${postOp(served.dir)}`);
  }
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
  // What Linux and macOS ask for.
  [1200, [{ dircount: 4096, maxcount: 32_768 }, { dircount: 8192, maxcount: 131_072 }, {}]],
] as const) {
  t.test(`${files} files in pages`, async t => {
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
      t.strictSame(bare, [], 'all have attributes and handles');
    }
  });
}

t.test('pages are as full as they may be', async t => {
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

t.test('the server gives no more than it says', async t => {
  const served = await serveNfs(t, { options: ['option nfs3.readdir-size 4096'] });
  const names = makeFiles(served.dir, numbered(100));
  const root = await served.handle('');
  const all = await pages(cookie => readdirplus(served, root, { cookie }));
  eachOnce(t, entriesOf(all), names);
  t.ok(all.every(({ bytes }) => bytes <= 4096));
});

t.test('from every cookie it goes on behind its entry; cookies are those of READDIR', async t => {
  const served = await serveNfs(t);
  makeFiles(served.dir, numbered(60));
  const root = await served.handle('');
  const { entries } = await readdirplus(served, root);
  const plain = await listing.readdir(served, root);
  const short = ({ name, fileid, cookie }: listing.Listed) => ({ name, fileid, cookie });
  t.strictSame(entries.map(short), plain.entries.map(short));
  for (const i of [...entries.keys()].reverse()) {
    const page = await readdirplus(served, root, { cookie: entries[i]!.cookie });
    if (!page.eof) t.fail(`behind ${i}: no end`);
    if (
      JSON.stringify(page.entries.map(({ name }) => name)) !== JSON.stringify(listing.namesOf(entries.slice(i + 1)))
    ) {
      t.fail(`behind ${i} come others`);
    }
  }
  t.match(await readdirplus(served, root, { cookie: entries.at(-1)!.cookie }), { status: 0, entries: [], eof: true });
});

t.test('cookies that are none: BAD_COOKIE', async t => {
  const served = await serveNfs(t);
  const root = await served.handle('');
  for (const cookie of [2n ** 63n, 2n ** 63n + 1n, 2n ** 64n - 1n]) {
    const args = readdirplusArgs(root, cookie);
    await expectNfs3(t, served, READDIRPLUS, args, () => `${ERR.BAD_COOKIE} ${postOp(served.dir)}`);
  }
});

t.test('a cookie that the brick cannot take: BAD_COOKIE', async t => {
  const served = await serveNfs(t, { layers: failing('EINVAL', 'readdirp') });
  const root = await served.handle('');
  const args = readdirplusArgs(root, 5n);
  await expectNfs3(t, served, READDIRPLUS, args, () => `${ERR.BAD_COOKIE} ${postOp(served.dir)}`);
});

t.test('any verifier will do', async t => {
  const served = await serveNfs(t);
  const names = makeFiles(served.dir, numbered(50));
  const root = await served.handle('');
  for (const verifier of ['ffffffffffffffff', '0000000000000001']) {
    const all = await pages(cookie => readdirplus(served, root, { cookie, maxcount: 2048, verifier }));
    eachOnce(t, entriesOf(all), names);
  }
});

t.test('what comes, goes and changes between two pages', async t => {
  const served = await serveNfs(t);
  const names = makeFiles(served.dir, numbered(200));
  const root = await served.handle('');
  const first = await readdirplus(served, root, { maxcount: 8192 });
  const told = listing.namesOf(first.entries).filter(name => !name.startsWith('.'));
  const untold = names.filter(name => !told.includes(name));
  const gone = [told[0]!, told.at(-1)!, untold[0]!, untold.at(-1)!];
  for (const name of gone) rmSync(join(served.dir, name));
  const [changed, replaced] = [untold[10]!, untold[20]!];
  writeFileSync(join(served.dir, changed), 'of another length');
  rmSync(join(served.dir, replaced));
  mkdirSync(join(served.dir, replaced));
  makeFiles(served.dir, numbered(50, 'new-'));
  const rest = entriesOf(
    await pages(cookie => readdirplus(served, root, { cookie, maxcount: 8192 }), first.entries.at(-1)!.cookie),
  );
  const old = listing.namesOf(rest).filter(name => untold.includes(name) && name !== replaced);
  t.strictSame(old.sort(), untold.filter(name => !gone.includes(name) && name !== replaced).sort());
  t.equal(new Set(listing.namesOf(rest)).size, rest.length, 'each at most once');
  for (const name of [changed, replaced]) {
    const { attributes, handle } = rest.find(entry => entry.name === name) ?? {};
    if (attributes === undefined && name === replaced) continue; // it may come behind, or have come before
    t.equal(comparable(attributes!), attributesOf(join(served.dir, name)));
    t.equal(handle, await served.handle(name));
  }
});

t.test('removing page by page, as rm -r does', async t => {
  const served = await serveNfs(t);
  makeFiles(served.dir, numbered(300));
  const root = await served.handle('');
  const all = await pages(async cookie => {
    const page = await readdirplus(served, root, { cookie, maxcount: 4096 });
    for (const { name } of page.entries) if (!name.startsWith('.')) rmSync(join(served.dir, name));
    return page;
  });
  eachOnce(t, entriesOf(all), numbered(300));
  t.strictSame(nfs3.namesIn(served.dir), []);
});

t.test('a listing goes on after a restart, with the same handles', async t => {
  const [dir, stateDir] = [await temporaryDir(t, 'vol'), await temporaryDir(t, 'state')];
  const names = makeFiles(dir, numbered(200));
  const before = await serveNfs(t, { dir, stateDir });
  const root = await before.handle('');
  const whole = await readdirplus(before, root);
  const first = await readdirplus(before, root, { maxcount: 8192 });
  const after = await serveNfs(t, { dir, stateDir });
  const rest = await pages(
    cookie => readdirplus(after, root, { cookie, maxcount: 8192 }),
    first.entries.at(-1)!.cookie,
  );
  const both = [...first.entries, ...entriesOf(rest)];
  eachOnce(t, both, names);
  const handles = (entries: readonly listing.Listed[]) => entries.map(({ name, handle }) => [name, handle]);
  t.strictSame(handles(both), handles(whole.entries));
});

t.test('who may list, and whose attributes are told', async t => {
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
    [0, 0, 0o744, 'names', 'everybody may read, nobody search: names, and no more'],
    [0, 0, 0o711, 'nothing', 'ACCES: to search is not to read'],
    [0, 0, 0o700, 'nothing', 'ACCES: a stranger'],
    [1000, 0, 0o077, 'nothing', 'ACCES: the owner, who may not'],
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

t.test('what is no directory: NOTDIR', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'd'));
  makeFiles(served.dir, ['f']);
  symlinkSync('d', join(served.dir, 'l'));
  for (const name of ['f', 'l']) {
    const args = readdirplusArgs(await served.handle(name), 0n);
    await expectNfs3(t, served, READDIRPLUS, args, () => `${ERR.NOTDIR} ${postOp(join(served.dir, name))}`);
  }
});

t.test('a directory that goes while it is listed: STALE', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'd'));
  makeFiles(join(served.dir, 'd'), numbered(100));
  const handle = await served.handle('d');
  const first = await readdirplus(served, handle, { maxcount: 4096 });
  rmSync(join(served.dir, 'd'), { recursive: true });
  const args = readdirplusArgs(handle, first.entries.at(-1)!.cookie);
  await expectNfs3(t, served, READDIRPLUS, args, `${ERR.STALE} 00000000`);
});

t.test('switched off (nfs.rdirplus): NOTSUPP', async t => {
  const served = await serveNfs(t, { options: ['option nfs.rdirplus off'] });
  const args = readdirplusArgs(await served.handle(''), 0n);
  await expectNfs3(t, served, READDIRPLUS, args, () => `${ERR.NOTSUPP} ${postOp(served.dir)}`);
});

t.test('a read-only export is listed as any', async t => {
  const served = await serveNfs(t, nfs3.READ_ONLY_EXPORT);
  makeFiles(served.dir, ['f']);
  const { status, entries } = await readdirplus(served, await served.handle(''));
  t.equal(status, 0);
  eachOnce(t, entries, ['f']);
});

t.test('handles that are none', async t => {
  const args = (handle: string) => `${handle} 00000000 00000000 00000000 00000000 00001000 00001000`;
  await nfs3.refusesHandles(t, await serveNfs(t), READDIRPLUS, args, '00000000');
});

t.test('arguments that are none', async t => {
  const served = await serveNfs(t);
  await nfs3.refusesGarbage(t, served, READDIRPLUS, readdirplusArgs(await served.handle(''), 0n));
});

t.test('what a brick fails with', async t => {
  await nfs3.refusesFailures(t, READDIRPLUS, 'readdirp', async served => {
    return { args: readdirplusArgs(await served.handle(''), 0n), arm: () => postOp(served.dir) };
  });
});

t.test('a listing through one export and then through another: each has handles of its own', async t => {
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
