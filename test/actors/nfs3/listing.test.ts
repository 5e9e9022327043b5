/** Pages of directories, for any names and lengths: each is as long as it may be, and a listing has each name once. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { nfs3Program } from '#actors/nfs3/program.ts';
import { NFSPROC3, nfsstat3 } from '#protocols/nfs3/constants.ts';
import { entry3Bytes, entryplus3Bytes, LIST_BYTES } from '#protocols/nfs3/directory.ts';
import { READDIR3res, READDIRPLUS3res } from '#protocols/nfs3/directory.ts';
import { type Codec, decode, encode } from '#protocols/xdr/codec.ts';
import type { Fd } from '#src/graph/inode.ts';
import type { DirList, Dirent } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import { FileType } from '#src/graph/iatt.ts';
import { ROOT } from '#src/graph/identity.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { silent } from '#src/log.ts';
import type { Call } from '#src/rpcsvc/actor.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { volumeOver } from '../../support/volume.ts';
import { gfidOf, iattOf } from '../../support/iatt.ts';

const signal = new AbortController().signal;
const frame: Frame = { identity: ROOT, client: '127.0.0.1', signal };
const peer = { address: '127.0.0.1', port: 1, transport: 'tcp', signal } as const;
const credentials = { flavor: 1, uid: 0, gid: 0, groups: [], machinename: '' };
const dirIatt = iattOf({ gfid: gfidOf(1), type: FileType.DIR });

/** A directory with the given names, of which a call returns at most `batch`. Cookies are positions. */
class Names extends Xlator {
  readonly names: readonly string[];
  readonly batch: number;

  constructor(names: readonly string[], batch: number) {
    const env = { log: silent, stateDir: '/', stage: 0 };
    super({
      name: 'names',
      type: 'test/names',
      where: 'here:1',
      options: {},
      children: [],
      childNames: [],
      slot: 0,
      env,
    });
    this.names = names;
    this.batch = batch;
  }

  override async stat() {
    return dirIatt;
  }

  override async readdir(_frame: Frame, _fd: Fd, _size: number, cookie: bigint): Promise<DirList> {
    const from = Number(cookie);
    const names = this.names.slice(from, from + this.batch);
    const entries = names.map((name, i): Dirent => {
      const number = from + i;
      // Some entries have no attributes.
      const iatt = number % 5 === 4 ? undefined : iattOf({ gfid: gfidOf(100 + number), ino: BigInt(100 + number) });
      return { name, ino: BigInt(100 + number), cookie: BigInt(number + 1), ...(iatt && { iatt }) };
    });
    return { entries, eof: from + names.length >= this.names.length, iatt: dirIatt };
  }

  override readdirp(frame: Frame, fd: Fd, size: number, cookie: bigint): Promise<DirList> {
    return this.readdir(frame, fd, size, cookie);
  }
}

interface Options {
  readonly readdirSize?: number;
  readonly readdirplus?: boolean;
}

/** As clients read them. */
const RESULTS: Readonly<Record<number, Codec<any>>> = {
  [NFSPROC3.READDIR]: READDIR3res,
  [NFSPROC3.READDIRPLUS]: READDIRPLUS3res,
};

/** Returns a function that calls a procedure of NFS3 on one directory, and reads its reply. */
function serve(brick: Xlator, { readdirSize = 65_536, readdirplus = true }: Options = {}, as = frame) {
  const volume = volumeOver(brick);
  const at: Resolved = {
    volume,
    inode: volume.table.root,
    frame: as,
    readOnly: false,
    trust: 'none',
    exportId: 0,
    place: 'top',
  };
  const contextOf = (call: Call): NfsCall => ({
    call,
    options: { readSize: 65_536, writeSize: 65_536, readdirSize, readdirAhead: true, ino32: false, readdirplus },
    log: silent,
    resolve: () => at,
    resolveForChange: () => at,
    locate: async ({ place }) => place,
    holds: async () => true,
    handleOf: (_near, { gfid }) => Buffer.concat([gfid, Buffer.alloc(16 + (gfid[15]! % 3))]),
    link: (parent, name, iatt) => volume.table.link(iatt, parent.inode, name),
  });
  const program = nfs3Program(contextOf);
  return async (procedure: number, args: object): Promise<any> => {
    const actor = program.actors[procedure]!;
    const results: unknown = await actor.run(contextOf({ xid: 1, peer, credentials, afterSend() {} }), args);
    return decode<unknown>(RESULTS[procedure]!, encode<unknown>(actor.res, results));
  };
}

