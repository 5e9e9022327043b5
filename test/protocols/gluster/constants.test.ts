import t from 'tap';
import * as gluster from '#protocols/gluster/constants.ts';
import { AUTH_GLUSTERFS, GF_CLIENT_PID_NO_ROOT_SQUASH } from '#protocols/gluster/credentials.ts';
import { gfx_plain_dict } from '#protocols/gluster/dict.ts';
import { entryplusOf, glusterFops } from '#protocols/gluster/fops/fops.ts';
import { gfx_iattx, IATTX_BYTES } from '#protocols/gluster/iatt.ts';
import { GF_ANON_FD_NO } from '#protocols/gluster/types.ts';

t.test('the numbers of programs, credentials and callbacks', async t => {
  t.strictSame(gluster.GLUSTER_DUMP, { prog: 123451501, vers: 1 });
  t.strictSame(gluster.GLUSTER_HNDSK, { prog: 14398633, vers: 2 });
  t.strictSame(gluster.GLUSTER_PMAP, { prog: 34123456, vers: 1 });
  t.strictSame(gluster.GLUSTER_FOP4, { prog: 1298437, vers: 400 });
  t.strictSame(gluster.GLUSTER_CBK, { prog: 52743234, vers: 1 });
  t.equal(gluster.GLUSTERD_PORT, 24007);
  t.strictSame(AUTH_GLUSTERFS, { V2: 390039, V3: 390040 });
  t.equal(GF_CLIENT_PID_NO_ROOT_SQUASH, -4);
  t.equal(GF_ANON_FD_NO, -2);
  t.equal(IATTX_BYTES, 148);
  t.strictSame(gluster.CBK, {
    FETCHSPEC: 1,
    INO_FLUSH: 2,
    EVENT_NOTIFY: 3,
    GET_SNAPS: 4,
    CACHE_INVALIDATION: 5,
    CHILD_UP: 6,
    CHILD_DOWN: 7,
    RECALL_LEASE: 8,
    STATEDUMP: 9,
    INODELK_CONTENTION: 10,
    ENTRYLK_CONTENTION: 11,
  });
});

t.test('the numbers in fops', async t => {
  t.strictSame(
    Object.values(gluster.UP),
    [0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000],
  );
  const types = { STR_OLD: 1, INT: 2, UINT: 3, DOUBLE: 4, STR: 5, PTR: 6, GFUUID: 7, IATT: 8, MDATA: 9 };
  t.strictSame(gluster.GF_DATA_TYPE, types);
  t.strictSame(gluster.GF_SET_ATTR, { MODE: 1, UID: 2, GID: 4, ATIME: 16, MTIME: 32, CTIME: 64 });
  t.strictSame(gluster.GF_XATTROP, { ADD_ARRAY: 0, ADD_ARRAY64: 1 });
  t.strictSame(gluster.GF_LK, { GETLK: 0, SETLK: 1, SETLKW: 2 });
  t.strictSame(gluster.GF_LK_TYPE, { RDLCK: 0, WRLCK: 1, UNLCK: 2 });
  t.strictSame(gluster.ENTRYLK, { LOCK: 0, UNLOCK: 1, LOCK_NB: 2 });
  t.strictSame(gluster.GF_SEEK, { DATA: 0, HOLE: 1 });
});

t.test('the numbers of the fops, without those that no client may call', async t => {
  const fops = glusterFops(gfx_iattx, gfx_plain_dict, entryplusOf(gfx_iattx, gfx_plain_dict));
  const numbers = Object.fromEntries(Object.entries(fops).map(([name, { proc }]) => [name, proc]));
  // prettier-ignore
  t.strictSame(numbers, {
    STAT: 1, READLINK: 2, MKNOD: 3, MKDIR: 4, UNLINK: 5, RMDIR: 6, SYMLINK: 7, RENAME: 8, LINK: 9, TRUNCATE: 10,
    OPEN: 11, READ: 12, WRITE: 13, STATFS: 14, FLUSH: 15, FSYNC: 16, SETXATTR: 17, GETXATTR: 18, REMOVEXATTR: 19,
    OPENDIR: 20, FSYNCDIR: 21, ACCESS: 22, CREATE: 23, FTRUNCATE: 24, FSTAT: 25, LK: 26, LOOKUP: 27, READDIR: 28,
    INODELK: 29, FINODELK: 30, ENTRYLK: 31, FENTRYLK: 32, XATTROP: 33, FXATTROP: 34, FGETXATTR: 35, FSETXATTR: 36,
    RCHECKSUM: 37, SETATTR: 38, FSETATTR: 39, READDIRP: 40, RELEASE: 41, RELEASEDIR: 42, FREMOVEXATTR: 43,
    FALLOCATE: 44, DISCARD: 45, ZEROFILL: 46, SEEK: 48,
  });
  for (const [name, { name: text }] of Object.entries(fops)) t.equal(text, `GlusterFS ${name}`);
});
