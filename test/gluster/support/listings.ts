/** Listings of volumes of real GlusterFS whose bricks are killed in the middle of them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { NFSPROC3 } from '#protocols/nfs3/constants.ts';
import { READDIRPLUS3args, READDIRPLUS3res } from '#protocols/nfs3/directory.ts';
import type { NfsClient } from './nfs-client.ts';
import { servedVolume } from './serve.ts';
import { GlusterVolume, type Kind } from './volume.ts';

const FILES = 400;
const PAGE_BYTES = 4096;
const NAMES = ['.', '..', ...Array.from({ length: FILES }, (_, i) => `an-entry-${i}`)].toSorted();

/** The pages of a listing. */
async function* pages(client: NfsClient, dir: Buffer): AsyncGenerator<readonly string[]> {
  for (let cookie = 0n; ;) {
    const value = { dir, cookie, cookieverf: Buffer.alloc(8), dircount: PAGE_BYTES, maxcount: PAGE_BYTES };
    const { reply } = await client.call(NFSPROC3.READDIRPLUS, READDIRPLUS3args, value, READDIRPLUS3res);
    const names = reply.entries.map(({ name }) => name);
    cookie = reply.entries.at(-1)?.cookie ?? cookie;
    yield names;
    if (reply.eof) return;
  }
}

export async function listingsUnderKills(t: Test, kind: Kind): Promise<void> {
  const volume = await GlusterVolume.for(t, kind);
  const mounted = await volume.mount(t);
  for (const dir of ['kept', 'removed']) {
    mkdirSync(join(mounted, dir));
    for (let i = 0; i < FILES; i++) writeFileSync(join(mounted, dir, `an-entry-${i}`), '');
  }
  const { client } = await servedVolume(t, volume);
  const kept = await client.walk('kept');
  // Each of the bricks in turn, since one of them is the one that is read.
  for (const brick of [0, 1, 2]) {
    const told: string[] = [];
    let count = 0;
    for await (const names of pages(client, kept)) {
      told.push(...names);
      if (++count === 3) await volume.signal(brick, 'SIGKILL');
    }
    t.strictSame(told.toSorted(), NAMES, `each name is told once when brick ${brick} is killed`);
    await volume.start();
    await volume.healed();
  }
  const removed = await client.walk('removed');
  const told: string[] = [];
  let count = 0;
  const killed = [...(await volume.pids()).keys()].at(-1)!;
  for await (const names of pages(client, removed)) {
    told.push(...names);
    if (++count === 2) await volume.signal(killed, 'SIGKILL');
    for (const name of names.filter(name => name.startsWith('an-'))) await client.remove(removed, name);
  }
  t.strictSame(told.toSorted(), NAMES);
  await client.rmdir(client.root, 'removed');
  t.pass('nothing was left in the directory');
}
