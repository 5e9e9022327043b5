/** Bytes written by hand from linux/fuse.h, since a mistake made both in encoding and decoding would not be seen otherwise. */
import t from 'tap';
import { FuseMessageError, type Message, type Struct } from '#protocols/fuse/codec.ts';
import { Opcode } from '#protocols/fuse/constants.ts';
import { direntBytes, putDirent } from '#protocols/fuse/directory.ts';
import * as file from '#protocols/fuse/file.ts';
import * as header from '#protocols/fuse/header.ts';
import * as names from '#protocols/fuse/names.ts';
import * as object from '#protocols/fuse/object.ts';
import { hex } from '../../support/hex.ts';

function same<T>(codec: Struct<T>, value: T, text: string) {
  const name = Object.entries({ ...file, ...header, ...object }).find(([, one]) => (one as unknown) === codec)![0];
  t.test(name, async t => {
    const to = Buffer.alloc(codec.size, 0xff);
    codec.encode(to, 0, value);
    t.equal(to.toString('hex'), hex(text).toString('hex'));
    t.strictSame(codec.decode(hex(text), 0), value);
  });
}

function decodes<T>(name: string, codec: Message<T>, text: string, value: T) {
  t.test(name, async t => {
    const bytes = hex(text);
    t.strictSame(codec.decode(bytes, 0, bytes.length), value);
    t.equal(
      codec
        .encode(value)
        .toString('hex')
        .slice(0, bytes.length * 2),
      bytes.toString('hex'),
    );
  });
}

const attr = {
  ino: 0xffff_ffff_ffff_fffen,
  size: 5_000_000_000,
  blocks: 16,
  atime: -2,
  mtime: 1,
  ctime: 0x1_0000_0001,
  atimensec: 999_999_999,
  mtimensec: 2,
  ctimensec: 3,
  mode: 0o100644,
  nlink: 2,
  uid: 1000,
  gid: 100,
  rdev: 0x801,
  blksize: 4096,
  flags: 0,
};
const attrHex = `
  feffffffffffffff 00f2052a01000000 1000000000000000    // ino, size, blocks
  feffffffffffffff 0100000000000000 0100000001000000    // atime, mtime, ctime
  ffc99a3b 02000000 03000000                            // nanoseconds
  a4810000 02000000 e8030000 64000000                   // mode, nlink, uid, gid
  01080000 00100000 00000000                            // rdev, blksize, flags
`;

same(
  header.fuse_in_header,
  { len: 44, opcode: Opcode.LOOKUP, unique: 0x1_0000_0002, nodeid: 1, uid: 1000, gid: 100, pid: 77, total_extlen: 0 },
  '2c000000 01000000 0200000001000000 0100000000000000 e8030000 64000000 4d000000 0000 0000',
);
same(header.fuse_out_header, { len: 16, error: -2, unique: 6 }, '10000000 feffffff 0600000000000000');
same(
  header.fuse_init_out,
  {
    major: 7,
    minor: 38,
    max_readahead: 0x20000,
    flags: 0x1040_1001,
    max_background: 64,
    congestion_threshold: 48,
    max_write: 0x10_0000,
    time_gran: 1,
    max_pages: 256,
    map_alignment: 0,
    flags2: 0,
  },
  `07000000 26000000 00000200 01104010 4000 3000 00001000 01000000 0001 0000 00000000
   ${'00000000'.repeat(7)}`,
);
same(object.fuse_attr, attr, attrHex);
same(
  object.fuse_entry_out,
  {
    nodeid: 9,
    generation: 0,
    entry_valid: 1,
    attr_valid: 2,
    entry_valid_nsec: 500_000_000,
    attr_valid_nsec: 4,
    ...attr,
  },
  `0900000000000000 0000000000000000 0100000000000000 0200000000000000 0065cd1d 04000000 ${attrHex}`,
);
same(
  object.fuse_attr_out,
  { attr_valid: 1, attr_valid_nsec: 2, dummy: 0, ...attr },
  `0100000000000000 02000000 00000000 ${attrHex}`,
);
same(
  object.fuse_statfs_out,
  { blocks: 1, bfree: 2, bavail: 3, files: 4, ffree: 5, bsize: 4096, namelen: 255, frsize: 512 },
  `0100000000000000 0200000000000000 0300000000000000 0400000000000000 0500000000000000
   00100000 ff000000 00020000 00000000 ${'00000000'.repeat(6)}`,
);
same(file.fuse_open_out, { fh: 3, open_flags: 1, backing_id: 0 }, '0300000000000000 01000000 00000000');
same(
  file.fuse_lk_out,
  { start: 1n, end: 0x7fff_ffff_ffff_ffffn, type: 1, pid: 5 },
  '0100000000000000 ffffffffffffff7f 01000000 05000000',
);

