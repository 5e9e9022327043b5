/**
 * How much memory the server needs after a client has listed a large directory with the attributes of its entries, while
 * bricks tell the server of changes (`features.cache-invalidation`). The files are made on the bricks themselves, as bricks
 * make them, since a client would need hours for a million.
 *
 *     npx node test/gluster/acceptance/memory.ts [--volume replicate] [--entries 1000000] [--listings 2]
 */
import { randomBytes } from 'node:crypto';
import { closeSync, linkSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import t from 'tap';
import { NFSPROC3 } from '#protocols/nfs3/constants.ts';
import { READDIRPLUS3args, READDIRPLUS3res } from '#protocols/nfs3/directory.ts';
import { setxattr } from '#src/sys/libc.ts';
import { enterBed } from '../support/bed.ts';
import type { Brick } from '../support/bricks.ts';
import type { NfsClient } from '../support/nfs-client.ts';
import { servedVolume } from '../support/serve.ts';
import { GlusterVolume, type Kind } from '../support/volume.ts';

const LISTING_BYTES = 64 * 1024;
const PROGRESS_ENTRIES = 100_000;

const c = (text: string): Buffer => Buffer.from(`${text}\0`);

/** Makes an empty file on a brick: it has its gfid as an attribute, and a link by its gfid. */
function makeOn({ path }: Brick, name: string, gfid: Buffer): void {
  const file = join(path, name);
  closeSync(openSync(file, 'wx', 0o644));
  const hex = gfid.toString('hex');
  if (setxattr(c(file), c('trusted.gfid'), gfid, gfid.length, 0) !== 0) throw new Error(`no trusted.gfid on ${file}`);
  const dir = join(path, '.glusterfs', hex.slice(0, 2), hex.slice(2, 4));
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  linkSync(file, join(dir, hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5')));
}

/** Asks for all entries, and keeps none of them. Returns how many there were, and how many came without attributes. */
async function listed(client: NfsClient, dir: Buffer) {
  let [count, bare] = [0, 0];
  let [cookie, cookieverf] = [0n, Buffer.alloc(8)];
  for (;;) {
    const value = { dir, cookie, cookieverf, dircount: LISTING_BYTES, maxcount: LISTING_BYTES };
    const answer = await client.call(NFSPROC3.READDIRPLUS, READDIRPLUS3args, value, READDIRPLUS3res);
    const { entries, eof } = answer.reply;
    count += entries.length;
    bare += entries.filter(entry => entry.name_attributes === undefined || entry.name_handle === undefined).length;
    if (eof) return { count, bare };
    cookieverf = Buffer.from(answer.cookieverf);
    cookie = entries.at(-1)!.cookie;
  }
}

function residentOf(pid: number): Record<'now' | 'peak', string> {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const mib = (key: string) =>
    `${(Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)![1]) / 1024).toFixed(0)} MiB`;
  return { now: mib('VmRSS'), peak: mib('VmHWM') };
}

enterBed(import.meta.filename);
t.setTimeout(4 * 3600 * 1000);
const { values } = parseArgs({
  options: {
    volume: { type: 'string', default: 'replicate' },
    entries: { type: 'string', default: '1000000' },
    listings: { type: 'string', default: '2' },
  },
});
await t.test('memory after large listings', async t => {
  const entries = Number(values.entries);
  const volume = await GlusterVolume.for(t, values.volume as Kind, {
    'features.cache-invalidation': 'on',
    'features.cache-invalidation-timeout': '600',
  });
  const { server, client } = await servedVolume(t, volume, '-L', 'warn');
  const dir = await client.mkdir(client.root, 'large');
  for (let i = 0; i < entries; i++) {
    const gfid = randomBytes(16);
    for (const brick of volume.bricks) makeOn(brick, `large/an-entry-${i}`, gfid);
    if (i % PROGRESS_ENTRIES === 0) t.comment(`${i} of ${entries} files are made`);
  }
  const pid = server.child.pid!;
  t.comment(`before: ${JSON.stringify(residentOf(pid))}`);
  for (let i = 1; i <= Number(values.listings); i++) {
    const since = performance.now();
    const { count, bare } = await listed(client, dir);
    t.equal(count, entries + 2, 'each entry was listed once');
    const rate = (count / (performance.now() - since)) * 1000;
    const { now, peak } = residentOf(pid);
    t.comment(
      `listing ${i}: ${rate.toFixed(0)} entries/s, ${bare} without attributes; resident ${now}, ${peak} at most`,
    );
  }
});
