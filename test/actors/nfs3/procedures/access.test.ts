/** ACCESS, procedure 4 (RFC 1813, 3.3.4). */
import { execFileSync } from 'node:child_process';
import { chmodSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { AUTH_ROOT, authSys, serveNfs } from '../../../support/nfs.ts';
import { ERR, OK, READ_ONLY_EXPORT, READ_ONLY_LAYER, failing, refusesFailures } from '../../../support/nfs3/common.ts';
import {
  makeFile,
  MEMBER,
  needsRoot,
  type ObjectCase,
  objectCases,
  owned,
  ownedDir,
  OWNER,
  OWNER_ID,
  refusals,
  STRANGER,
} from '../../../support/nfs3/cases.ts';
import { expectNfs3, opaque, postOp, word } from '../../../support/wire.ts';

const ACCESS = 4;
// READ 01, LOOKUP 02, MODIFY 04, EXTEND 08, DELETE 10, EXECUTE 20
const ALL = '0000003f';
const served = await serveNfs(t);

const fifo = (path: string) => {
  execFileSync('mkfifo', [path]);
  chmodSync(path, 0o777);
};
const grants = (bits: string) => (path: string) => `${OK} ${postOp(path)} ${bits}`;

/** The rights of each caller to a file of the given mode. */
const OF_FILES: readonly (readonly [mode: number, root: string, owner: string, group: string, others: string])[] = [
  [0o000, '0000000d', '00000000', '00000000', '00000000'],
  [0o644, '0000000d', '0000000d', '00000001', '00000001'],
  [0o755, '0000002d', '0000002d', '00000021', '00000021'],
  [0o640, '0000000d', '0000000d', '00000001', '00000000'],
  [0o664, '0000000d', '0000000d', '0000000d', '00000001'],
  [0o444, '0000000d', '00000001', '00000001', '00000001'],
  [0o222, '0000000d', '0000000c', '0000000c', '0000000c'],
  [0o111, '0000002d', '00000020', '00000020', '00000020'],
  [0o100, '0000002d', '00000020', '00000000', '00000000'],
  [0o077, '0000002d', '00000000', '0000002d', '0000002d'], // each caller has only the rights of its own three bits
  [0o707, '0000002d', '0000002d', '00000000', '0000002d'],
];

/** The rights to a directory. EXECUTE does not exist, and MODIFY, EXTEND and DELETE need the right to search. */
const OF_DIRECTORIES: typeof OF_FILES = [
  [0o000, '0000001f', '00000000', '00000000', '00000000'],
  [0o755, '0000001f', '0000001f', '00000003', '00000003'],
  [0o700, '0000001f', '0000001f', '00000000', '00000000'],
  [0o770, '0000001f', '0000001f', '0000001f', '00000000'],
  [0o711, '0000001f', '0000001f', '00000002', '00000002'],
  [0o744, '0000001f', '0000001f', '00000001', '00000001'],
  [0o733, '0000001f', '0000001f', '0000001e', '0000001e'],
  [0o722, '0000001f', '0000001f', '00000000', '00000000'],
  [0o666, '0000001f', '00000001', '00000001', '00000001'],
  [0o1777, '0000001f', '0000001f', '0000001f', '0000001f'],
];

const CALLERS = { root: AUTH_ROOT, owner: OWNER, 'one of the group': MEMBER, stranger: STRANGER };

const table = (make: typeof owned, rows: typeof OF_FILES): ObjectCase[] =>
  rows.flatMap(([mode, ...bits]) =>
    Object.entries(CALLERS).map(([who, auth], i) => ({
      name: `mode ${mode.toString(8)}, ${who}`,
      make: make(mode),
      rest: ALL,
      auth,
      reply: grants(bits[i]!),
      skip: needsRoot,
    })),
  );

t.test('a file', t => objectCases(t, served, ACCESS, table(owned, OF_FILES)));
t.test('a directory', t => objectCases(t, served, ACCESS, table(ownedDir, OF_DIRECTORIES)));

t.test('only the bits that are asked for are granted', t =>
  objectCases(t, served, ACCESS, [
    { name: 'nothing', rest: '00000000', reply: grants('00000000') },
    ...[0x01, 0x02, 0x04, 0x08, 0x10, 0x20].flatMap((bit): ObjectCase[] => [
      {
        name: `bit ${bit} of a file`,
        make: owned(0o777),
        rest: word(bit),
        reply: grants(word(bit & 0x2d)),
        skip: needsRoot,
      },
      {
        name: `bit ${bit} of a directory`,
        make: ownedDir(0o777),
        rest: word(bit),
        reply: grants(word(bit & 0x1f)),
        skip: needsRoot,
      },
    ]),
    {
      name: 'READ and MODIFY of a file of mode 0444',
      make: owned(0o444),
      auth: OWNER,
      rest: '00000005',
      reply: grants('00000001'),
    },
    {
      name: 'unknown bits are not granted',
      make: owned(0o777),
      rest: 'ffffffff',
      reply: grants('0000002d'),
      skip: needsRoot,
    },
    { name: 'only unknown bits', rest: 'ffffffc0', reply: grants('00000000') },
    {
      name: 'a symlink',
      make: path => symlinkSync('nowhere', path),
      auth: STRANGER,
      rest: ALL,
      reply: grants('0000002d'),
    },
    {
      name: 'a fifo',
      make(path) {
        execFileSync('mkfifo', [path]);
        chmodSync(path, 0o622);
      },
      auth: STRANGER,
      rest: ALL,
      reply: grants('0000000c'),
    },
    {
      name: 'a group that is the second of three',
      make: owned(0o640),
      auth: authSys(1001, 1001, [7, OWNER_ID, 8]),
      rest: ALL,
      reply: grants('00000001'),
    },
    {
      name: 'the primary group',
      make: owned(0o640),
      auth: authSys(1001, OWNER_ID),
      rest: ALL,
      reply: grants('00000001'),
    },
    {
      name: 'the group of root has no special rights',
      make: owned(0o640),
      auth: authSys(1001, 0),
      rest: ALL,
      reply: grants('00000000'),
    },
  ]),
);

t.test('squashed callers', async t => {
  const rootSquash = await serveNfs(t, { options: ['option nfs3.vol.squash root'] });
  chmodSync(rootSquash.dir, 0o755);
  await objectCases(t, rootSquash, ACCESS, [
    {
      name: 'root has the rights of the anonymous user',
      make: owned(0o744),
      rest: ALL,
      reply: grants('00000001'),
      skip: needsRoot,
    },
    { name: 'others keep their rights', make: owned(0o744), auth: OWNER, rest: ALL, reply: grants('0000002d') },
  ]);
  const options = ['option nfs3.vol.squash all', `option nfs3.vol.anonuid ${OWNER_ID}`, 'option nfs3.vol.anongid 5'];
  const allSquash = await serveNfs(t, { options });
  chmodSync(allSquash.dir, 0o755);
  await objectCases(t, allSquash, ACCESS, [
    {
      name: 'everybody has the rights of the anonymous user',
      make: owned(0o600),
      auth: STRANGER,
      rest: ALL,
      reply: grants('0000000d'),
    },
  ]);
});

t.test('a change of the mode takes effect at once', { skip: needsRoot }, async t => {
  const path = join(served.dir, 'changing');
  owned(0o600)(path);
  const args = `${opaque(await served.handle('changing'))} ${ALL}`;
  for (const [mode, bits] of [
    [0o600, '00000000'],
    [0o604, '00000001'],
    [0o607, '0000002d'],
    [0o600, '00000000'],
  ] as const) {
    chmodSync(path, mode);
    await expectNfs3(t, served, ACCESS, args, () => grants(bits)(path), STRANGER);
  }
});

t.test('a read-only volume grants nothing that changes it', async t => {
  for (const [name, options] of [
    ['an export', READ_ONLY_EXPORT],
    ['a layer', READ_ONLY_LAYER],
  ] as const) {
    const served = await serveNfs(t, options);
    await objectCases(t, served, ACCESS, [
      { name: `${name}: a file`, make: owned(0o777), rest: ALL, reply: grants('00000021'), skip: needsRoot },
      { name: `${name}: a directory`, make: ownedDir(0o777), rest: ALL, reply: grants('00000003'), skip: needsRoot },
      {
        name: `${name}: a fifo, since writing to it does not change the volume`,
        make: fifo,
        rest: ALL,
        reply: grants('0000002d'),
        skip: needsRoot,
      },
    ]);
  }
});

t.test('errors of the brick have their statuses', async t => {
  await refusesFailures(t, ACCESS, 'access', async served => {
    makeFile(join(served.dir, 'file'));
    return { args: `${opaque(await served.handle('file'))} ${ALL}`, arm: () => postOp(join(served.dir, 'file')) };
  });
  const served = await serveNfs(t, { layers: failing('EIO', 'access', 'stat') });
  await objectCases(t, served, ACCESS, [
    { name: 'attributes that the brick does not tell are left out', rest: ALL, reply: () => `${ERR.IO} 00000000` },
  ]);
});

t.test('refusals', t => refusals(t, { proc: ACCESS, rest: ALL, unknown: '00000000' }));
