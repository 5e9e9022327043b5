/**
 * Lists large directories in small and in large pages while names come and go and servers are killed. Each name that is
 * there throughout is listed exactly once, and no server grows. `node test/faults/directory.ts` does the same with a
 * million names.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { enterNamespaces } from '../support/namespace.ts';
import type { Manner } from './directory/lister.ts';
import { type DirectoryOptions, listing } from './directory/run.ts';
import { summary } from './directory.ts';
import { ext4 } from './full-disk.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(10 * 60_000);

const MiB = 1024 * 1024;
/** An idle server has 120 MiB. The limit leaves room for a young heap and buffers, and no more. */
const RSS_MAX_BYTES = 400 * MiB;
/** The descriptors of listings, of the directory and of connections. */
const DESCRIPTORS_MORE_MAX = 64;

const plain = (bytes: number): Manner => ({ plus: false, bytes });
const plus = (bytes: number): Manner => ({ plus: true, bytes });

function onExt4(t: Test, entries: number): string {
  return ext4(t, { mib: 64 + entries / 1000 }, '-N', `${Math.round(entries * 1.2) + 20_000}`).dir;
}

function onTmpfs(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'bricknfs-directory-'));
  execFileSync('mount', ['-t', 'tmpfs', 'none', dir]);
  t.teardown(() => {
    execFileSync('umount', ['-l', dir]);
    rmSync(dir, { recursive: true });
  });
  return dir;
}

async function listed(t: Test, options: DirectoryOptions): Promise<void> {
  const outcome = await listing(options);
  for (const line of summary(outcome)) t.comment(line);
  t.strictSame(outcome.failures, [], 'each name that stays is listed once');
  const { outcomes, kills, fresh, peaks, made, removed } = outcome;
  t.equal(kills, options.kills, 'servers were killed in the middle');
  t.ok(made > 0 && removed > 0, 'names came and went in the meantime');
  const cookieMax = options.narrow ? 2n ** 32n : 2n ** 63n;
  for (const { manner, entries, pages, bare, cookieMax: highest } of outcomes) {
    const what = `${manner.plus ? 'READDIRPLUS' : 'READDIR'} ${manner.bytes}`;
    t.ok(entries >= options.entries && pages > 1, `${what}: ${entries} entries in ${pages} pages`);
    t.ok(highest < cookieMax, `${what}: cookies of ${options.narrow ? 32 : 63} bits`);
    // A name has no attributes only if it is removed at that very moment.
    t.ok(bare < 100, `${what}: ${bare} entries without attributes`);
  }
  for (const { rssBytes, descriptors } of peaks) {
    t.ok(rssBytes < RSS_MAX_BYTES, `${(rssBytes / MiB).toFixed(0)} MiB resident at most`);
    t.ok(descriptors <= fresh.descriptors + DESCRIPTORS_MORE_MAX, `${descriptors} descriptors at most`);
  }
}

void t.test('ext4, with the kernel’s file handles', async t => {
  const manners = [plain(512), plus(1024), plain(32_768), plus(32_768), plus(MiB)];
  const entries = 200_000;
  await listed(t, { home: onExt4(t, entries), entries, mode: 'handles', kills: 2, manners, narrow: false });
});

void t.test('ext4, with cookies of 32 bits', async t => {
  const entries = 100_000;
  const manners = [plain(512), plus(4096), plus(32_768)];
  await listed(t, { home: onExt4(t, entries), entries, mode: 'handles', kills: 2, manners, narrow: true });
});

void t.test('tmpfs, with the index', async t => {
  const manners = [plain(512), plus(1024), plus(32_768)];
  await listed(t, { home: onTmpfs(t), entries: 50_000, mode: 'index', kills: 2, manners, narrow: false });
});
