/** `create` with flags of open(2), and new objects that NFS cannot make. */
import { constants, readFileSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { FileType } from '#src/graph/iatt.ts';
import { codeOf, eachMode, open, other, root, user } from '../support/brick-test.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_EXCL, O_TRUNC } = constants;
const unchecked = (attr = {}) => ({ mode: 'unchecked', attr }) as const;
const guarded = (attr = {}) => ({ mode: 'guarded', attr }) as const;
const NO_DEVICE = { major: 0, minor: 0 };

eachMode(t, 'with flags a new file is opened whatever its mode, and without flags it is only made', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  const made = await fops.create(user, top, 'a', unchecked({ mode: 0 }), O_RDWR | O_TRUNC | O_EXCL);
  t.ok(made.opened);
  t.equal(statSync(path('a')).mode & 0o7777, 0);
  t.equal((await fops.create(user, top, 'b', guarded())).opened, undefined);
});

eachMode(t, 'an existing file is opened if the caller may open it, and otherwise left as it is', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  await fops.create(user, top, 'f', guarded({ mode: 0o644 }));
  writeFileSync(path('f'), 'text');
  const read = await fops.create(other, top, 'f', unchecked(), O_RDONLY);
  t.ok(read.opened);
  t.equal(read.iatt.size, 4);
  for (const flags of [O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC]) {
    t.equal(await codeOf(fops.create(other, top, 'f', unchecked(), flags)), 'EACCES');
  }
  t.equal(await codeOf(fops.create(other, top, 'f', unchecked({ size: 0 }), O_RDWR)), 'EACCES');
  t.equal(readFileSync(path('f'), 'utf8'), 'text');

  t.equal(await codeOf(fops.create(user, top, 'f', unchecked(), O_RDWR | O_EXCL)), 'EEXIST');
  t.equal(await codeOf(fops.create(user, top, 'f', guarded(), O_RDWR)), 'EEXIST');
  const truncated = await fops.create(user, top, 'f', unchecked(), O_RDWR | O_TRUNC);
  t.equal(truncated.iatt.size, 0);
  t.ok(truncated.opened);
  t.equal(readFileSync(path('f'), 'utf8'), '');
});

eachMode(t, 'an object that is not a file is not opened', async (t, s) => {
  const { fops, top } = await open(t, s);
  await fops.mkdir(user, top, 'd', {});
  await fops.mknod(user, top, 'p', FileType.FIFO, {}, NO_DEVICE);
  t.equal(await codeOf(fops.create(user, top, 'd', unchecked(), O_RDONLY)), 'EISDIR');
  t.equal(await codeOf(fops.create(user, top, 'p', unchecked(), O_RDONLY)), 'EINVAL');
});

eachMode(t, 'a repeated exclusive creation opens its file again', async (t, s) => {
  const { fops, top } = await open(t, s);
  const how = (verifier: string) => ({ mode: 'exclusive', verifier: Buffer.from(verifier) }) as const;
  const made = await fops.create(user, top, 'x', how('verifier'), O_RDWR | O_EXCL);
  const again = await fops.create(user, top, 'x', how('verifier'), O_RDWR | O_EXCL);
  t.ok(made.opened && again.opened);
  t.ok(again.iatt.gfid.equals(made.iatt.gfid));
  t.equal(await codeOf(fops.create(user, top, 'x', how('another!'), O_RDWR)), 'EEXIST');
});

eachMode(t, 'mknod makes regular files', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  const { iatt } = await fops.mknod(user, top, 'f', FileType.REG, { mode: 0o6640 }, NO_DEVICE);
  t.match(iatt, { type: FileType.REG, mode: 0o6640, uid: 1000, size: 0 });
  t.equal(statSync(path('f')).mode & 0o7777, 0o6640);
  t.equal(await codeOf(fops.mknod(user, top, 'f', FileType.REG, {}, NO_DEVICE)), 'EEXIST');
  t.ok((await fops.lookup(user, top, 'f')).iatt.gfid.equals(iatt.gfid));
  t.equal(await codeOf(fops.mknod(user, top, 'd', FileType.DIR, {}, NO_DEVICE)), 'EINVAL');
});

eachMode(t, 'a gfid that the caller chooses is refused, and nothing is made', async (t, s) => {
  const { fops, top } = await open(t, s);
  const gfid = Buffer.alloc(16, 7);
  const verifier = Buffer.from('verifier');
  const calls = [
    fops.create(root, top, 'a', guarded({ gfid })),
    fops.create(root, top, 'a', { mode: 'exclusive', verifier, gfid }),
    fops.mkdir(root, top, 'a', { gfid }),
    fops.symlink(root, top, 'a', 'b', { gfid }),
    fops.mknod(root, top, 'a', FileType.REG, { gfid }, NO_DEVICE),
  ];
  for (const call of calls) t.equal(await codeOf(call), 'EOPNOTSUPP');
  t.equal(await codeOf(fops.lookup(root, top, 'a')), 'ENOENT');
});
