/** Bytes written by hand from RFC 1813, since a mistake made both in encoding and decoding would not be seen otherwise. */
import t from 'tap';
import { createmode3, ftype3, nfsstat3, time_how } from '#protocols/nfs3/constants.ts';
import { CREATE3args, LOOKUP3res, MKNOD3args } from '#protocols/nfs3/names.ts';
import { GETATTR3res, SETATTR3args } from '#protocols/nfs3/object.ts';
import { fattr3, sattr3, wcc_data } from '#protocols/nfs3/types.ts';
import { type Codec, decode, encode } from '#protocols/xdr/codec.ts';
import { XdrError } from '#protocols/xdr/stream.ts';
import { hex } from '../../support/hex.ts';

const attributes: fattr3 = {
  type: ftype3.NF3REG,
  mode: 0o644,
  nlink: 2,
  uid: 1000,
  gid: 100,
  size: 5_000_000_000,
  used: 8192,
  rdev: { specdata1: 8, specdata2: 1 },
  fsid: 0x0123_4567_89ab_cdefn,
  fileid: 0xffff_ffff_ffff_fffen,
  atime: { seconds: 1, nseconds: 2 },
  mtime: { seconds: 3, nseconds: 4 },
  ctime: { seconds: 5, nseconds: 999_999_999 },
};
const attributesHex = `
  00000001 000001a4 00000002    // type, mode, nlink
  000003e8 00000064             // uid, gid
  000000012a05f200              // size
  0000000000002000              // used
  00000008 00000001             // rdev
  0123456789abcdef              // fsid
  fffffffffffffffe              // fileid
  00000001 00000002             // atime
  00000003 00000004             // mtime
  00000005 3b9ac9ff             // ctime
`;
const noAttributes = {
  mode: undefined,
  uid: undefined,
  gid: undefined,
  size: undefined,
  atime: { set_it: time_how.DONT_CHANGE },
  mtime: { set_it: time_how.DONT_CHANGE },
} as const;
const where = { dir: Buffer.from('dir'), name: 'ab' };
const whereHex = '00000003 64697200 00000002 61620000';

function same<T>(name: string, codec: Codec<T>, value: T, text: string) {
  t.test(name, async t => {
    t.equal(encode(codec, value).toString('hex'), hex(text).toString('hex'));
    t.strictSame(decode(codec, hex(text)), value);
  });
}

same('fattr3', fattr3, attributes, attributesHex);
same('wcc_data with both', wcc_data, { before: { size: 7, mtime: attributes.mtime, ctime: attributes.ctime }, after: attributes }, `
  00000001 0000000000000007 00000003 00000004 00000005 3b9ac9ff
  00000001 ${attributesHex}`); // prettier-ignore
same('wcc_data with neither', wcc_data, { before: undefined, after: undefined }, '00000000 00000000');
same('sattr3 that changes nothing', sattr3, noAttributes, '00000000 00000000 00000000 00000000 00000000 00000000');
same(
  'sattr3 that changes everything',
  sattr3,
  {
    mode: 0o600,
    uid: 1,
    gid: 2,
    size: 3,
    atime: { set_it: time_how.SET_TO_SERVER_TIME },
    mtime: { set_it: time_how.SET_TO_CLIENT_TIME, time: { seconds: 4, nseconds: 5 } },
  },
  `00000001 00000180  00000001 00000001  00000001 00000002  00000001 0000000000000003
   00000001  00000002 00000004 00000005`,
);
same('GETATTR3res, OK', GETATTR3res, { status: 0, obj_attributes: attributes }, `00000000 ${attributesHex}`);
same('GETATTR3res, failed: a void arm', GETATTR3res, { status: nfsstat3.NFS3ERR_STALE }, '00000046');
same('LOOKUP3res, failed', LOOKUP3res, { status: 2, dir_attributes: undefined }, '00000002 00000000');
same(
  'SETATTR3args with a guard',
  SETATTR3args,
  { object: Buffer.from('h'), new_attributes: noAttributes, guard: { seconds: 1, nseconds: 2 } },
  `00000001 68000000  ${'00000000'.repeat(6)}  00000001 00000001 00000002`,
);
same(
  'CREATE3args, exclusive',
  CREATE3args,
  { where, how: { mode: createmode3.EXCLUSIVE, verf: Buffer.from('12345678') } },
  `${whereHex} 00000002 3132333435363738`,
);
same(
  'MKNOD3args, a device',
  MKNOD3args,
  { where, what: { type: ftype3.NF3CHR, dev_attributes: noAttributes, spec: { specdata1: 5, specdata2: 6 } } },
  `${whereHex} 00000004 ${'00000000'.repeat(6)} 00000005 00000006`,
);
same('MKNOD3args, a directory: nothing follows', MKNOD3args, { where, what: { type: 2 } }, `${whereHex} 00000002`);

t.test('unknown values of enums are refused', async t => {
  t.throws(() => decode(MKNOD3args, hex(`${whereHex} 00000063`)), XdrError);
  t.throws(() => decode(CREATE3args, hex(`${whereHex} 00000007 ${'00000000'.repeat(6)}`)), XdrError);
  t.throws(() => decode(sattr3, hex(`${'00000000'.repeat(4)} 00000003 00000000`)), XdrError);
  t.throws(() => decode(GETATTR3res, hex('00000003')), XdrError);
});

t.test('sizes beyond 2^53 - 1 decode to Infinity, a handle of 65 bytes does not decode', async t => {
  const size = `00000000 00000000 00000000 00000001 ffffffffffffffff 00000000 00000000`;
  t.equal(decode(sattr3, hex(size)).size, Infinity);
  t.throws(() => decode(SETATTR3args, hex(`00000041 ${'00'.repeat(68)} ${'00000000'.repeat(7)}`)), XdrError);
});

t.test('a name of 4096 bytes decodes, one of 4097 does not', async t => {
  const args = (length: number) => encode(CREATE3args, { where: { dir: where.dir, name: 'x'.repeat(length) }, how: { mode: 2, verf: Buffer.alloc(8) } }); // prettier-ignore
  t.equal(decode(CREATE3args, args(4096)).where.name.length, 4096);
  t.throws(() => decode(CREATE3args, args(4097)), XdrError);
});
