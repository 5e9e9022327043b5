/** WRITE, procedure 7 (RFC 1813, 3.3.7). */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { serveNfs, VERIFIER } from '../../../support/nfs.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR, expectGarbage, NO_WCC, OK, refusesFailures, unseen } from '../../../support/nfs3/common.ts';
import {
  brickFailures,
  EXT4_SIZE_MAX,
  HELLO,
  makeFile,
  MEMBER,
  needsRoot,
  notImmutable,
  refusesImmutable,
  notExt4,
  type ObjectCase,
  objectCases,
  owned,
  OWNER,
  refusals,
  runs,
  STRANGER,
  unasked,
  unchanged,
} from '../../../support/nfs3/cases.ts';
import { accepted, call, expectReply, opaque, postOp, text, wcc, wccAttr, word } from '../../../support/wire.ts';

const WRITE = 7;
const UNSTABLE = '00000000';
const DATA_SYNC = '00000001';
const FILE_SYNC = '00000002';

/** The arguments after the handle: offset, count, stable, data. */
const args = (offset: string, data: string, stable = UNSTABLE) =>
  `${offset} ${word(data.length)} ${stable} ${text(data)}`;
const START = '0000000000000000';
const J = args(START, 'J');

/** The index of `used` among the words of a wcc_data with attributes before and after. */
const USED = 11;

/** The offset of file_wcc in a reply, after the header and the status. */
const BEFORE_FOLLOWS = 28;

/** WRITE3resok: file_wcc, count, committed, verf. */
const wrote =
  (count: number, committed = UNSTABLE) =>
  (path: string, before: string, answer: Buffer) => {
    // On a slow disk the thread pool writes, and the attributes before the write are not known.
    const pooled = answer.readUInt32BE(BEFORE_FOLLOWS) === 0;
    const words = wcc(pooled ? undefined : before, path).split(' ');
    // The attributes are those after the write. Blocks are still allocated while it is made durable.
    if (committed !== UNSTABLE) words[pooled ? USED - 3 : USED] = '................';
    return `${OK} ${words.join(' ')} ${word(count)} ${committed} ${VERIFIER}`;
  };
/** The failure arm of a write that was tried. */
const failed = (status: string) => (path: string, before: string, answer: Buffer) =>
  `${status} ${wcc(answer.readUInt32BE(BEFORE_FOLLOWS) === 0 ? undefined : before, path)}`;

const holds = (content: string) => (t: Test, path: string) =>
  void t.ok(readFileSync(path).equals(Buffer.from(content, 'latin1')), 'on the disk');
const untouched = holds(HELLO);
const hasMode = (mode: number) => (t: Test, path: string) =>
  void t.equal((lstatSync(path).mode & 0o7777).toString(8), mode.toString(8), 'mode');

const served = await serveNfs(t);
const run = runs(served, WRITE);