const dir = Buffer.from('handle');
const cookieverf = Buffer.from('whatever');
const STATUS_BYTES = 4;
const digits = fc.integer({ min: 48, max: 57 }).map(code => String.fromCharCode(code));
const names = fc.uniqueArray(fc.string({ unit: digits, minLength: 1, maxLength: 255 }));
const { NFS3_OK, NFS3ERR_TOOSMALL } = nfsstat3;

t.test('READDIR: no page is longer than count, and each name is listed once', async () => {
  await fc.assert(
    fc.asyncProperty(names, fc.integer({ min: 1, max: 9 }), fc.nat(2000), async (names, batch, count) => {
      const ask = serve(new Names(names, batch));
      const seen: string[] = [];
      for (let cookie = 0n; ;) {
        const res: READDIR3res = await ask(NFSPROC3.READDIR, { dir, cookie, cookieverf, count });
        if (res.status !== NFS3_OK) {
          const next = names[Number(cookie)];
          assert.equal(res.status, NFS3ERR_TOOSMALL);
          assert.ok(LIST_BYTES + (next === undefined ? 0 : entry3Bytes(next)) > count);
          return;
        }
        assert.ok(encode(READDIR3res, res).length - STATUS_BYTES <= count);
        const { entries, eof } = res.reply;
        seen.push(...entries.map(({ name }) => name));
        if (eof) break;
        assert.ok(entries.length > 0, 'a page without an end has entries');
        cookie = entries.at(-1)!.cookie;
      }
      assert.deepEqual(seen, names);
    }),
  );
});

t.test(
  'READDIRPLUS: no page is longer than maxcount, or than dircount with more than one name; each name is listed once',
  async () => {
    const sizes = fc.tuple(fc.nat(1000), fc.nat(3000));
    await fc.assert(
      fc.asyncProperty(names, fc.integer({ min: 1, max: 9 }), sizes, async (names, batch, [dircount, maxcount]) => {
        const ask = serve(new Names(names, batch));
        const seen: string[] = [];
        for (let cookie = 0n; ;) {
          const args = { dir, cookie, cookieverf, dircount, maxcount };
          const res: READDIRPLUS3res = await ask(NFSPROC3.READDIRPLUS, args);
          if (res.status !== NFS3_OK) {
            const next = names[Number(cookie)];
            assert.equal(res.status, NFS3ERR_TOOSMALL);
            if (next === undefined) assert.ok(LIST_BYTES > maxcount);
            else assert.ok(LIST_BYTES + entryplus3Bytes(next, 36) > maxcount);
            return;
          }
          assert.ok(encode(READDIRPLUS3res, res).length - STATUS_BYTES <= maxcount);
          const { entries, eof } = res.reply;
          assert.ok(entries.length === 1 || entries.reduce((sum, { name }) => sum + entry3Bytes(name), 0) <= dircount);
          for (const { name_attributes, name_handle, fileid } of entries) {
            assert.equal(name_attributes === undefined, name_handle === undefined);
            if (name_attributes) assert.equal(name_attributes.fileid, fileid);
          }
          seen.push(...entries.map(({ name }) => name));
          if (eof) break;
          assert.ok(entries.length > 0, 'a page without an end has entries');
          cookie = entries.at(-1)!.cookie;
        }
        assert.deepEqual(seen, names);
      }),
    );
  },
);

t.test('a page is filled to the last byte', async t => {
  const ask = serve(new Names(['aaaa', 'bbbb', 'cccc'], 9));
  const two = LIST_BYTES + 2 * entry3Bytes('aaaa');
  const page = async (count: number) => (await ask(NFSPROC3.READDIR, { dir, cookie: 0n, cookieverf, count })).reply;
  t.equal((await page(two)).entries.length, 2);
  t.equal((await page(two - 1)).entries.length, 1);
  t.match(await page(LIST_BYTES + 3 * entry3Bytes('aaaa')), { eof: true });
  t.match(await page(two), { eof: false });
});

