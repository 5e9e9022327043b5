/**
 * What a server that does not run as root can promise. single-user.test.ts runs it as an ordinary user, as a test of
 * its own: `node single-user.ts`.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { canSwitch } from '#src/sys/process/identity.ts';
import { describeLimits, processCapabilities } from '#src/sys/process/capabilities.ts';
import { codeOf, inodeOf, makePlace, open, root, startBrick, user, other } from './support/brick-test.ts';

const guarded = (attr = {}) => ({ mode: 'guarded', attr }) as const;
const me = process.geteuid!();

t.test('the server knows what it cannot do', async t => {
  t.not(me, 0);
  t.notOk(canSwitch);
  const limits = describeLimits(processCapabilities(), me);
  t.match(limits, [/all callers act as uid/, /index in the state directory/]);
});

t.test('every caller is squashed to the server’s own user', async t => {
  const { fops, top, path } = await open(t);
  for (const [i, frame] of [root, user, other].entries()) {
    const { iatt } = await fops.create(frame, top, `f${i}`, guarded({ mode: 0o644, uid: 7, gid: 7 }));
    t.match(iatt, { uid: me, mode: 0o644 });
    t.match(await fops.setattr(frame, inodeOf(iatt), { mode: 0o600 }), { after: { mode: 0o600 } });
    t.equal(await codeOf(fops.setattr(frame, inodeOf(iatt), { uid: 7 })), 'EPERM');
  }
  t.equal(statSync(path('f0')).uid, me);
  t.equal(await codeOf(fops.mknod(root, top, 'null', 4, {}, { major: 1, minor: 3 })), 'EPERM');
});

t.test('the owner may write to a file that it made read-only, also later and after a restart', async t => {
  const place = makePlace(t);
  let brick = await startBrick(t, place);
  const made = (await brick.fops.create(other, brick.root, 'object', guarded({ mode: 0o444 }))).iatt;
  t.match(await brick.fops.writev(other, inodeOf(made).fd, Buffer.from('git'), 0, 0), { count: 3 });
  await brick.stop();
  brick = await startBrick(t, place);
  const again = inodeOf(made);
  t.match(await brick.fops.writev(other, again.fd, Buffer.from('!'), 3, 2), { count: 1, after: { mode: 0o444 } });
  t.equal(readFileSync(place.path('object'), 'utf8'), 'git!');
  await brick.fops.setattr(other, again, { mode: 0o200 });
  await brick.stop();
  brick = await startBrick(t, place);
  t.match(await brick.fops.readv(other, inodeOf(made).fd, 10, 0), { data: Buffer.from('git!'), iatt: { mode: 0o200 } });
});

t.test('handles survive restarts and moves without privileges', async t => {
  const place = makePlace(t);
  let brick = await startBrick(t, place);
  mkdirSync(place.path('a/b'), { recursive: true });
  writeFileSync(place.path('a/b/f'), 'x');
  const file = await brick.walk('a/b/f');
  const again = async () => {
    await brick.stop();
    brick = await startBrick(t, place);
    return brick.fops.stat(root, inodeOf({ ...made }));
  };
  const made = await brick.fops.stat(root, file);
  t.match(await again(), { size: 1 });
  renameSync(place.path('a'), place.path('z'));
  t.match(await again(), { size: 1 });
  await brick.fops.rename(root, await brick.walk('z/b'), 'f', brick.root, 'g');
  t.match(await again(), { size: 1 });
});

t.test('the server may not do what its user may not do', async t => {
  const { brick, fops, top, path } = await open(t);
  mkdirSync(path('closed'));
  writeFileSync(path('closed/f'), 'x');
  const closed = await brick.walk('closed');
  const file = await brick.walk('closed/f');
  chmodSync(path('closed'), 0o000);
  t.equal(await codeOf(fops.lookup(root, closed, 'f')), 'EACCES');
  t.equal(await codeOf(fops.readdir(root, closed.fd, 100, 0n)), 'EACCES');
  t.equal((await fops.access(root, closed, 7)).granted, 0);
  t.match(await fops.stat(root, file), { size: 1 });
  chmodSync(path('closed'), 0o755);
  t.match(await fops.lookup(root, closed, 'f'), { iatt: { size: 1 } });
  t.ok(top);
});
