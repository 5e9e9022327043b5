/** What holds of READDIR and READDIRPLUS alike. */
import { chmodSync, lstatSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { authSys, type ServedNfs, serveNfs, temporaryDir } from '../nfs.ts';
import { expectNfs3, postOp } from '../wire.ts';
import * as nfs3 from './common.ts';
import { ERR, failing } from './common.ts';
import { eachOnce, entriesOf, type Listed, LIST_BYTES, namesOf, type Page, pages } from './listing.ts';

/** The inode number of a path, which is the file id to expect. */
export const fileid = (path: string): bigint => lstatSync(path, { bigint: true }).ino;

/** Makes files of these names in `dir`. Each contains its name. */
export function makeFiles(dir: string, names: readonly string[]): readonly string[] {
  for (const name of names) writeFileSync(join(dir, name), name);
  return names;
}

export const numbered = (count: number, prefix = 'file-'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** One of the two procedures. `count` is the greatest length of its reply. */
export interface ListingProcedure {
  readonly proc: number;
  /** The fop that it calls. */
  readonly fop: 'readdir' | 'readdirp';
  /** The arguments after the handle, as hex. */
  readonly rest: string;
  readonly argsOf: (dir: string, cookie: bigint, count: number) => string;
  readonly list: (
    served: ServedNfs,
    dir: string,
    how?: { readonly cookie?: bigint; readonly count?: number; readonly verifier?: string; readonly auth?: string },
  ) => Promise<Page>;
  /** The bytes that an entry takes in the reply. */
  readonly entryBytes: (entry: Listed) => number;
  /** The length of a page that has about 30 entries. */
  readonly pageBytes: number;
}

export function listingCases(t: Test, procedure: ListingProcedure): void {
  countCases(t, procedure);
  pageCases(t, procedure);
  cookieCases(t, procedure);
  changeCases(t, procedure);
  accessCases(t, procedure);
  refusalCases(t, procedure);
}

function countCases(t: Test, { list, entryBytes }: ListingProcedure): void {
  t.test('every count: no reply is longer, none could hold one entry more, TOOSMALL if none fits', async t => {
    const wrong: string[] = [];
    const served = await serveNfs(t);
    makeFiles(served.dir, ['a', 'bb', 'ccc', 'dddd', 'eeeee', 'f'.repeat(255)]);
    const root = await served.handle('');
    const { entries, bytes } = await list(served, root);
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
        const page = await list(served, root, { cookie, count });
        if (LIST_BYTES > count || (fitting.length === 0 && rest.length > 0)) {
          if (page.status !== 10_005)
            wrong.push(`count ${count} behind ${from}: TOOSMALL expected, got ${page.status}`);
          continue;
        }
        if (page.status !== 0 || page.bytes > count)
          wrong.push(`count ${count}: status ${page.status}, ${page.bytes} bytes`);
        if (page.entries.length !== fitting.length || page.eof !== (fitting.length === rest.length)) {
          wrong.push(`count ${count} behind ${from}: ${page.entries.length} of ${fitting.length}, eof ${page.eof}`);
        }
      }
    }
    t.strictSame(wrong, []);
  });
}

