/** READ, procedure 6 (RFC 1813, 3.3.6). */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, symlinkSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { serveNfs } from '../../../support/nfs.ts';
import { ERR, failing, OK, READ_ONLY_EXPORT, READ_ONLY_LAYER, refusesFailures } from '../../../support/nfs3/common.ts';
import {
  brickFailures,
  HELLO,
  isRoot,
  makeFile,
  MEMBER,
  type ObjectCase,
  objectCases,
  owned,
  OWNER,
  refusals,
  refused,
  STRANGER,
} from '../../../support/nfs3/cases.ts';
import { expectNfs3, opaque, postOp, word } from '../../../support/wire.ts';

const READ = 6;
const FIRST_16 = '0000000000000000 00000010';
const served = await serveNfs(t);

const of = (content: Buffer | string) => (path: string) => writeFileSync(path, content);

const TRUE = '00000001';
const FALSE = '00000000';
/** READ3resok: file_attributes, count, eof, data. */
const gives = (data: Buffer | string, eof: string) => (path: string) => {
  const bytes = Buffer.from(data as string, 'latin1');
  return `${OK} ${postOp(path)} ${word(bytes.length)} ${eof} ${opaque(bytes.toString('hex'))}`;
};

/** Bytes that differ between blocks and within a block. */
const pattern = (length: number) =>
  Buffer.from(Uint32Array.from({ length: Math.ceil(length / 4) }, (_, i) => i * 2_654_435_761).buffer).subarray(
    0,
    length,
  );

t.test('the data of a file', t =>
  objectCases(t, served, READ, [
    {
      name: 'a request and its reply, byte by byte',
      rest: `
        0000000000000000           // offset
        00000010                   // count: 16`,
      reply: path => `
        00000000                   // NFS3_OK
        ${postOp(path)}            // file_attributes
        0000000d                   // count: 13
        00000001                   // eof: TRUE
        0000000d                   // data: 13 bytes
        68656c6c 6f2c2077 6f726c64 0a000000`,
    },
    { name: 'exactly the whole file: eof', rest: '0000000000000000 0000000d', reply: gives(HELLO, TRUE) },
    { name: 'all but the last byte: no eof', rest: '0000000000000000 0000000c', reply: gives('hello, world', FALSE) },
    { name: 'the middle', rest: '0000000000000007 00000005', reply: gives('world', FALSE) },
    { name: 'the last byte', rest: '000000000000000c 00000001', reply: gives('\n', TRUE) },
    { name: 'from the middle beyond the end', rest: '0000000000000007 00000100', reply: gives('world\n', TRUE) },
    { name: 'from the end', rest: '000000000000000d 00000010', reply: gives('', TRUE) },
    { name: 'from beyond the end', rest: '000000000000000e 00000010', reply: gives('', TRUE) },
    { name: 'count 0: no eof', rest: '0000000000000000 00000000', reply: gives('', FALSE) },
    { name: 'count 0 at the end: eof', rest: '000000000000000d 00000000', reply: gives('', TRUE) },
    { name: 'count 0 beyond the end: eof', rest: '0000000000000100 00000000', reply: gives('', TRUE) },
    { name: 'an empty file', make: of(''), rest: FIRST_16, reply: gives('', TRUE) },
    { name: 'an empty file, count 0', make: of(''), rest: '0000000000000000 00000000', reply: gives('', TRUE) },
    { name: 'count 2^31', rest: '0000000000000000 80000000', reply: gives(HELLO, TRUE) },
    { name: 'count 2^32 - 1', rest: '0000000000000000 ffffffff', reply: gives(HELLO, TRUE) },
    ...[
      '0000000080000000',
      '0000000100000000',
      '001fffffffffffff',
      '0020000000000000',
      '7fffffffffffffff',
      '8000000000000000',
      'ffffffffffffffff',
    ].flatMap((offset): ObjectCase[] => [
      { name: `offset ${BigInt(`0x${offset}`)}`, rest: `${offset} 00000010`, reply: gives('', TRUE) },
      {
        name: `offset ${BigInt(`0x${offset}`)} and count 2^32 - 1`,
        rest: `${offset} ffffffff`,
        reply: gives('', TRUE),
      },
    ]),
    ...[4096, 8191, 8192, 8193, 8194, 8195, 65_536, 300_001].map((size): ObjectCase => ({
      name: `${size} bytes and their padding`,
      make: of(pattern(size)),
      rest: `0000000000000000 ${word(size)}`,
      reply: gives(pattern(size), TRUE),
    })),
    {
      name: '1 MiB, which is rtmax, of a larger file',
      make: of(pattern(2 ** 20 + 5)),
      rest: '0000000000000000 00100000',
      reply: gives(pattern(2 ** 20), FALSE),
    },
    {
      name: 'more than rtmax: rtmax bytes, and no eof',
      make: of(pattern(2 ** 20 + 5)),
      rest: '0000000000000001 00200000',
      reply: gives(pattern(2 ** 20 + 5).subarray(1, 2 ** 20 + 1), FALSE),
    },
    {
      name: 'a hole',
      make(path) {
        writeFileSync(path, 'x');
        truncateSync(path, 20_000);
      },
      rest: '0000000000000000 00004e20',
      reply: gives(`x${'\0'.repeat(19_999)}`, TRUE),
    },
    {
      name: 'an offset beyond 2^40',
      make(path) {
        const fd = openSync(path, 'w');
        writeSync(fd, 'far away', 2 ** 40 + 3);
        closeSync(fd);
      },
      rest: '0000010000000000 00000100',
      reply: gives('\0\0\0far away', TRUE),
    },
    {
      name: 'data that are not in memory',
      make(path) {
        writeFileSync(path, pattern(300_002), { flush: true });
        execFileSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
      },
      rest: '0000000000000001 00040000',
      reply: gives(pattern(300_002).subarray(1, 262_145), FALSE),
    },
  ]),
);

