/** READDIR, procedure 16 (RFC 1813, 3.3.16). */
import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { authSys, serveNfs, temporaryDir } from '../../../support/nfs.ts';
import * as listing from '../../../support/nfs3/listing.ts';
import {
  eachOnce,
  entriesOf,
  entryBytes,
  LIST_BYTES,
  pages,
  readdir,
  readdirArgs,
} from '../../../support/nfs3/listing.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR, failing } from '../../../support/nfs3/common.ts';
import { accepted, call, expectNfs3, expectReply, fattr3, opaque, postOp, text } from '../../../support/wire.ts';

const LOOKUP = 3;
const READDIR = 16;

const fileid = (path: string) => lstatSync(path, { bigint: true }).ino;

/** Files of these names in `dir`. */
function makeFiles(dir: string, names: readonly string[]): readonly string[] {
  for (const name of names) writeFileSync(join(dir, name), '');
  return names;
}

const numbered = (count: number, prefix = 'file-') => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

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
  const hex64 = (value: bigint) => value.toString(16).padStart(16, '0');
  const entries: Record<string, string> = {
    '.': `00000001 ${hex64(fileid(join(served.dir, 'd')))} 00000001 2e000000 ........ ........`,
    '..': `00000001 ${hex64(fileid(served.dir))} 00000002 2e2e0000 ........ ........`,
    name: `00000001 ${hex64(fileid(path))} 00000004 6e616d65 ........ ........`,
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

t.test('fileids are those of GETATTR, of every type', async t => {
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

t.test('`..` of the top is itself', async t => {
  const served = await serveNfs(t, { options: ['option nfs3.vol.export-dir /sub(*)'] });
  mkdirSync(join(served.dir, 'sub', 'a', 'b'), { recursive: true });
  const above = async (path: string) => {
    const { entries } = await readdir(served, await served.handle(path));
    return entries.find(({ name }) => name === '..')!.fileid;
  };
  const id = (path: string) => fileid(join(served.dir, path));
  t.equal(await above(''), id(''), 'of the volume');
  t.equal(await above('sub'), id('sub'), 'of the export of a directory');
  t.equal(await above('sub/a'), id('sub'), 'below it');
  t.equal(await above('sub/a/b'), id('sub/a'), 'further below');
  const sub = await served.handle('sub');
  const up = await served.exchange(call('nfs3', LOOKUP, `${opaque(sub)} ${text('..')}`));
  t.equal(up.toString('hex', 32, 32 + sub.length / 2), sub, 'LOOKUP does not get out either');
});

t.test('after a restart, `..` in the export of a directory is what it was', async t => {
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

t.test('names are bytes, and come back as they are', async t => {
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

t.test('every count, to the byte', async t => {
  const served = await serveNfs(t);
  makeFiles(served.dir, ['a', 'bb', 'ccc', 'dddd', 'eeeee', 'f'.repeat(255)]);
  const root = await served.handle('');
  const { entries, bytes } = await readdir(served, root);
  t.equal(
    bytes,
    entries.reduce((sum, entry) => sum + entryBytes(entry), LIST_BYTES),
  );
  for (const from of [0, 1, 4, entries.length]) {
    const cookie = from === 0 ? 0n : entries[from - 1]!.cookie;
    const rest = entries.slice(from);
    for (let count = 0; count <= bytes + 8; count++) {
      let size = LIST_BYTES;
      const fitting = rest.filter(entry => (size += entryBytes(entry)) <= count);
      const page = await readdir(served, root, { cookie, count });
      if (LIST_BYTES > count || (fitting.length === 0 && rest.length > 0)) {
        if (page.status !== 10_005) t.fail(`count ${count} behind ${from}: TOOSMALL expected, got ${page.status}`);
        continue;
      }
      if (page.status !== 0 || page.bytes > count) t.fail(`count ${count}: status ${page.status}, ${page.bytes} bytes`);
      if (page.entries.length !== fitting.length || page.eof !== (fitting.length === rest.length)) {
        t.fail(`count ${count} behind ${from}: ${page.entries.length} of ${fitting.length}, eof ${page.eof}`);
      }
    }
  }
  t.pass('no reply is over its count, none is shorter than it could be, TOOSMALL when none fits');
});

t.test('TOOSMALL has the attributes', async t => {
  const served = await serveNfs(t);
  const root = await served.handle('');
  for (const count of [0, 1, LIST_BYTES - 1, LIST_BYTES]) {
    const args = readdirArgs(root, 0n, count);
    await expectNfs3(t, served, READDIR, args, () => `${ERR.TOOSMALL} ${postOp(served.dir)}`);
  }
});

for (const [files, counts] of [
  [0, [200, 4096]],
  [1, [200, 4096]],
  [100, [400, 1024, 8192]],
  [1200, [512, 4096, 65_536, listing.MAX]],
] as const) {
  t.test(`${files} files in pages`, async t => {
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
        if (!full) t.fail(`page ${i} of ${all.length}: ${bytes} bytes, and ${entryBytes(next)} would have fitted`);
      }
    }
  });
}

t.test('the server gives no more than it says', async t => {
  const served = await serveNfs(t, { options: ['option nfs3.readdir-size 4096'] });
  const names = makeFiles(served.dir, numbered(300));
  const root = await served.handle('');
  const all = await pages(cookie => readdir(served, root, { cookie }));
  eachOnce(t, entriesOf(all), names);
  t.ok(all.every(({ bytes }) => bytes <= 4096));
});

t.test('from every cookie it goes on behind its entry, in any order', async t => {
  const served = await serveNfs(t);
  makeFiles(served.dir, numbered(200));
  const root = await served.handle('');
  const { entries } = await readdir(served, root);
  t.equal(new Set(entries.map(({ cookie }) => cookie)).size, entries.length, 'cookies differ');
  t.ok(
    entries.every(({ cookie }) => cookie > 0n && cookie < 2n ** 63n),
    'and are no start, and positive',
  );
  const orders = [
    entries.keys(),
    [...entries.keys()].reverse(),
    [...entries.keys()].sort((a, b) => ((a * 7919) % 211) - ((b * 7919) % 211)),
  ];
  for (const order of orders) {
    for (const i of order) {
      const { cookie } = entries[i]!;
      const page = await readdir(served, root, { cookie });
      const rest = entries.slice(i + 1);
      if (!page.eof || page.entries.length !== rest.length) t.fail(`behind ${i}: ${page.entries.length}`);
      if (rest.some(({ name, fileid }, j) => page.entries[j]!.name !== name || page.entries[j]!.fileid !== fileid)) {
        t.fail(`behind ${i} come others`);
      }
    }
  }
  const end = await readdir(served, root, { cookie: entries.at(-1)!.cookie });
  t.match(end, { status: 0, entries: [], eof: true }, 'behind the last is the end');
});

t.test('cookies that are none: BAD_COOKIE', async t => {
  const served = await serveNfs(t);
  makeFiles(served.dir, ['a']);
  const root = await served.handle('');
  for (const cookie of [2n ** 63n, 2n ** 63n + 1n, 2n ** 64n - 1n]) {
    await expectNfs3(
      t,
      served,
      READDIR,
      readdirArgs(root, cookie, 4096),
      () => `${ERR.BAD_COOKIE} ${postOp(served.dir)}`,
    );
  }
});

t.test('cookies that were never given end, or go on somewhere', async t => {
  const served = await serveNfs(t);
  makeFiles(served.dir, numbered(100));
  const root = await served.handle('');
  for (const cookie of [1n, 2n, 3n, 4711n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n]) {
    const page = await readdir(served, root, { cookie });
    t.ok([0, 10_003].includes(page.status), `cookie ${cookie}: status ${page.status}`);
    if (page.status === 0) t.ok(page.entries.length <= 102 && page.eof);
  }
});

t.test('a cookie that the brick cannot take: BAD_COOKIE', async t => {
  const served = await serveNfs(t, { layers: failing('EINVAL', 'readdir') });
  const root = await served.handle('');
  await expectNfs3(t, served, READDIR, readdirArgs(root, 5n, 4096), () => `${ERR.BAD_COOKIE} ${postOp(served.dir)}`);
  await expectNfs3(t, served, READDIR, readdirArgs(root, 0n, 4096), () => `${ERR.INVAL} ${postOp(served.dir)}`);
});

t.test('any verifier will do', async t => {
  const served = await serveNfs(t);
  const names = makeFiles(served.dir, numbered(50));
  const root = await served.handle('');
  for (const verifier of ['ffffffffffffffff', '0000000000000001', 'b0b1b2b3b4b5b6b7']) {
    const all = await pages(cookie => readdir(served, root, { cookie, count: 512, verifier }));
    eachOnce(t, entriesOf(all), names);
  }
  const first = await readdir(served, root, { count: 512 });
  const cookie = first.entries.at(-1)!.cookie;
  makeFiles(served.dir, ['another']);
  utimesSync(served.dir, 1, 1);
  t.match(
    await readdir(served, root, { cookie, verifier: first.verifier }),
    { status: 0, eof: true },
    'an old one too',
  );
});

t.test('what comes and goes between two pages', async t => {
  const served = await serveNfs(t);
  const names = makeFiles(served.dir, numbered(300));
  const root = await served.handle('');
  const first = await readdir(served, root, { count: 2048 });
  const told = listing.namesOf(first.entries).filter(name => !name.startsWith('.'));
  const untold = names.filter(name => !told.includes(name));
  // Of those told and of those not yet: the first, one in the middle, and the one that the cookie stands for.
  const gone = [told[0]!, told[5]!, told.at(-1)!, untold[0]!, untold[100]!, untold.at(-1)!];
  for (const name of gone) rmSync(join(served.dir, name));
  const come = makeFiles(served.dir, numbered(50, 'new-'));
  const rest = await pages(cookie => readdir(served, root, { cookie, count: 2048 }), first.entries.at(-1)!.cookie);
  const after = listing.namesOf(entriesOf(rest));
  const stayed = untold.filter(name => !gone.includes(name));
  t.strictSame(
    after.filter(name => names.includes(name)).sort(),
    stayed.sort(),
    'what stays comes once, what went not',
  );
  t.equal(new Set(after).size, after.length, 'what is new at most once');
  const again = await pages(cookie => readdir(served, root, { cookie, count: 2048 }));
  eachOnce(t, entriesOf(again), [...names.filter(name => !gone.includes(name)), ...come]);
});

t.test('removing page by page, as rm -r does', async t => {
  const served = await serveNfs(t);
  makeFiles(served.dir, numbered(500));
  const root = await served.handle('');
  const all = await pages(async cookie => {
    const page = await readdir(served, root, { cookie, count: 1024 });
    for (const { name } of page.entries) if (!name.startsWith('.')) rmSync(join(served.dir, name));
    return page;
  });
  eachOnce(t, entriesOf(all), numbered(500));
  t.strictSame(nfs3.namesIn(served.dir), []);
});

t.test('a directory that grows and shrinks to nothing while it is listed', async t => {
  const served = await serveNfs(t);
  makeFiles(served.dir, numbered(200));
  const root = await served.handle('');
  const first = await readdir(served, root, { count: 1024 });
  for (const name of nfs3.namesIn(served.dir)) rmSync(join(served.dir, name));
  const cookie = first.entries.at(-1)!.cookie;
  t.match(await readdir(served, root, { cookie }), { status: 0, entries: [], eof: true });
  const whole = await readdir(served, root);
  t.strictSame(listing.namesOf(whole.entries).sort(), ['.', '..']);
});

t.test('renaming while listing: an entry comes at least once', async t => {
  const served = await serveNfs(t);
  const names = makeFiles(served.dir, numbered(100));
  const root = await served.handle('');
  const first = await readdir(served, root, { count: 1024 });
  const told = listing.namesOf(first.entries);
  const moved = names.find(name => !told.includes(name))!;
  nfs3.renameToHex(served.dir, moved, Buffer.from('moved').toString('hex'));
  const rest = await pages(cookie => readdir(served, root, { cookie, count: 1024 }), first.entries.at(-1)!.cookie);
  const after = listing.namesOf(entriesOf(rest));
  t.notOk(after.includes(moved));
  t.equal(new Set([...told, ...after]).size - (after.includes('moved') ? 1 : 0), 101, 'the others, each once');
});

t.test('two clients at different places of one directory', async t => {
  const served = await serveNfs(t);
  const names = makeFiles(served.dir, numbered(400));
  const root = await served.handle('');
  const seen: [listing.Listed[], listing.Listed[]] = [[], []];
  const at = [0n, 0n];
  for (let turn = 0; turn < 200 && at.some(cookie => cookie >= 0n); turn++) {
    const who = turn % 3 === 0 ? 1 : 0;
    if (at[who]! < 0n) continue;
    const auth = who === 0 ? authSys(0, 0) : authSys(0, 5);
    const page = await readdir(served, root, { cookie: at[who]!, count: who === 0 ? 700 : 3000, auth });
    seen[who].push(...page.entries);
    at[who] = page.eof ? -1n : page.entries.at(-1)!.cookie;
  }
  for (const entries of seen) eachOnce(t, entries, names);
});

t.test('a listing goes on after a restart', async t => {
  const [dir, stateDir] = [await temporaryDir(t, 'vol'), await temporaryDir(t, 'state')];
  const names = makeFiles(dir, numbered(300));
  const before = await serveNfs(t, { dir, stateDir });
  const root = await before.handle('');
  const first = await readdir(before, root, { count: 2048 });
  const after = await serveNfs(t, { dir, stateDir });
  t.equal(await after.handle(''), root, 'the handle is the same');
  const { verifier } = first;
  const rest = await pages(
    cookie => readdir(after, root, { cookie, count: 2048, verifier }),
    first.entries.at(-1)!.cookie,
  );
  eachOnce(t, [...first.entries, ...entriesOf(rest)], names);
});

t.test('who may list', async t => {
  const served = await serveNfs(t);
  chmodSync(served.dir, 0o755);
  const path = join(served.dir, 'd');
  mkdirSync(path);
  makeFiles(path, ['f']);
  const auth = authSys(1000, 1001, [2000]);
  const may = { status: 0, eof: true };
  for (const [uid, gid, mode, allowed, name] of [
    [0, 0, 0o755, true, 'everybody'],
    [0, 0, 0o744, true, 'everybody may read, nobody search'],
    [1000, 0, 0o500, true, 'the owner'],
    [0, 2000, 0o750, true, 'a member of the group'],
    [0, 1001, 0o750, true, 'the group that is the first'],
    [0, 0, 0o711, false, 'ACCES: to search is not to read'],
    [0, 0, 0o700, false, 'ACCES: a stranger'],
    [1000, 0, 0o077, false, 'ACCES: the owner, who may not'],
    [0, 2000, 0o707, false, 'ACCES: a member of a group that may not'],
  ] as const) {
    chownSync(path, uid, gid);
    chmodSync(path, mode);
    const handle = await served.handle('d');
    if (allowed) t.match(await readdir(served, handle, { auth }), may, name);
    else
      await expectNfs3(t, served, READDIR, readdirArgs(handle, 0n, 4096), () => `${ERR.ACCES} ${postOp(path)}`, auth);
    t.match(await readdir(served, handle), may, `${name}: root may`);
  }
});

t.test('rights that go while a listing is under way: ACCES', async t => {
  const served = await serveNfs(t);
  chmodSync(served.dir, 0o755);
  makeFiles(served.dir, numbered(100));
  const root = await served.handle('');
  const auth = authSys(1000, 1001);
  const first = await readdir(served, root, { count: 1024, auth });
  chmodSync(served.dir, 0o700);
  const args = readdirArgs(root, first.entries.at(-1)!.cookie, 1024);
  await expectNfs3(t, served, READDIR, args, () => `${ERR.ACCES} ${postOp(served.dir)}`, auth);
});

t.test('what is no directory: NOTDIR', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'd'));
  makeFiles(served.dir, ['f']);
  symlinkSync('d', join(served.dir, 'l'));
  for (const name of ['f', 'l']) {
    const args = readdirArgs(await served.handle(name), 0n, 4096);
    await expectNfs3(t, served, READDIR, args, () => `${ERR.NOTDIR} ${postOp(join(served.dir, name))}`);
  }
});

t.test('a directory that goes while it is listed: STALE', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'd'));
  makeFiles(join(served.dir, 'd'), numbered(100));
  const handle = await served.handle('d');
  const first = await readdir(served, handle, { count: 1024 });
  rmSync(join(served.dir, 'd'), { recursive: true });
  const args = readdirArgs(handle, first.entries.at(-1)!.cookie, 1024);
  await expectNfs3(t, served, READDIR, args, `${ERR.STALE} 00000000`);
});