function pageCases(t: Test, { proc, argsOf, list, pageBytes }: ListingProcedure): void {
  t.test('TOOSMALL comes with the attributes of the directory', async t => {
    const served = await serveNfs(t);
    const root = await served.handle('');
    for (const count of [0, 1, LIST_BYTES - 1, LIST_BYTES]) {
      await expectNfs3(t, served, proc, argsOf(root, 0n, count), () => `${ERR.TOOSMALL} ${postOp(served.dir)}`);
    }
  });

  t.test('no page is longer than nfs3.readdir-size', async t => {
    const served = await serveNfs(t, { options: ['option nfs3.readdir-size 4096'] });
    const names = makeFiles(served.dir, numbered(300));
    const root = await served.handle('');
    const all = await pages(cookie => list(served, root, { cookie }));
    eachOnce(t, entriesOf(all), names);
    t.ok(all.every(({ bytes }) => bytes <= 4096));
  });

  t.test('two clients list one directory at different places', async t => {
    const served = await serveNfs(t);
    const names = makeFiles(served.dir, numbered(400));
    const root = await served.handle('');
    const seen: [Listed[], Listed[]] = [[], []];
    const at = [0n, 0n];
    for (let turn = 0; turn < 200 && at.some(cookie => cookie >= 0n); turn++) {
      const client = turn % 3 === 0 ? 1 : 0;
      if (at[client]! < 0n) continue;
      const auth = client === 0 ? authSys(0, 0) : authSys(0, 5);
      const count = client === 0 ? Math.floor(pageBytes / 3) : pageBytes * 2;
      const page = await list(served, root, { cookie: at[client]!, count, auth });
      seen[client].push(...page.entries);
      at[client] = page.eof ? -1n : page.entries.at(-1)!.cookie;
    }
    for (const entries of seen) eachOnce(t, entries, names);
  });

  t.test('a listing goes on after a restart', async t => {
    const [dir, stateDir] = [await temporaryDir(t, 'vol'), await temporaryDir(t, 'state')];
    const names = makeFiles(dir, numbered(300));
    const before = await serveNfs(t, { dir, stateDir });
    const root = await before.handle('');
    const first = await list(before, root, { count: pageBytes * 2 });
    const after = await serveNfs(t, { dir, stateDir });
    t.equal(await after.handle(''), root, 'the handle is the same');
    const { verifier } = first;
    const rest = await pages(
      cookie => list(after, root, { cookie, count: pageBytes * 2, verifier }),
      first.entries.at(-1)!.cookie,
    );
    eachOnce(t, [...first.entries, ...entriesOf(rest)], names);
  });
}

function cookieCases(t: Test, { proc, fop, argsOf, list, pageBytes }: ListingProcedure): void {
  t.test('from every cookie, in any order, the listing goes on behind its entry', async t => {
    const served = await serveNfs(t);
    makeFiles(served.dir, numbered(200));
    const root = await served.handle('');
    const { entries } = await list(served, root);
    t.equal(new Set(entries.map(({ cookie }) => cookie)).size, entries.length, 'cookies differ');
    t.ok(
      entries.every(({ cookie }) => cookie > 0n && cookie < 2n ** 63n),
      'cookies are positive and have 63 bits',
    );
    const orders = [
      entries.keys(),
      [...entries.keys()].reverse(),
      [...entries.keys()].sort((a, b) => ((a * 7919) % 211) - ((b * 7919) % 211)),
    ];
    for (const order of orders) {
      for (const i of order) {
        const { cookie } = entries[i]!;
        const page = await list(served, root, { cookie });
        const rest = entries.slice(i + 1);
        if (!page.eof || page.entries.length !== rest.length) t.fail(`behind ${i}: ${page.entries.length}`);
        if (rest.some(({ name, fileid }, j) => page.entries[j]!.name !== name || page.entries[j]!.fileid !== fileid)) {
          t.fail(`other entries follow ${i}`);
        }
      }
    }
    const end = await list(served, root, { cookie: entries.at(-1)!.cookie });
    t.match(end, { status: 0, entries: [], eof: true }, 'nothing follows the last entry');
  });

  t.test('a cookie of more than 63 bits is BAD_COOKIE', async t => {
    const served = await serveNfs(t);
    makeFiles(served.dir, ['a']);
    const root = await served.handle('');
    for (const cookie of [2n ** 63n, 2n ** 63n + 1n, 2n ** 64n - 1n]) {
      await expectNfs3(t, served, proc, argsOf(root, cookie, 4096), () => `${ERR.BAD_COOKIE} ${postOp(served.dir)}`);
    }
  });

  t.test('a cookie that no listing had is BAD_COOKIE, or the listing goes on somewhere and ends', async t => {
    const served = await serveNfs(t);
    makeFiles(served.dir, numbered(100));
    const root = await served.handle('');
    for (const cookie of [1n, 2n, 3n, 4711n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n]) {
      const page = await list(served, root, { cookie });
      t.ok([0, 10_003].includes(page.status), `cookie ${cookie}: status ${page.status}`);
      if (page.status === 0) t.ok(page.entries.length <= 102 && page.eof);
    }
  });

  t.test('a cookie that the brick refuses is BAD_COOKIE', async t => {
    const served = await serveNfs(t, { layers: failing('EINVAL', fop) });
    const root = await served.handle('');
    await expectNfs3(t, served, proc, argsOf(root, 5n, 4096), () => `${ERR.BAD_COOKIE} ${postOp(served.dir)}`);
    await expectNfs3(t, served, proc, argsOf(root, 0n, 4096), () => `${ERR.INVAL} ${postOp(served.dir)}`);
  });

  t.test('any cookie verifier is accepted', async t => {
    const served = await serveNfs(t);
    const names = makeFiles(served.dir, numbered(50));
    const root = await served.handle('');
    const count = Math.floor(pageBytes / 2);
    for (const verifier of ['ffffffffffffffff', '0000000000000001', 'b0b1b2b3b4b5b6b7']) {
      const all = await pages(cookie => list(served, root, { cookie, count, verifier }));
      eachOnce(t, entriesOf(all), names);
    }
    const first = await list(served, root, { count });
    const cookie = first.entries.at(-1)!.cookie;
    makeFiles(served.dir, ['another']);
    utimesSync(served.dir, 1, 1);
    const { verifier } = first;
    t.match(await list(served, root, { cookie, verifier }), { status: 0, eof: true }, 'also one from before a change');
  });
}

