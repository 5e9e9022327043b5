/** Listings that are read ahead from real bricks: what a client changes meanwhile is seen, and bricks tell no entry twice. */
import t from 'tap';
import { NFSPROC3 } from '#protocols/nfs3/constants.ts';
import { READDIRPLUS3args, READDIRPLUS3res } from '#protocols/nfs3/directory.ts';
import { enterBed } from './support/bed.ts';
import type { NfsClient } from './support/nfs-client.ts';
import { servedVolume } from './support/serve.ts';
import { GlusterVolume, type Kind } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(600_000);

const FILES = 400;
const PAGE_BYTES = 4096;

async function page(client: NfsClient, dir: Buffer, cookie: bigint) {
  const value = { dir, cookie, cookieverf: Buffer.alloc(8), dircount: PAGE_BYTES, maxcount: PAGE_BYTES };
  const { reply } = await client.call(NFSPROC3.READDIRPLUS, READDIRPLUS3args, value, READDIRPLUS3res);
  return reply;
}

for (const kind of ['replicate', 'disperse', 'distribute'] as const satisfies readonly Kind[]) {
  t.test(`${kind}: what is written between two pages is listed`, async t => {
    const volume = await GlusterVolume.for(t, kind);
    const { client } = await servedVolume(t, volume);
    const dir = await client.mkdir(client.root, 'listed');
    const names = Array.from({ length: FILES }, (_, i) => `file-${i}`);
    const files = new Map(await Promise.all(names.map(async name => [name, await client.create(dir, name)] as const)));
    const order = (await client.list(dir)).map(({ name }) => name).filter(name => files.has(name));
    t.strictSame(order.toSorted(), names.toSorted());

    await volume.startProfile();
    let pages = 0;
    const listed = async (between: (behind: string) => Promise<unknown>) => {
      const told: { name: string; size: number | undefined }[] = [];
      for (let [cookie, eof] = [0n, false]; !eof; pages++) {
        const reply = await page(client, dir, cookie);
        for (const { name, name_attributes } of reply.entries) {
          if (files.has(name)) told.push({ name, size: name_attributes?.size });
        }
        eof = reply.eof;
        cookie = reply.entries.at(-1)?.cookie ?? cookie;
        const next = order[told.length];
        if (next !== undefined) await between(next);
      }
      t.strictSame(
        told.map(({ name }) => name),
        order,
      );
      return told;
    };

    await listed(async () => {});
    const calls = (await volume.profile()).get('READDIRP') ?? 0;
    t.ok(calls <= pages + volume.bricks.length, `${pages} pages took ${calls} calls`);

    const written = new Set<string>();
    const told = await listed(async next => {
      written.add(next);
      await client.write(files.get(next)!, Buffer.from('written'), 0);
    });
    t.ok(written.size > 5);
    const wrong = told.filter(({ name, size }) => written.has(name) && size !== undefined && size !== 7);
    t.strictSame(wrong, [], 'what was written is seen');
  });
}
