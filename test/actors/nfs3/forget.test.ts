/** The inode table forgets removed objects, however it knew them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { serveNfs, temporaryDir } from '../../support/nfs.ts';
import { OK } from '../../support/nfs3/common.ts';
import { accepted, call, expectReply, fattr3, opaque, text } from '../../support/wire.ts';

const GETATTR = 1;
const REMOVE = 12;
const RMDIR = 13;
const RENAME = 14;
const LINK = 15;
const OBJECTS = 20;

for (const known of ['by its name', 'by its handle alone'])
  for (const index of ['off', 'on'])
    t.test(`removed and replaced objects, known ${known}, are forgotten (index ${index})`, async t => {
      const dir = await temporaryDir(t, 'vol');
      const stateDir = await temporaryDir(t, 'state');
      const names = Array.from({ length: OBJECTS }, (_, i) => `object-${i}`);
      for (const name of names) {
        writeFileSync(join(dir, name), '');
        writeFileSync(join(dir, `${name}-new`), '');
        mkdirSync(join(dir, `${name}-dir`));
      }
      const options = { dir, stateDir, brick: [`option index ${index}`] };
      let served = await serveNfs(t, options);
      const all = names.flatMap(name => [name, `${name}-new`, `${name}-dir`]);
      const handles = await Promise.all(all.map(name => served.handle(name)));
      const root = opaque(await served.handle(''));
      if (known === 'by its handle alone') served = await serveNfs(t, options); // a restart, as clients see it
      const ask = (proc: number, args: string) => served.exchange(call('nfs3', proc, args));
      for (const [i, handle] of handles.entries()) {
        const expected = `${accepted} ${OK} ${fattr3(join(dir, all[i]!))}`;
        expectReply(t, await ask(GETATTR, opaque(handle)), expected, all[i]!);
      }
      const remembered = () => served.volume.table.stats().inodes;
      t.equal(remembered(), 1 + all.length);
      const succeed = async (proc: number, args: string, what: string) =>
        t.equal((await ask(proc, args)).readUInt32BE(24), 0, what);
      await succeed(LINK, `${opaque(handles[0]!)} ${root} ${text('other-name')}`, 'LINK');
      for (const name of names) {
        await succeed(RMDIR, `${root} ${text(`${name}-dir`)}`, `RMDIR ${name}-dir`);
        await succeed(RENAME, `${root} ${text(name)} ${root} ${text(`${name}-new`)}`, `RENAME ${name}`);
      }
      t.equal(remembered(), 1 + names.length, 'the renamed files remain');
      for (const name of names) await succeed(REMOVE, `${root} ${text(`${name}-new`)}`, `REMOVE ${name}-new`);
      t.ok(remembered() <= 2, 'at most the object with another name remains');
      const left = `${accepted} ${OK} ${fattr3(join(dir, 'other-name'))}`;
      expectReply(t, await ask(GETATTR, opaque(handles[0]!)), left, 'the object with another name');
    });
