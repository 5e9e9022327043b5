/** LOOKUP, procedure 3 (RFC 1813, 3.3.3). */
import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { serveNfs, type ServedNfs } from '../../../support/nfs.ts';
import {
  ERR,
  EVERY_BYTE,
  OK,
  READ_ONLY_EXPORT,
  READ_ONLY_LAYER,
  refusesFailures,
  refusesNames,
} from '../../../support/nfs3/common.ts';
import {
  isRoot,
  makeFile,
  ownedBy,
  MEMBER,
  OWNER,
  refusals,
  refused,
  runs,
  STRANGER,
} from '../../../support/nfs3/cases.ts';
import { call, expectNfs3, fattr3, opaque, postOp, text } from '../../../support/wire.ts';

const LOOKUP = 3;
const GETATTR = 1;
const served = await serveNfs(t);

/** LOOKUP3resok of `path`, found in `dir`. */
const found = async (served: ServedNfs, path: string, dir: string) => `
  ${OK}
  ${opaque(await served.handle(path.slice(served.dir.length + 1)))}
  ${postOp(path)}   // obj_attributes
  ${postOp(dir)}    // dir_attributes`;

/** Makes a directory of the owner with this mode and a file `f` in it. */
const dirOf = ownedBy(path => {
  mkdirSync(path);
  makeFile(join(path, 'f'));
});

const foundF = (path: string) => found(served, join(path, 'f'), path);
const f = text('f');
const run = runs(served, LOOKUP);

t.test(
  'names that exist',
  run([
    { name: 'a file', make: dirOf(0o755), rest: '00000001 66000000', reply: foundF },
    {
      name: 'a directory',
      make: path => mkdirSync(join(path, 'sub'), { recursive: true }),
      rest: text('sub'),
      reply: path => found(served, join(path, 'sub'), path),
    },
    {
      name: 'a symlink, which is not followed',
      make(path) {
        dirOf(0o755)(path);
        symlinkSync('f', join(path, 'link'));
      },
      rest: text('link'),
      reply: path => found(served, join(path, 'link'), path),
    },
    {
      name: 'a second name of a file, which has the same handle',
      make(path) {
        dirOf(0o755)(path);
        linkSync(join(path, 'f'), join(path, 'g'));
      },
      rest: text('g'),
      reply: path => found(served, join(path, 'f'), path),
    },
    {
      name: 'a name of 255 bytes',
      make(path) {
        mkdirSync(path);
        makeFile(join(path, 'x'.repeat(255)));
      },
      rest: text('x'.repeat(255)),
      reply: path => found(served, join(path, 'x'.repeat(255)), path),
    },
    { name: '.', make: dirOf(0o755), rest: '00000001 2e000000', reply: path => found(served, path, path) },
    { name: '..', make: dirOf(0o755), rest: '00000002 2e2e0000', reply: path => found(served, served.dir, path) },
    { name: 'in a directory of mode 0711, by a stranger', make: dirOf(0o711), auth: STRANGER, rest: f, reply: foundF },
    {
      name: 'in a directory of mode 0710, by a member of the group',
      make: dirOf(0o710),
      auth: MEMBER,
      rest: f,
      reply: foundF,
    },
    { name: 'in a directory of mode 0100, by its owner', make: dirOf(0o100), auth: OWNER, rest: f, reply: foundF },
    {
      name: 'in a directory of mode 0, by root',
      make: dirOf(0),
      rest: f,
      reply: foundF,
      skip: !isRoot && 'only root can',
    },
  ]),
);

t.test(
  'names that do not exist, or cannot be looked up',
  run([
    {
      name: 'NOENT, with the attributes of the directory',
      make: dirOf(0o755),
      rest: text('g'),
      reply: refused(ERR.NOENT),
    },
    { name: 'a name in another case: NOENT', make: dirOf(0o755), rest: text('F'), reply: refused(ERR.NOENT) },
    { name: '...', make: dirOf(0o755), rest: text('...'), reply: refused(ERR.NOENT) },
    { name: 'in a file: NOTDIR', rest: f, reply: refused(ERR.NOTDIR) },
    { name: '. of a file: NOTDIR', rest: text('.'), reply: refused(ERR.NOTDIR) },
    {
      name: 'in a symlink to a directory: NOTDIR',
      make: path => symlinkSync('.', path),
      rest: f,
      reply: refused(ERR.NOTDIR),
    },
    {
      name: 'in a directory of mode 0766, by a stranger: ACCES',
      make: dirOf(0o766),
      auth: STRANGER,
      rest: f,
      reply: refused(ERR.ACCES),
    },
    {
      name: 'in a directory of mode 0701, by a member of the group: ACCES',
      make: dirOf(0o701),
      auth: MEMBER,
      rest: f,
      reply: refused(ERR.ACCES),
    },
    {
      name: 'in a directory of mode 0077, by its owner: ACCES',
      make: dirOf(0o077),
      auth: OWNER,
      rest: f,
      reply: refused(ERR.ACCES),
    },
    {
      name: 'a name that does not exist, by a caller that may not search: ACCES',
      make: dirOf(0o700),
      auth: STRANGER,
      rest: text('g'),
      reply: refused(ERR.ACCES),
    },
    {
      name: '.. by a caller that may not search: ACCES',
      make: dirOf(0o700),
      auth: STRANGER,
      rest: text('..'),
      reply: refused(ERR.ACCES),
    },
  ]),
);