decodes('a name', object.fuse_name_in, '6162ff00', { name: 'abÿ' });
decodes('INIT, as a kernel sends it', header.fuse_init_in, '07000000 2d000000 00000200 fffffff7', {
  major: 7,
  minor: 45,
  max_readahead: 0x20000,
  flags: 0xf7ff_ffff,
});
decodes('RENAME2', names.fuse_rename2_in, '0500000000000000 01000000 00000000 6100 626300', {
  newdir: 5,
  flags: 1,
  oldname: 'a',
  newname: 'bc',
});
decodes('SYMLINK', names.fuse_symlink_in, '6c00 2e2e2f6100', { name: 'l', target: '../a' });
decodes('MKNOD', names.fuse_mknod_in, 'b6210000 01080000 12000000 00000000 6400', {
  mode: 0o20666,
  rdev: 0x801,
  umask: 0o22,
  name: 'd',
});
decodes('CREATE', file.fuse_create_in, '41800000 a4810000 12000000 00000000 6e00', {
  flags: 0x8041,
  mode: 0o100644,
  umask: 0o22,
  open_flags: 0,
  name: 'n',
});
decodes(
  'WRITE',
  file.fuse_write_in,
  '0700000000000000 0010000000000000 03000000 04000000 0800000000000000 01800000 00000000 616263',
  {
    fh: 7,
    offset: 4096,
    size: 3,
    write_flags: 4,
    lock_owner: 8n,
    flags: 0x8001,
    data: Buffer.from('abc'),
  },
);
decodes('SETXATTR', object.fuse_setxattr_in, '02000000 01000000 757365722e6100 7879', {
  size: 2,
  flags: 1,
  name: 'user.a',
  value: Buffer.from('xy'),
});
decodes(
  'SETATTR',
  object.fuse_setattr_in,
  `49010000 00000000 0700000000000000 0010000000000000 0900000000000000    // valid, padding, fh, size, lock_owner
   0100000000000000 ffffffffffffffff 0300000000000000 04000000 05000000 06000000 // times
   a4010000 00000000 e8030000 64000000 00000000                            // mode, unused, uid, gid, unused`,
  {
    valid: 0x149,
    padding: 0,
    fh: 7,
    size: 4096,
    lock_owner: 9n,
    atime: 1,
    mtime: -1,
    ctime: 3,
    atimensec: 4,
    mtimensec: 5,
    ctimensec: 6,
    mode: 0o644,
    unused4: 0,
    uid: 1000,
    gid: 100,
  },
);
decodes(
  'SETLK',
  file.fuse_lk_in,
  '0700000000000000 f8ffffffffffffff 0000000000000000 0900000000000000 01000000 4d000000 01000000 00000000',
  { fh: 7, owner: 0xffff_ffff_ffff_fff8n, start: 0n, end: 9n, type: 1, pid: 77, lk_flags: 1 },
);

t.test('an entry of a listing is padded to 8 bytes', async t => {
  const to = Buffer.alloc(40, 0xff);
  t.equal(putDirent(to, 0, 'abc', 2n, 7n, 8), 32);
  t.equal(
    to.toString('hex'),
    hex(`0200000000000000 0700000000000000 03000000 08000000 6162630000000000 ${'ff'.repeat(8)}`).toString('hex'),
  );
  t.equal(direntBytes(3, false), 32);
  t.equal(direntBytes(8, true), 128 + 32);
});

t.test('a size above 2^53 - 1 decodes to Infinity, so that no code takes it for another', async t => {
  const bytes = hex('0000000000002000 00000000 00000000');
  t.equal(object.fuse_forget_in.decode(bytes, 0, 16).nlookup, Infinity);
});

t.test('names that are empty or have a slash are refused, but texts are taken', async t => {
  t.throws(() => object.fuse_name_in.decode(hex('00'), 0, 1), FuseMessageError);
  t.throws(() => object.fuse_name_in.decode(hex('612f6200'), 0, 4), FuseMessageError);
  t.equal(object.fuse_removexattr_in.decode(hex('612f6200'), 0, 4).name, 'a/b');
});