t.test(
  'data',
  run([
    {
      name: 'a request and its reply, byte by byte',
      rest: `
        0000000000000007      // offset
        00000005              // count
        00000000              // stable: UNSTABLE
        00000005              // data: 5 bytes and padding
        74686572 65000000`,
      reply: (path, before) => `
        00000000              // NFS3_OK
        00000001 ${before}    // file_wcc.before: size, mtime, ctime
        ${postOp(path)}       // file_wcc.after
        00000005              // count
        00000000              // committed: UNSTABLE
        b0b1b2b3 b4b5b6b7     // verf`,
      check: holds('hello, there\n'),
    },
    {
      name: 'UNSTABLE',
      rest: args(START, 'J', UNSTABLE),
      reply: wrote(1, UNSTABLE),
      check: holds('Jello, world\n'),
    },
    {
      name: 'DATA_SYNC',
      rest: args(START, 'J', DATA_SYNC),
      reply: wrote(1, DATA_SYNC),
      check: holds('Jello, world\n'),
    },
    {
      name: 'FILE_SYNC',
      rest: args(START, 'J', FILE_SYNC),
      reply: wrote(1, FILE_SYNC),
      check: holds('Jello, world\n'),
    },
    { name: 'at the end', rest: args('000000000000000d', 'more'), reply: wrote(4), check: holds(`${HELLO}more`) },
    {
      name: 'beyond the end: a hole',
      rest: args('0000000000000010', 'x'),
      reply: wrote(1),
      check: holds(`${HELLO}\0\0\0x`),
    },
    {
      name: 'into an empty file',
      make: path => writeFileSync(path, ''),
      rest: args(START, 'x'),
      reply: wrote(1),
      check: holds('x'),
    },
    { name: 'two bytes', rest: args(START, 'xy'), reply: wrote(2), check: holds('xyllo, world\n') },
    {
      name: 'four bytes, which need no padding',
      rest: args(START, 'wxyz'),
      reply: wrote(4),
      check: holds('wxyzo, world\n'),
    },
    ...[4096, 65_536, 300_001, 2 ** 20].flatMap(size =>
      [UNSTABLE, FILE_SYNC].map((stable): ObjectCase => {
        const data = Buffer.alloc(size, 'brick by brick ').toString('latin1');
        return {
          name: `${size} bytes, ${stable === UNSTABLE ? 'UNSTABLE' : 'FILE_SYNC'}`,
          rest: args('0000000000000003', data, stable),
          reply: wrote(size, stable),
          check: holds(`hel${data}`),
        };
      }),
    ),
    {
      name: 'no bytes: the file is not changed',
      rest: args(START, ''),
      reply: wrote(0),
      check(t, path) {
        untouched(t, path);
        t.equal(lstatSync(path).size, 13);
      },
    },
    {
      name: 'no bytes beyond the end, FILE_SYNC',
      rest: args('0000000000000100', '', FILE_SYNC),
      reply: wrote(0, FILE_SYNC),
      check: untouched,
    },
    {
      name: 'a count below the length of the data: so many bytes are written',
      rest: `${START} 00000001 00000000 ${text('JJJJ')}`,
      reply: wrote(1),
      check: holds('Jello, world\n'),
    },
    {
      name: 'count 0 with data',
      rest: `${START} 00000000 00000000 ${text('JJJJ')}`,
      reply: wrote(0),
      check: untouched,
    },
    {
      name: 'a count above the length of the data: INVAL',
      rest: `${START} 00000005 00000000 ${text('JJJJ')}`,
      reply: unasked(ERR.INVAL),
      check: untouched,
    },
    {
      name: 'count 2^32 - 1 without data: INVAL',
      rest: `${START} ffffffff 00000000 00000000`,
      reply: unasked(ERR.INVAL),
      check: untouched,
    },
  ]),
);

/** The last 8 bytes of a file that is too large to be read whole. */
const endsWith = (size: number, end: string) => (t: Test, path: string) => {
  t.equal(lstatSync(path).size, size);
  const bytes = Buffer.alloc(end.length);
  const fd = openSync(path, 'r');
  readSync(fd, bytes, 0, end.length, size - end.length);
  closeSync(fd);
  t.equal(bytes.toString('latin1'), end);
};

t.test(
  'offsets',
  run([
    { name: '2^31 - 1', rest: args('000000007fffffff', 'xy'), reply: wrote(2), check: endsWith(2 ** 31 + 1, '\0xy') },
    { name: '2^32 - 1', rest: args('00000000ffffffff', 'xy'), reply: wrote(2), check: endsWith(2 ** 32 + 1, '\0xy') },
    { name: '2^40', rest: args('0000010000000000', 'xy'), reply: wrote(2), check: endsWith(2 ** 40 + 2, '\0xy') },
    {
      name: 'the last bytes that ext4 can hold',
      rest: args('00000fffffffeffe', 'xy'),
      reply: wrote(2),
      check: endsWith(2 ** 44 - 4096, '\0xy'),
      skip: notExt4(served.dir),
    },
    {
      name: 'across the limit of ext4: as many bytes as fit',
      rest: args('00000fffffffeffe', 'wxyz'),
      reply: wrote(2),
      check: endsWith(2 ** 44 - 4096, '\0wx'),
      skip: notExt4(served.dir),
    },
    {
      name: 'at the limit of ext4: FBIG',
      rest: args(EXT4_SIZE_MAX, 'x'),
      reply: failed(ERR.FBIG),
      check: untouched,
      skip: notExt4(served.dir),
    },
    {
      name: '2^53 - 2: FBIG of the file system',
      rest: args('001ffffffffffffe', 'x'),
      reply: failed(ERR.FBIG),
      check: untouched,
      skip: notExt4(served.dir),
    },
    { name: '2^53 - 1: FBIG', rest: args('001fffffffffffff', 'x'), reply: unasked(ERR.FBIG), check: untouched },
    { name: '2^53: FBIG', rest: args('0020000000000000', 'x'), reply: unasked(ERR.FBIG), check: untouched },
    { name: '2^63 - 1: FBIG', rest: args('7fffffffffffffff', 'x'), reply: unasked(ERR.FBIG), check: untouched },
    { name: '2^63: FBIG', rest: args('8000000000000000', 'x', FILE_SYNC), reply: unasked(ERR.FBIG), check: untouched },
    { name: '2^64 - 1: FBIG', rest: args('ffffffffffffffff', 'x'), reply: unasked(ERR.FBIG), check: untouched },
  ]),
);