t.test('the handle belongs to the file, not to the name', async t => {
  const path = join(served.dir, 'file');
  makeFile(path);
  const args = `${opaque(await served.handle(''))} ${text('file')}`;
  const reply = await served.exchange(call('nfs3', LOOKUP, args));
  const handle = reply.subarray(28, 28 + 4 + reply.readUInt32BE(28)).toString('hex');
  await expectNfs3(t, served, GETATTR, handle, () => `${OK} ${fattr3(path)}`);
});

t.test('.. of the root is the root', async t => {
  const root = opaque(await served.handle(''));
  await expectNfs3(t, served, LOOKUP, `${root} ${text('..')}`, await found(served, served.dir, served.dir));
  await expectNfs3(t, served, LOOKUP, `${root} ${text('.')}`, await found(served, served.dir, served.dir));
});

t.test('.. of an exported directory is that directory, and .. in a directory of it is its parent', async t => {
  const options = ['option nfs3.vol.export-dir /sub', 'option nfs3.export-volumes off'];
  const served = await serveNfs(t, { options });
  const sub = join(served.dir, 'sub');
  mkdirSync(join(sub, 'below'), { recursive: true });
  const handle = await served.handle('sub');
  const expected = `${OK} ${opaque(handle)} ${postOp(sub)} ${postOp(sub)}`;
  await expectNfs3(t, served, LOOKUP, `${opaque(handle)} ${text('..')}`, expected);
  const below = await served.handle('sub/below');
  const above = `${OK} ${opaque(handle)} ${postOp(sub)} ${postOp(join(sub, 'below'))}`;
  await expectNfs3(t, served, LOOKUP, `${opaque(below)} ${text('..')}`, above);
});

t.test('.. follows a directory that was moved', async t => {
  for (const name of ['from', 'to', 'from/dir']) mkdirSync(join(served.dir, name));
  const handle = await served.handle('from/dir');
  renameSync(join(served.dir, 'from/dir'), join(served.dir, 'to/dir'));
  const expected = await found(served, join(served.dir, 'to'), join(served.dir, 'to/dir'));
  await expectNfs3(t, served, LOOKUP, `${opaque(handle)} ${text('..')}`, expected);
});

t.test('names of every byte are found', async t => {
  const dir = join(served.dir, 'bytes');
  mkdirSync(dir);
  const handle = opaque(await served.handle('bytes'));
  const at = (name: string) => Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(name, 'hex')]);
  const seen = new Set<string>();
  for (const name of EVERY_BYTE) {
    writeFileSync(at(name), '');
    const reply = await served.exchange(call('nfs3', LOOKUP, `${handle} ${opaque(name)}`));
    if (reply.readUInt32BE(24) !== 0) t.fail(`${name}: status ${reply.readUInt32BE(24)}`);
    seen.add(reply.toString('hex', 28, 32 + reply.readUInt32BE(28)));
  }
  t.equal(seen.size, EVERY_BYTE.length, 'each name has its own handle');
});

t.test('a name that now belongs to another file', async t => {
  const path = join(served.dir, 'changing');
  const args = `${opaque(await served.handle(''))} ${text('changing')}`;
  await expectNfs3(t, served, LOOKUP, args, () => `${ERR.NOENT} ${postOp(served.dir)}`);
  makeFile(path);
  const first = await served.handle('changing');
  await expectNfs3(t, served, LOOKUP, args, () => `${OK} ${opaque(first)} ${postOp(path)} ${postOp(served.dir)}`);
  writeFileSync(`${path}.new`, 'new');
  renameSync(`${path}.new`, path);
  const second = await served.handle('changing');
  t.not(first, second);
  await expectNfs3(t, served, LOOKUP, args, () => `${OK} ${opaque(second)} ${postOp(path)} ${postOp(served.dir)}`);
  rmSync(path);
  await expectNfs3(t, served, LOOKUP, args, () => `${ERR.NOENT} ${postOp(served.dir)}`);
});

t.test('impossible names are refused, `.` and `..` are found', async t => {
  const served = await serveNfs(t);
  const root = opaque(await served.handle(''));
  const found = () => `${opaque(root.replace(/^\S+ /, ''))} ${postOp(served.dir)} ${postOp(served.dir)}`;
  const arm = (name: string) => (name === '.' || name === '..' ? found() : postOp(served.dir));
  await refusesNames(t, served, LOOKUP, name => `${root} ${name}`, arm, { dot: OK, dotDot: OK });
});

t.test('a read-only volume can be looked up in', async t => {
  for (const options of [READ_ONLY_EXPORT, READ_ONLY_LAYER]) {
    const served = await serveNfs(t, options);
    makeFile(join(served.dir, 'f'));
    const args = `${opaque(await served.handle(''))} ${f}`;
    await expectNfs3(t, served, LOOKUP, args, await found(served, join(served.dir, 'f'), served.dir));
  }
});

t.test('errors of the brick have their statuses', async t => {
  await refusesFailures(t, LOOKUP, 'lookup', async served => ({
    args: `${opaque(await served.handle(''))} ${f}`,
    arm: () => postOp(served.dir),
  }));
  await t.test('attributes that the brick does not tell are left out', async t => {
    const served = await serveNfs(t, {
      layers:
        'volume vol\n type debug/error-gen\n option failure 100\n option enable lookup,stat\n subvolumes brick\nend-volume\n',
    });
    await expectNfs3(t, served, LOOKUP, `${opaque(await served.handle(''))} ${f}`, `${ERR.IO} 00000000`);
  });
});

t.test('refusals', t => refusals(t, { proc: LOOKUP, make: path => mkdirSync(path), rest: f, unknown: '00000000' }));