t.test('which callers may read', t =>
  objectCases(t, served, READ, [
    { name: 'the owner', make: owned(0o400), auth: OWNER, rest: FIRST_16, reply: gives(HELLO, TRUE) },
    {
      name: 'the owner, whatever the mode, since a program may have opened the file before',
      make: owned(0),
      auth: OWNER,
      rest: FIRST_16,
      reply: gives(HELLO, TRUE),
    },
    { name: 'a member of the group', make: owned(0o040), auth: MEMBER, rest: FIRST_16, reply: gives(HELLO, TRUE) },
    { name: 'others', make: owned(0o004), auth: STRANGER, rest: FIRST_16, reply: gives(HELLO, TRUE) },
    {
      name: 'a caller that may execute the file, for which the client reads it (RFC 1813, 4.4)',
      make: owned(0o711),
      auth: STRANGER,
      rest: FIRST_16,
      reply: gives(HELLO, TRUE),
    },
    { name: 'root', make: owned(0), rest: FIRST_16, reply: gives(HELLO, TRUE), skip: !isRoot && 'only root can' },
    { name: 'ACCES: a stranger', make: owned(0o660), auth: STRANGER, rest: FIRST_16, reply: refused(ERR.ACCES) },
    {
      name: 'ACCES: a member of the group',
      make: owned(0o606),
      auth: MEMBER,
      rest: FIRST_16,
      reply: refused(ERR.ACCES),
    },
    {
      name: 'ACCES: a caller that may only write',
      make: owned(0o622),
      auth: STRANGER,
      rest: FIRST_16,
      reply: refused(ERR.ACCES),
    },
    {
      name: 'ACCES: also for no bytes',
      make: owned(0o600),
      auth: STRANGER,
      rest: '0000000000000000 00000000',
      reply: refused(ERR.ACCES),
    },
    {
      name: 'ACCES: also beyond the end',
      make: owned(0o600),
      auth: STRANGER,
      rest: 'ffffffffffffffff 00000010',
      reply: refused(ERR.ACCES),
    },
  ]),
);

t.test('an object that is not a regular file', t =>
  objectCases(t, served, READ, [
    { name: 'a directory: ISDIR', make: path => mkdirSync(path), rest: FIRST_16, reply: refused(ERR.ISDIR) },
    { name: 'a symlink: INVAL', make: path => symlinkSync('case-1', path), rest: FIRST_16, reply: refused(ERR.INVAL) },
    {
      name: 'a fifo: INVAL, and the call does not wait for it',
      make: path => execFileSync('mkfifo', [path]),
      rest: FIRST_16,
      reply: refused(ERR.INVAL),
    },
    {
      name: 'a device: INVAL',
      make: path => execFileSync('mknod', [path, 'c', '1', '3']),
      rest: FIRST_16,
      reply: refused(ERR.INVAL),
      skip: !isRoot && 'only root can',
    },
  ]),
);

t.test('no reply has more than nfs3.read-size bytes', async t => {
  const served = await serveNfs(t, { options: ['option nfs3.read-size 4096'] });
  await objectCases(t, served, READ, [
    {
      name: 'exactly nfs3.read-size',
      make: of(pattern(9000)),
      rest: '0000000000000000 00001000',
      reply: gives(pattern(4096), FALSE),
    },
    {
      name: 'more than nfs3.read-size',
      make: of(pattern(9000)),
      rest: '0000000000000000 00002328',
      reply: gives(pattern(4096), FALSE),
    },
    {
      name: 'as much as possible',
      make: of(pattern(4096)),
      rest: '0000000000000000 ffffffff',
      reply: gives(pattern(4096), TRUE),
    },
  ]);
});

t.test('a read-only volume can be read', async t => {
  for (const options of [READ_ONLY_EXPORT, READ_ONLY_LAYER]) {
    const served = await serveNfs(t, options);
    await objectCases(t, served, READ, [{ name: 'a file', rest: FIRST_16, reply: gives(HELLO, TRUE) }]);
  }
});

t.test('data that others write are read at once', async t => {
  const path = join(served.dir, 'changing');
  writeFileSync(path, 'one');
  const args = `${opaque(await served.handle('changing'))} ${FIRST_16}`;
  for (const content of ['one', 'three', '', 'two']) {
    writeFileSync(path, content);
    await expectNfs3(t, served, READ, args, () => gives(content, TRUE)(path));
  }
});

t.test('errors of the brick have their statuses', async t => {
  await refusesFailures(t, READ, 'readv', async served => {
    makeFile(join(served.dir, 'file'));
    const args = `${opaque(await served.handle('file'))} ${FIRST_16}`;
    return { args, arm: () => postOp(join(served.dir, 'file')) };
  });
  const about = { proc: READ, fop: 'readv', rest: FIRST_16, arm: postOp };
  await brickFailures(t, about, { ENXIO: ERR.NXIO, EACCES: ERR.ACCES, EINVAL: ERR.INVAL });
  const served = await serveNfs(t, { layers: failing('EIO', 'readv', 'stat') });
  await objectCases(t, served, READ, [
    { name: 'attributes that the brick does not tell are left out', rest: FIRST_16, reply: () => `${ERR.IO} 00000000` },
  ]);
});

t.test('refusals', t => refusals(t, { proc: READ, rest: FIRST_16, unknown: '00000000' }));
