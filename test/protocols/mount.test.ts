import t from 'tap';
import * as mount from '#protocols/mount.ts';
import { decode, encode } from '#protocols/xdr/codec.ts';
import { XdrError } from '#protocols/xdr/stream.ts';
import { codecProperties } from '../support/codecs/properties.ts';
import { hex } from '../support/hex.ts';

codecProperties(t, mount);

t.test('the numbers of RFC 1813, appendix I, and RFC 1094, appendix A', async t => {
  t.equal(mount.MOUNT_PROGRAM, 100005);
  t.equal(mount.MOUNT_V1, 1);
  t.equal(mount.MOUNT_V3, 3);
  t.equal(mount.MNTPATHLEN, 1024);
  t.equal(mount.MNTNAMLEN, 255);
  t.equal(mount.FHSIZE3, 64);
  t.equal(mount.FHSIZE, 32);
  t.strictSame(mount.MOUNTPROC3, { NULL: 0, MNT: 1, DUMP: 2, UMNT: 3, UMNTALL: 4, EXPORT: 5 });
  t.equal(mount.MOUNTPROC, mount.MOUNTPROC3);
  t.strictSame(mount.MNT3, {
    OK: 0,
    ERR_PERM: 1,
    ERR_NOENT: 2,
    ERR_IO: 5,
    ERR_ACCES: 13,
    ERR_NOTDIR: 20,
    ERR_INVAL: 22,
    ERR_NAMETOOLONG: 63,
    ERR_NOTSUPP: 10004,
    ERR_SERVERFAULT: 10006,
  });
});

t.test('the result of MNT in version 3 has a handle and auth flavors', async t => {
  const bytes = hex(`
    00000000                      // MNT3_OK
    00000005 68616e64 6c000000    // fhandle: 5 bytes "handl"
    00000002 00000001 00000000    // flavors: AUTH_SYS, AUTH_NONE
  `);
  const value = { fhs_status: mount.MNT3.OK, fhandle: Buffer.from('handl'), auth_flavors: [1, 0] };
  t.equal(encode(mount.mountres3, value).toString('hex'), bytes.toString('hex'));
  t.same(decode(mount.mountres3, bytes), value);
  t.equal(encode(mount.mountres3, { fhs_status: mount.MNT3.ERR_NOTSUPP }).toString('hex'), '00002714');
});

t.test('the result of MNT in version 1 has a handle of 32 bytes without a length', async t => {
  const directory = Buffer.alloc(32, 0xab);
  t.equal(encode(mount.fhstatus, { status: 0, directory }).toString('hex'), `00000000${'ab'.repeat(32)}`);
  t.equal(encode(mount.fhstatus, { status: 13 }).toString('hex'), '0000000d');
  t.throws(() => decode(mount.fhstatus, hex(`00000000 ${'ab'.repeat(28)}`)), XdrError);
});

t.test('lists have TRUE before each element and FALSE at the end', async t => {
  const mounts = hex(`
    00000001 00000001 61000000 00000002 2f780000    // "a", "/x"
    00000001 00000001 62000000 00000001 2f000000    // "b", "/"
    00000000
  `);
  t.same(decode(mount.mountlist, mounts), [
    { ml_hostname: 'a', ml_directory: '/x' },
    { ml_hostname: 'b', ml_directory: '/' },
  ]);
  const exported = hex(`
    00000001 00000002 2f780000                      // "/x", for
    00000001 00000001 61000000                      // "a"
    00000001 00000001 62000000                      // and "b"
    00000000
    00000001 00000001 2f000000 00000000             // "/" for all
    00000000
  `);
  const value = [
    { ex_dir: '/x', ex_groups: [{ gr_name: 'a' }, { gr_name: 'b' }] },
    { ex_dir: '/', ex_groups: [] },
  ];
  t.same(decode(mount.exports, exported), value);
  t.equal(encode(mount.exports, value).toString('hex'), exported.toString('hex'));
});

t.test(
  'names, paths and handles that are too long are refused, but a path of 4096 bytes decodes as an argument',
  async t => {
    const text = (length: number) => encode(mount.dirpath_arg, 'x'.repeat(length));
    t.equal(decode(mount.dirpath, text(1024)).length, 1024);
    t.throws(() => decode(mount.dirpath, text(1025)), XdrError);
    t.throws(() => decode(mount.name, text(256)), XdrError);
    t.equal(decode(mount.dirpath_arg, text(4096)).length, 4096);
    t.throws(() => decode(mount.dirpath_arg, text(4097)), XdrError);
    t.throws(() => decode(mount.fhandle3, text(65)), XdrError);
    t.throws(() => decode(mount.mountres3, hex('00000003')), XdrError, 'a status that is none');
  },
);