t.test('a count of 0 is TOOSMALL, also at the end of the directory', async t => {
  const ask = serve(new Names(['a'], 9));
  for (const cookie of [0n, 1n]) {
    const plus = { dir, cookie, cookieverf, dircount: 0, maxcount: 0 };
    t.match(await ask(NFSPROC3.READDIR, { dir, cookie, cookieverf, count: 0 }), { status: NFS3ERR_TOOSMALL });
    t.match(await ask(NFSPROC3.READDIRPLUS, plus), { status: NFS3ERR_TOOSMALL });
  }
  const end = { dir, cookie: 1n, cookieverf, count: LIST_BYTES };
  t.match(await ask(NFSPROC3.READDIR, end), { status: NFS3_OK, reply: { entries: [], eof: true } });
});

t.test('no page is longer than nfs3.readdir-size', async t => {
  const ask = serve(
    new Names(
      Array.from({ length: 1000 }, (_, i) => `name ${i}`),
      1000,
    ),
    { readdirSize: 4096 },
  );
  const args = { dir, cookie: 0n, cookieverf, count: 0xffff_ffff };
  t.ok(encode(READDIR3res, await ask(NFSPROC3.READDIR, args)).length <= 4096 + STATUS_BYTES);
  const plus = { dir, cookie: 0n, cookieverf, dircount: 0xffff_ffff, maxcount: 0xffff_ffff };
  t.ok(encode(READDIRPLUS3res, await ask(NFSPROC3.READDIRPLUS, plus)).length <= 4096 + STATUS_BYTES);
});

t.test('`..` of the top of an export has no handle', async t => {
  const ask = serve(new Names(['.', '..', 'a'], 9));
  const args = { dir, cookie: 0n, cookieverf, dircount: 4096, maxcount: 4096 };
  const { reply }: { reply: { entries: { name: string; name_handle?: Buffer }[] } } = await ask(17, args);
  t.strictSame(reply.entries.map(({ name, name_handle }) => [name, name_handle !== undefined]), [
    ['.', true],
    ['..', false],
    ['a', true],
  ]); // prettier-ignore
});

t.test('READDIRPLUS is NOTSUPP if it is off', async t => {
  const ask = serve(new Names(['a'], 9), { readdirplus: false });
  const args = { dir, cookie: 0n, cookieverf, dircount: 4096, maxcount: 4096 };
  t.match(await ask(NFSPROC3.READDIRPLUS, args), { status: nfsstat3.NFS3ERR_NOTSUPP, dir_attributes: { type: 2 } });
});

t.test('a cookie of more than 63 bits is BAD_COOKIE', async t => {
  const ask = serve(new Names(['a'], 9));
  const args = { dir, cookie: 2n ** 63n, cookieverf, count: 4096 };
  t.match(await ask(NFSPROC3.READDIR, args), { status: nfsstat3.NFS3ERR_BAD_COOKIE });
});

t.test('a listing of the brick without entries and end is an IO error', async t => {
  const ask = serve(new Names(['a'], 0));
  t.match(await ask(NFSPROC3.READDIR, { dir, cookie: 0n, cookieverf, count: 4096 }), { status: nfsstat3.NFS3ERR_IO });
});

t.test('if cookies must have 32 bits, a directory with larger ones is not listed', async t => {
  class Wide extends Names {
    override async readdir(frame: Frame, fd: Fd, size: number, cookie: bigint): Promise<DirList> {
      const { entries, ...list } = await super.readdir(frame, fd, size, cookie & 0xffff_ffffn);
      return { ...list, entries: entries.map(entry => ({ ...entry, cookie: entry.cookie | (1n << 32n) })) };
    }
  }
  const narrow = { ...frame, narrowCookies: true };
  const args = { dir, cookie: 0n, cookieverf, count: 4096 };
  t.match(await serve(new Wide(['a'], 9))(NFSPROC3.READDIR, args), { status: NFS3_OK });
  t.match(await serve(new Wide(['a'], 9), {}, narrow)(NFSPROC3.READDIR, args), {
    status: nfsstat3.NFS3ERR_SERVERFAULT,
  });
  const ask = serve(new Names(['a'], 9), {}, narrow);
  t.match(await ask(NFSPROC3.READDIR, args), { status: NFS3_OK });
  t.match(await ask(NFSPROC3.READDIR, { ...args, cookie: 1n << 32n }), { status: nfsstat3.NFS3ERR_BAD_COOKIE });
});
