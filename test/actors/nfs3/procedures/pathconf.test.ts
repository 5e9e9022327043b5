/** PATHCONF, procedure 20 (RFC 1813, 3.3.20). */
import { execFileSync } from 'node:child_process';
import { linkSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { authSys, serveNfs } from '../../../support/nfs.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR, failing, OK } from '../../../support/nfs3/common.ts';
import {
  accepted,
  call,
  expectNfs3,
  expectReply,
  fattr3,
  opaque,
  postOp,
  statfs,
  word,
} from '../../../support/wire.ts';

const PATHCONF = 20;

/** The f_type of file systems in statfs(2), and how many links a file can have there. */
const LINK_MAX: Record<string, number> = {
  ef53: 65_000, // ext4
  '58465342': 0x7fff_ffff, // xfs
  '9123683e': 65_535, // btrfs
  '1021994': 0x7fff_ffff, // tmpfs
};

t.test('a request and its reply, byte by byte', async t => {
  const served = await serveNfs(t);
  const linkMax = LINK_MAX[statfs(served.dir).type.toString(16)];
  const root = await served.handle('');
  const reply = await served.exchange(call('nfs3', PATHCONF, `${opaque(root)} // object`));
  expectReply(
    t,
    reply,
    `${accepted}
    00000000                        // NFS3_OK
    00000001 ${fattr3(served.dir)}  // obj_attributes
    ${linkMax === undefined ? '........' : word(linkMax)} // linkmax
    000000ff                        // name_max: 255
    00000001                        // no_trunc: TRUE
    00000001                        // chown_restricted: TRUE
    00000000                        // case_insensitive: FALSE
    00000001                        // case_preserving: TRUE`,
  );
});

t.test('objects of every type, for every caller', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'd'), { mode: 0o700 });
  writeFileSync(join(served.dir, 'f'), '', { mode: 0 });
  symlinkSync('nowhere', join(served.dir, 'l'));
  execFileSync('mkfifo', [join(served.dir, 'p')]);
  for (const name of readdirSync(served.dir)) {
    const handle = await served.handle(name);
    for (const auth of [authSys(0, 0), authSys(1000, 1000)]) {
      await expectNfs3(
        t,
        served,
        PATHCONF,
        opaque(handle),
        () => `${OK} ${postOp(join(served.dir, name))} ........ 000000ff 00000001 00000001 00000000 00000001`,
        auth,
      );
    }
  }
});

t.test('the limits and properties hold on the disk', async t => {
  const served = await serveNfs(t);
  const reply = await served.exchange(call('nfs3', PATHCONF, opaque(await served.handle(''))));
  const [linkmax, nameMax] = [reply.readUInt32BE(24 + 4 + 88), reply.readUInt32BE(24 + 4 + 88 + 4)];
  const file = join(served.dir, 'x'.repeat(nameMax));
  writeFileSync(file, '');
  t.throws(() => writeFileSync(`${file}x`, ''), { code: 'ENAMETOOLONG' }, 'name_max, no_trunc');
  t.throws(() => lstatSync(file.replace('xx', 'xX')), { code: 'ENOENT' }, 'not case_insensitive');
  t.strictSame(readdirSync(served.dir), ['x'.repeat(nameMax)]);
  if (linkmax > 100_000) return;
  mkdirSync(join(served.dir, 'links'));
  for (let i = 1; i < linkmax; i++) linkSync(file, join(served.dir, 'links', String(i)));
  t.throws(() => linkSync(file, join(served.dir, 'one too many')), { code: 'EMLINK' }, 'linkmax');
});

t.test('a read-only export is no different', async t => {
  for (const options of [nfs3.READ_ONLY_EXPORT, nfs3.READ_ONLY_LAYER]) {
    const served = await serveNfs(t, options);
    await expectNfs3(t, served, PATHCONF, opaque(await served.handle('')), () => {
      return `${OK} ${postOp(served.dir)} ........ 000000ff 00000001 00000001 00000000 00000001`;
    });
  }
});

t.test('invalid handles are refused', async t => {
  await nfs3.refusesHandles(t, await serveNfs(t), PATHCONF, handle => handle, '00000000');
});

t.test('invalid arguments are refused', async t => {
  const served = await serveNfs(t);
  await nfs3.refusesGarbage(t, served, PATHCONF, opaque(await served.handle('')));
});

t.test('an object that is removed: STALE', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'f'), '');
  const handle = await served.handle('f');
  await served.exchange(call('nfs3', PATHCONF, opaque(handle)));
  rmSync(join(served.dir, 'f'));
  await expectNfs3(t, served, PATHCONF, opaque(handle), `${ERR.STALE} 00000000`);
});

t.test('errors of the brick have their statuses', async t => {
  await nfs3.refusesFailures(t, PATHCONF, 'statfs', async served => {
    return { args: opaque(await served.handle('')), arm: () => postOp(served.dir) };
  });
});

t.test('attributes that the brick does not tell are left out', async t => {
  const served = await serveNfs(t, { layers: failing('EIO', 'stat') });
  const args = opaque(await served.handle(''));
  await expectNfs3(t, served, PATHCONF, args, `${OK} 00000000 ........ 000000ff 00000001 00000001 00000000 00000001`);
});