function changeCases(t: Test, { list, pageBytes }: ListingProcedure): void {
  t.test('entries that are removed or made between two pages', async t => {
    const served = await serveNfs(t);
    const names = makeFiles(served.dir, numbered(300));
    const root = await served.handle('');
    const count = pageBytes * 2;
    const first = await list(served, root, { count });
    const listed = namesOf(first.entries).filter(name => !name.startsWith('.'));
    const unlisted = names.filter(name => !listed.includes(name));
    // The first and the last of either kind and one between. The cookie is that of the last listed one.
    const gone = [listed[0]!, listed[5]!, listed.at(-1)!, unlisted[0]!, unlisted[100]!, unlisted.at(-1)!];
    for (const name of gone) rmSync(join(served.dir, name));
    const made = makeFiles(served.dir, numbered(50, 'new-'));
    const rest = await pages(cookie => list(served, root, { cookie, count }), first.entries.at(-1)!.cookie);
    const after = namesOf(entriesOf(rest));
    t.strictSame(
      after.filter(name => names.includes(name)).sort(),
      unlisted.filter(name => !gone.includes(name)).sort(),
      'each entry that stays is listed once, none that was removed',
    );
    t.equal(new Set(after).size, after.length, 'new entries are listed at most once');
    const again = await pages(cookie => list(served, root, { cookie, count }));
    eachOnce(t, entriesOf(again), [...names.filter(name => !gone.includes(name)), ...made]);
  });

  t.test('a directory that is emptied page by page, as rm -r does', async t => {
    const served = await serveNfs(t);
    makeFiles(served.dir, numbered(500));
    const root = await served.handle('');
    const all = await pages(async cookie => {
      const page = await list(served, root, { cookie, count: pageBytes });
      for (const { name } of page.entries) if (!name.startsWith('.')) rmSync(join(served.dir, name));
      return page;
    });
    eachOnce(t, entriesOf(all), numbered(500));
    t.strictSame(nfs3.namesIn(served.dir), []);
  });

  t.test('a directory that is emptied at once while it is listed', async t => {
    const served = await serveNfs(t);
    makeFiles(served.dir, numbered(200));
    const root = await served.handle('');
    const first = await list(served, root, { count: pageBytes });
    for (const name of nfs3.namesIn(served.dir)) rmSync(join(served.dir, name));
    const cookie = first.entries.at(-1)!.cookie;
    t.match(await list(served, root, { cookie }), { status: 0, entries: [], eof: true });
    const whole = await list(served, root);
    t.strictSame(namesOf(whole.entries).sort(), ['.', '..']);
  });

  t.test('an entry that is renamed between two pages; the others are listed once', async t => {
    const served = await serveNfs(t);
    const names = makeFiles(served.dir, numbered(100));
    const root = await served.handle('');
    const first = await list(served, root, { count: pageBytes });
    const listed = namesOf(first.entries);
    const moved = names.find(name => !listed.includes(name))!;
    nfs3.renameToHex(served.dir, moved, Buffer.from('moved').toString('hex'));
    const rest = await pages(cookie => list(served, root, { cookie, count: pageBytes }), first.entries.at(-1)!.cookie);
    const after = namesOf(entriesOf(rest));
    t.notOk(after.includes(moved));
    t.equal(new Set([...listed, ...after]).size - (after.includes('moved') ? 1 : 0), 101);
  });
}