t.test(
  'which callers may write',
  run([
    { name: 'the owner', make: owned(0o200), auth: OWNER, rest: J, reply: wrote(1), check: holds('Jello, world\n') },
    {
      name: 'the owner of a file of mode 0444, since a program may have opened it before',
      make: owned(0o444),
      auth: OWNER,
      rest: J,
      reply: wrote(1),
      check: holds('Jello, world\n'),
    },
    {
      name: 'the owner of a file of mode 0',
      make: owned(0),
      auth: OWNER,
      rest: args(START, 'J', FILE_SYNC),
      reply: wrote(1, FILE_SYNC),
      check: holds('Jello, world\n'),
    },
    {
      name: 'a member of the group',
      make: owned(0o464),
      auth: MEMBER,
      rest: J,
      reply: wrote(1),
      check: holds('Jello, world\n'),
    },
    { name: 'others', make: owned(0o446), auth: STRANGER, rest: J, reply: wrote(1), check: holds('Jello, world\n') },
    { name: 'root', make: owned(0), rest: J, reply: wrote(1), check: holds('Jello, world\n'), skip: needsRoot },
    {
      name: 'ACCES: a stranger',
      make: owned(0o664),
      auth: STRANGER,
      rest: J,
      reply: unchanged(ERR.ACCES),
      check: untouched,
    },
    {
      name: 'ACCES: a member of the group',
      make: owned(0o646),
      auth: MEMBER,
      rest: J,
      reply: unchanged(ERR.ACCES),
      check: untouched,
    },
    {
      name: 'ACCES: a caller that may only execute',
      make: owned(0o711),
      auth: STRANGER,
      rest: J,
      reply: unchanged(ERR.ACCES),
      check: untouched,
    },
    {
      name: 'ACCES: also for no bytes',
      make: owned(0o644),
      auth: STRANGER,
      rest: args(START, ''),
      reply: unchanged(ERR.ACCES),
      check: untouched,
    },
  ]),
);

t.test(
  'setuid and setgid',
  run([
    {
      name: 'are cleared when the owner writes',
      make: owned(0o6755),
      auth: OWNER,
      rest: J,
      reply: wrote(1),
      check: hasMode(0o755),
    },
    {
      name: 'are cleared when another user writes',
      make: owned(0o6777),
      auth: STRANGER,
      rest: args(START, 'J', FILE_SYNC),
      reply: wrote(1, FILE_SYNC),
      check: hasMode(0o777),
    },
    {
      name: 'stay when root writes',
      make: owned(0o6755),
      rest: J,
      reply: wrote(1),
      check: hasMode(0o6755),
      skip: needsRoot,
    },
    {
      name: 'stay when the write is refused',
      make: owned(0o6755),
      auth: STRANGER,
      rest: J,
      reply: unchanged(ERR.ACCES),
      check: hasMode(0o6755),
    },
    {
      name: 'stay when no bytes are written',
      make: owned(0o6777),
      auth: STRANGER,
      rest: args(START, ''),
      reply: wrote(0),
      check: hasMode(0o6777),
    },
  ]),
);

t.test(
  'an object that is not a regular file',
  run([
    { name: 'a directory: ISDIR', make: path => mkdirSync(path), rest: J, reply: unasked(ERR.ISDIR) },
    { name: 'a symlink: INVAL', make: path => symlinkSync('case-1', path), rest: J, reply: unasked(ERR.INVAL) },
    {
      name: 'a fifo: INVAL, and the call does not wait for it',
      make: path => execFileSync('mkfifo', [path]),
      rest: J,
      reply: unasked(ERR.INVAL),
    },
    {
      name: 'a device: INVAL',
      make: path => execFileSync('mknod', [path, 'c', '1', '3']),
      rest: J,
      reply: unasked(ERR.INVAL),
      skip: needsRoot,
    },
  ]),
);

