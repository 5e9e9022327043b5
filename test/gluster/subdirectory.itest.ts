/** A directory of a GlusterFS volume as an export of its own: what lies outside of it cannot be reached. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { enterBed } from './support/bed.ts';
import { NfsClient } from './support/nfs-client.ts';
import { servedVolume } from './support/serve.ts';
import { GlusterVolume } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(300_000);

for (const kind of ['plain', 'distribute', 'replicate', 'disperse'] as const) {
  t.test(`${kind}: a directory is mounted, and left by none of its handles`, async t => {
    const volume = await GlusterVolume.for(t, kind);
    const fuse = await volume.mount(t);
    mkdirSync(join(fuse, 'a/b/c'), { recursive: true });
    writeFileSync(join(fuse, 'a/b/c/f'), 'text');
    writeFileSync(join(fuse, 'outside'), 'secret');
    const { server } = await servedVolume(
      t,
      volume,
      '--xlator-option',
      `nfs-server.nfs3.${volume.name}.export-dir=/a/b`,
    );
    const nfs = await NfsClient.mount(t, server, `/${volume.name}/a/b`);
    const c = await nfs.lookup(nfs.root, 'c');
    t.equal((await nfs.read(await nfs.lookup(c, 'f'))).toString(), 'text');
    t.same(await nfs.lookup(nfs.root, '..'), nfs.root, 'the top of the export is its own parent');
    t.same(await nfs.lookup(c, '..'), nfs.root);
    await nfs.write(await nfs.create(c, 'new'), Buffer.from('new'));
    renameSync(join(fuse, 'a/b/c'), join(fuse, 'moved'));
    await t.rejects(nfs.lookup(c, 'f'), { message: /STALE/ }, 'it has left the export');
    await t.rejects(nfs.create(c, 'more'), { message: /STALE/ });
    t.strictSame((await nfs.list(nfs.root)).map(({ name }) => name).toSorted(), ['.', '..']);
  });
}
