/** The numbers of RFC 1813 as literals, so that none can be changed by accident. */
import t from 'tap';
import * as nfs from '#protocols/nfs3/constants.ts';

t.test('program and sizes (2.2, 2.4)', async t => {
  t.equal(nfs.NFS_PROGRAM, 100003);
  t.equal(nfs.NFS_V3, 3);
  t.equal(nfs.NFS3_FHSIZE, 64);
  t.equal(nfs.NFS3_COOKIEVERFSIZE, 8);
  t.equal(nfs.NFS3_CREATEVERFSIZE, 8);
  t.equal(nfs.NFS3_WRITEVERFSIZE, 8);
});

t.test('procedures (3)', async t => {
  const names =
    'NULL GETATTR SETATTR LOOKUP ACCESS READLINK READ WRITE CREATE MKDIR SYMLINK MKNOD REMOVE RMDIR RENAME LINK ' +
    'READDIR READDIRPLUS FSSTAT FSINFO PATHCONF COMMIT';
  t.strictSame(
    Object.entries(nfs.NFSPROC3),
    names.split(' ').map((name, number) => [name, number]),
  );
});

t.test('nfsstat3 (2.6)', async t => {
  const expected =
    'OK 0, PERM 1, NOENT 2, IO 5, NXIO 6, ACCES 13, EXIST 17, XDEV 18, NODEV 19, NOTDIR 20, ISDIR 21, INVAL 22, ' +
    'FBIG 27, NOSPC 28, ROFS 30, MLINK 31, NAMETOOLONG 63, NOTEMPTY 66, DQUOT 69, STALE 70, REMOTE 71, ' +
    'BADHANDLE 10001, NOT_SYNC 10002, BAD_COOKIE 10003, NOTSUPP 10004, TOOSMALL 10005, SERVERFAULT 10006, ' +
    'BADTYPE 10007, JUKEBOX 10008';
  const actual = Object.entries(nfs.nfsstat3).map(([name, value]) => `${name.replace(/^NFS3(ERR)?_?/, '')} ${value}`);
  t.equal(actual.join(', '), expected);
});

t.test('enums', async t => {
  t.strictSame(nfs.ftype3, { NF3REG: 1, NF3DIR: 2, NF3BLK: 3, NF3CHR: 4, NF3LNK: 5, NF3SOCK: 6, NF3FIFO: 7 });
  t.strictSame(nfs.time_how, { DONT_CHANGE: 0, SET_TO_SERVER_TIME: 1, SET_TO_CLIENT_TIME: 2 });
  t.strictSame(nfs.stable_how, { UNSTABLE: 0, DATA_SYNC: 1, FILE_SYNC: 2 });
  t.strictSame(nfs.createmode3, { UNCHECKED: 0, GUARDED: 1, EXCLUSIVE: 2 });
  t.strictSame(nfs.ACCESS3, { READ: 1, LOOKUP: 2, MODIFY: 4, EXTEND: 8, DELETE: 16, EXECUTE: 32 });
  t.strictSame(nfs.FSF3, { LINK: 1, SYMLINK: 2, HOMOGENEOUS: 8, CANSETTIME: 16 });
});