function accessCases(t: Test, { proc, argsOf, list, pageBytes }: ListingProcedure): void {
  t.test('rights that are withdrawn during a listing: ACCES', async t => {
    const served = await serveNfs(t);
    chmodSync(served.dir, 0o755);
    makeFiles(served.dir, numbered(100));
    const root = await served.handle('');
    const auth = authSys(1000, 1001);
    const first = await list(served, root, { count: pageBytes, auth });
    chmodSync(served.dir, 0o700);
    const args = argsOf(root, first.entries.at(-1)!.cookie, pageBytes);
    await expectNfs3(t, served, proc, args, () => `${ERR.ACCES} ${postOp(served.dir)}`, auth);
  });

  t.test('a read-only export can be listed', async t => {
    const served = await serveNfs(t, nfs3.READ_ONLY_EXPORT);
    makeFiles(served.dir, ['f']);
    const { status, entries } = await list(served, await served.handle(''));
    t.equal(status, 0);
    eachOnce(t, entries, ['f']);
  });
}

function refusalCases(t: Test, { proc, fop, rest, argsOf, list, pageBytes }: ListingProcedure): void {
  t.test('an object that is not a directory: NOTDIR', async t => {
    const served = await serveNfs(t);
    mkdirSync(join(served.dir, 'd'));
    makeFiles(served.dir, ['f']);
    symlinkSync('d', join(served.dir, 'l'));
    for (const name of ['f', 'l']) {
      const args = argsOf(await served.handle(name), 0n, 4096);
      await expectNfs3(t, served, proc, args, () => `${ERR.NOTDIR} ${postOp(join(served.dir, name))}`);
    }
  });

  t.test('a directory that is removed while it is listed: STALE', async t => {
    const served = await serveNfs(t);
    mkdirSync(join(served.dir, 'd'));
    makeFiles(join(served.dir, 'd'), numbered(100));
    const handle = await served.handle('d');
    const first = await list(served, handle, { count: pageBytes });
    rmSync(join(served.dir, 'd'), { recursive: true });
    const args = argsOf(handle, first.entries.at(-1)!.cookie, pageBytes);
    await expectNfs3(t, served, proc, args, `${ERR.STALE} 00000000`);
  });

  t.test('handles that the server did not make, or whose object is gone', async t => {
    await nfs3.refusesHandles(t, await serveNfs(t), proc, handle => `${handle} ${rest}`, '00000000');
  });

  t.test('arguments that cannot be decoded', async t => {
    const served = await serveNfs(t);
    await nfs3.refusesGarbage(t, served, proc, argsOf(await served.handle(''), 0n, 4096));
  });

  t.test('failures of the brick', async t => {
    await nfs3.refusesFailures(t, proc, fop, async served => {
      return { args: argsOf(await served.handle(''), 0n, 4096), arm: () => postOp(served.dir) };
    });
  });
}
