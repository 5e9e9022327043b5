/**
 * AUTH_SYS ids of 2^32 - 1. The kernel takes this number for "no id", and some clients send it for users that they
 * cannot map. As a uid or gid it becomes the anonymous user's, as in knfsd. As one of the other groups it is ignored.
 */
import { chmodSync, chownSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { canSwitch } from '#src/sys/process/identity.ts';
import { authSys, type ServedNfs, serveNfs } from '../../support/nfs.ts';
import { call, opaque, text, word } from '../../support/wire.ts';

if (!canSwitch) t.plan(0, 'only a server that runs as root tells users apart');

const NO_ID = 0xffff_ffff;
const CREATE = 8;
const GUARDED = '00000001';
const NO_ATTRIBUTES = '00000000'.repeat(6);
const ACCESS = 4;
const ANON = ['option nfs3.vol.anonuid 2001', 'option nfs3.vol.anongid 2002'];

/** The owner that the kernel gives to a file which the caller creates. */
async function ownerOf(t: Test, served: ServedNfs, auth: string): Promise<{ uid: number; gid: number }> {
  const args = `${opaque(await served.handle('open'))} ${text('made')} ${GUARDED} ${NO_ATTRIBUTES}`;
  const reply = await served.exchange(call('nfs3', CREATE, args, auth));
  t.equal(reply.readUInt32BE(24), 0, 'made');
  const { uid, gid } = lstatSync(join(served.dir, 'open', 'made'));
  return { uid, gid };
}

async function serve(t: Test, options: string[] = []): Promise<ServedNfs> {
  const served = await serveNfs(t, { options });
  mkdirSync(join(served.dir, 'open'));
  chmodSync(join(served.dir, 'open'), 0o777);
  return served;
}

const callers: { name: string; auth: string; options?: string[]; owner: [number, number] }[] = [
  { name: 'a user and its group', auth: authSys(1000, 1001), owner: [1000, 1001] },
  { name: 'no uid', auth: authSys(NO_ID, 1001), owner: [65_534, 1001] },
  { name: 'no gid', auth: authSys(1000, NO_ID), owner: [1000, 65_534] },
  { name: 'neither', auth: authSys(NO_ID, NO_ID), owner: [65_534, 65_534] },
  { name: 'neither, and a further group that is no id', auth: authSys(NO_ID, NO_ID, [NO_ID]), owner: [65_534, 65_534] },
  { name: 'root without a group', auth: authSys(0, NO_ID), owner: [0, 65_534] },
  { name: 'no uid, of the group of root', auth: authSys(NO_ID, 0), owner: [65_534, 0] },
  { name: 'neither, with ids of the anonymous user', auth: authSys(NO_ID, NO_ID), options: ANON, owner: [2001, 2002] },
  {
    name: 'squash root, no uid',
    auth: authSys(NO_ID, 7),
    options: ['option nfs3.vol.squash root'],
    owner: [65_534, 7],
  },
  {
    name: 'squash root, no uid, of the group of root',
    auth: authSys(NO_ID, 0),
    options: [...ANON, 'option nfs3.vol.squash root'],
    owner: [2001, 2002],
  },
  {
    name: 'squash all',
    auth: authSys(NO_ID, NO_ID, [NO_ID, 5]),
    options: [...ANON, 'option nfs3.vol.squash all'],
    owner: [2001, 2002],
  },
];

for (const { name, auth, options, owner: [uid, gid] } of callers) {
  t.test(`the owner of a new file: ${name}`, async t => {
    t.strictSame(await ownerOf(t, await serve(t, options), auth), { uid, gid });
  });
} // prettier-ignore

/** What a file of mode 0040 and group 3000 grants to a caller with these groups: READ or nothing. */
const groups: { gids: number[]; read: boolean }[] = [
  { gids: [3000], read: true },
  { gids: [NO_ID], read: false },
  { gids: [NO_ID, 3000], read: true },
  { gids: [3000, NO_ID], read: true },
  { gids: [NO_ID, NO_ID, NO_ID, 3000, NO_ID], read: true },
  { gids: Array<number>(16).fill(NO_ID), read: false },
  { gids: [...Array<number>(15).fill(NO_ID), 3000], read: true },
];

for (const { gids, read } of groups) {
  t.test(`a group of 2^32 - 1 is ignored, the others count: ${gids.join()}`, async t => {
    const served = await serve(t);
    const path = join(served.dir, 'file');
    writeFileSync(path, 'text');
    chownSync(path, 4000, 3000);
    chmodSync(path, 0o040);
    for (const uid of [1000, NO_ID]) {
      const args = `${opaque(await served.handle('file'))} ${word(1)}`;
      const reply = await served.exchange(call('nfs3', ACCESS, args, authSys(uid, 1000, gids)));
      t.equal(reply.readUInt32BE(24), 0);
      t.equal(reply.readUInt32BE(reply.length - 4), read ? 1 : 0, `as uid ${uid}`);
    }
  });
}
