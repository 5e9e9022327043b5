import { readFileSync } from 'node:fs';
import t from 'tap';
import { gfx_dict, TypedValue } from '#protocols/gluster/dict.ts';
import { gfx_iattx } from '#protocols/gluster/iatt.ts';
import { reply_header } from '#protocols/rpc.ts';
import { decode, encode } from '#protocols/xdr/codec.ts';
import { XdrReader } from '#protocols/xdr/stream.ts';
import { FileType } from '#src/graph/iatt.ts';
import { FOPS } from '#src/xlators/protocol/client/fops.ts';
import { iattOf, remote_iatt, remote_xdata } from '#src/xlators/protocol/client/iatt.ts';

const file = new URL('../../../captures/gluster/wire-vectors.json', import.meta.url);
const { exchanges } = JSON.parse(readFileSync(file, 'utf8')) as { exchanges: { name: string; reply: string }[] };

/** A reader of the results of a brick. */
function resultsOf(name: string): XdrReader {
  const { reply } = exchanges.find(one => one.name === name)!;
  const from = new XdrReader(Buffer.from(reply, 'hex').subarray(4));
  reply_header.decode(from);
  return from;
}

const FILE: gfx_iattx = {
  ia_gfid: Buffer.from('ad342730a77b4317807b3914d81f27c5', 'hex'),
  ia_flags: 0x17ffn,
  ia_ino: 0x807b3914d81f27c5n,
  ia_dev: 7n,
  ia_rdev: (5n << 32n) | 6n,
  ia_size: 5_000_000_000,
  ia_blocks: 24,
  ia_attributes: 0n,
  ia_attributes_mask: 0n,
  ia_atime: -1,
  ia_mtime: 1_795_300_785,
  ia_ctime: 5_000_000_000,
  ia_btime: 0,
  ia_atime_nsec: 1,
  ia_mtime_nsec: 2,
  ia_ctime_nsec: 3,
  ia_btime_nsec: 0,
  ia_nlink: 2,
  ia_uid: 1000,
  ia_gid: 0xffff_fffe,
  ia_blksize: 4096,
  mode: 0o104755,
};

t.test('all attributes of an iatt', async t => {
  t.strictSame(iattOf(decode(remote_iatt, encode(gfx_iattx, FILE)), 99n), {
    gfid: FILE.ia_gfid,
    type: FileType.REG,
    mode: 0o4755,
    nlink: 2,
    uid: 1000,
    gid: 0xffff_fffe,
    size: 5_000_000_000,
    used: 12288,
    rdevMajor: 5,
    rdevMinor: 6,
    fsid: 99n,
    ino: 0x807b3914d81f27c5n,
    atime: -1,
    atimeNsec: 1,
    mtime: 1_795_300_785,
    mtimeNsec: 2,
    ctime: 5_000_000_000,
    ctimeNsec: 3,
  });
});

t.test('each type of object, and none', async t => {
  const types = Array.from({ length: 16 }, (_, bits) =>
    decode(remote_iatt, encode(gfx_iattx, { ...FILE, mode: (bits << 12) | 0o644 })),
  ).map(iatt => iatt?.type);
  const { REG, DIR, BLK, CHR, LNK, SOCK, FIFO } = FileType;
  const none = undefined;
  t.strictSame(types, [none, FIFO, CHR, none, DIR, none, BLK, none, REG, none, LNK, none, SOCK, none, none, none]);
  t.equal(decode(remote_iatt, encode(gfx_iattx, { ...FILE, mode: 0xffff_ffff })), undefined);
  t.equal(decode(remote_iatt, encode(gfx_iattx, { ...FILE, ia_gfid: Buffer.alloc(16) })), undefined);
  t.equal(decode(remote_iatt, Buffer.alloc(148)), undefined, 'all zero');
  t.throws(() => encode(remote_iatt, undefined), TypeError);
});

t.test('an iatt outlives the record that it was read from', async t => {
  const record = encode(gfx_iattx, FILE);
  const iatt = decode(remote_iatt, record)!;
  record.fill(0);
  t.equal(iatt.gfid.toString('hex'), 'ad342730a77b4317807b3914d81f27c5');
});

t.test('xdata outlives its record, and has no types', async t => {
  const gfid = Buffer.alloc(16, 7);
  const record = encode(
    gfx_dict,
    new Map<string, any>([
      ['int', -1],
      ['uint', new TypedValue(3, 2n)],
      ['large', new TypedValue(3, 0xffff_ffff_ffff_ffffn)],
      ['text', 'yes'],
      ['bytes', Buffer.from('ab')],
      ['gfid', new TypedValue(7, gfid)],
    ]),
  );
  const xdata = decode(remote_xdata, record)!;
  record.fill(0);
  t.strictSame(Object.fromEntries(xdata), {
    int: -1,
    uint: 2,
    large: 0xffff_ffff_ffff_ffffn,
    text: 'yes',
    bytes: Buffer.from('ab'),
    gfid,
  });
  for (const none of [undefined, new Map()]) t.equal(decode(remote_xdata, encode(gfx_dict, none)), undefined);
});

t.test('replies of a brick', async t => {
  const found = FOPS.LOOKUP.res.decode(resultsOf('LOOKUP'));
  t.match(found.prestat, { type: FileType.DIR, ino: 1n, mode: 0o755, used: 4096 });
  t.equal(found.poststat, undefined, 'there is no directory above the root');
  t.strictSame(
    [...found.xdata!.keys()],
    ['trusted.glusterfs.dht.commithash', 'trusted.glusterfs.mdata', 'trusted.glusterfs.dht'],
  );
  const listed = FOPS.READDIRP.res.decode(resultsOf('READDIRP'));
  t.strictSame(
    listed.reply.map(({ name, iatt }) => [name, iatt?.type]),
    [
      ['hl2', FileType.REG],
      ['file', FileType.REG],
      ['.', FileType.DIR],
      ['sl', FileType.LNK],
      ['..', FileType.DIR],
    ],
  );
});