t.test('file ids of 32 bits (nfs.enable-ino32)', async t => {
  const served = await serveNfs(t, { options: ['option nfs.enable-ino32 on'] });
  makeFiles(served.dir, ['f']);
  const { entries } = await readdir(served, await served.handle(''));
  t.ok(entries.every(({ fileid }) => fileid < 2n ** 32n));
  t.ok(
    entries.every(({ cookie }) => cookie < 2n ** 32n),
    'and cookies',
  );
  const folded = (id: bigint) => (id >> 32n) ^ (id & 0xffff_ffffn);
  t.equal(entries.find(({ name }) => name === 'f')!.fileid, folded(fileid(join(served.dir, 'f'))));
});

t.test('a read-only export is listed as any', async t => {
  const served = await serveNfs(t, nfs3.READ_ONLY_EXPORT);
  makeFiles(served.dir, ['f']);
  const { status, entries } = await readdir(served, await served.handle(''));
  t.equal(status, 0);
  eachOnce(t, entries, ['f']);
});

t.test('handles that are none', async t => {
  const args = (handle: string) => `${handle} 00000000 00000000 00000000 00000000 00001000`;
  await nfs3.refusesHandles(t, await serveNfs(t), READDIR, args, '00000000');
});

t.test('arguments that are none', async t => {
  const served = await serveNfs(t);
  await nfs3.refusesGarbage(t, served, READDIR, readdirArgs(await served.handle(''), 0n, 4096));
});

t.test('what a brick fails with', async t => {
  await nfs3.refusesFailures(t, READDIR, 'readdir', async served => {
    return { args: readdirArgs(await served.handle(''), 0n, 4096), arm: () => postOp(served.dir) };
  });
});