t.test('invalid values are GARBAGE_ARGS', async t => {
  const path = join(served.dir, 'garbage');
  makeFile(path);
  const handle = opaque(await served.handle('garbage'));
  for (const [name, rest] of Object.entries({
    'stable_how 3': args(START, 'J', '00000003'),
    'stable_how 2^32 - 1': args(START, 'J', 'ffffffff'),
    'data of 4 GiB': `${START} 00000001 00000000 ffffffff 4a000000`,
    'data of 64 MiB and a byte': `${START} 00000001 00000000 04000001 4a000000`,
  })) {
    await expectGarbage(t, served, WRITE, `${handle} ${rest}`, name);
  }
  untouched(t, path);
});

t.test('no call writes more than nfs3.write-size bytes', async t => {
  const served = await serveNfs(t, { options: ['option nfs3.write-size 4096'] });
  await objectCases(t, served, WRITE, [
    {
      name: 'exactly nfs3.write-size',
      rest: args(START, 'x'.repeat(4096)),
      reply: wrote(4096),
      check: holds('x'.repeat(4096)),
    },
    { name: 'a byte more', rest: args(START, 'x'.repeat(4097)), reply: wrote(4096), check: holds('x'.repeat(4096)) },
    {
      name: 'twice as much',
      rest: args(START, 'x'.repeat(8192), FILE_SYNC),
      reply: wrote(4096, FILE_SYNC),
      check: holds('x'.repeat(4096)),
    },
  ]);
});

t.test('a file that is written by many calls in any order', async t => {
  const path = join(served.dir, 'many');
  writeFileSync(path, '');
  const handle = opaque(await served.handle('many'));
  const blocks = [5, 2, 0, 7, 1, 3, 6, 4];
  for (const block of blocks) {
    const before = wccAttr(path);
    const rest = args(
      (block * 10_000).toString(16).padStart(16, '0'),
      `${block}`.repeat(10_000),
      block % 2 ? UNSTABLE : DATA_SYNC,
    );
    const answer = await served.exchange(call('nfs3', WRITE, `${handle} ${rest}`));
    const reply = wrote(10_000, block % 2 ? UNSTABLE : DATA_SYNC);
    expectReply(t, answer, `${accepted} ${reply(path, before, answer)}`);
  }
  holds(
    [...blocks]
      .sort((a, b) => a - b)
      .map(block => `${block}`.repeat(10_000))
      .join(''),
  )(t, path);
});

t.test('the attributes before the write are those of the disk, also after a change made there', async t => {
  for (const size of [100, 3, 0]) {
    // The first write of a server is not done by the thread pool.
    await objectCases(t, await serveNfs(t), WRITE, [
      {
        name: `cut to ${size} bytes`,
        rest(path) {
          truncateSync(path, size);
          return J;
        },
        reply: (path, before) => `${OK} 00000001 ${before} ${postOp(path)} 00000001 ${UNSTABLE} ${VERIFIER}`,
      },
    ]);
  }
});

t.test('a file that chattr(1) has made immutable: PERM', { skip: notImmutable(served.dir) }, async t => {
  untouched(t, await refusesImmutable(t, served, WRITE, J));
});

t.test('a read-only volume refuses: ROFS', async t => {
  const exported = await serveNfs(t, nfs3.READ_ONLY_EXPORT);
  await objectCases(t, exported, WRITE, [
    { name: 'a read-only export', rest: J, reply: unasked(ERR.ROFS), check: untouched },
  ]);
  const layered = await serveNfs(t, nfs3.READ_ONLY_LAYER);
  await objectCases(t, layered, WRITE, [
    { name: 'features/read-only', rest: J, reply: unchanged(ERR.ROFS), check: untouched },
  ]);
});

t.test('errors of the brick have their statuses', async t => {
  await refusesFailures(t, WRITE, 'writev', async served => {
    makeFile(join(served.dir, 'file'));
    return { args: `${opaque(await served.handle('file'))} ${J}`, arm: () => unseen(join(served.dir, 'file')) };
  });
  const about = { proc: WRITE, fop: 'writev', rest: J, arm: unseen };
  await brickFailures(t, about, { EFBIG: ERR.FBIG, EACCES: ERR.ACCES, EINVAL: ERR.INVAL, ETXTBSY: ERR.ACCES });
  const served = await serveNfs(t, { layers: nfs3.failing('EIO', 'writev', 'stat') });
  await objectCases(t, served, WRITE, [
    { name: 'attributes that the brick does not tell are left out', rest: J, reply: () => `${ERR.IO} ${NO_WCC}` },
  ]);
});

t.test('refusals', t => refusals(t, { proc: WRITE, rest: J, unknown: NO_WCC }));
