/**
 * A mount forgets what the kernel forgets, however many files were looked up. Rounds of more files show its memory:
 *
 *     FUSE_FILES=50000 FUSE_ROUNDS=20 npx tap --disable-coverage test/integration/fuse-forgets.itest.ts
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { dump, folders, mounting, type Started } from '../cli/harness.ts';
import { enterNamespaces } from '../support/namespace.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(1_800_000);

const run = promisify(execFile);
const FILES = Number(process.env['FUSE_FILES'] ?? 5000);
const ROUNDS = Number(process.env['FUSE_ROUNDS'] ?? 3);

/** A value of the state dump. */
async function count(mount: Started, name: string): Promise<number> {
  return Number(new RegExp(`^${name}=(\\d+)$`, 'm').exec(readFileSync(await dump(mount), 'latin1'))![1]);
}

t.test(`${ROUNDS * FILES} files are looked up and forgotten`, async t => {
  const { data, mnt, state } = folders(t, 'data', 'mnt', 'state');
  const mount = await mounting(t, ['--state-dir', state, data, mnt]);
  const before = await count(mount, 'nodes');
  const descriptors: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const name = `round-${round}`;
    mkdirSync(join(data, name));
    for (let i = 0; i < FILES; i++) writeFileSync(join(data, name, `file-${i}`), '');
    const { stdout } = await run('sh', ['-c', 'find "$1" -type f -empty -printf x | wc -c', 'sh', join(mnt, name)]);
    t.equal(Number(stdout), FILES);
    t.ok((await count(mount, 'nodes')) > before + FILES / 2, 'the kernel knows many of them');
    // The kernel drops what is not in use, and a directory only after what is in it.
    while ((await count(mount, 'nodes')) > before) writeFileSync('/proc/sys/vm/drop_caches', '2');
    const [resident, open] = [await count(mount, 'rss-bytes'), readdirSync(`/proc/${mount.child.pid!}/fd`).length];
    t.comment(`round ${round}: ${(resident / 2 ** 20).toFixed()} MiB, ${open} descriptors`);
    descriptors.push(open);
    rmSync(join(data, name), { recursive: true });
  }
  // The brick keeps some files open, in case they are used again; their number reaches its limit in the second round.
  t.ok(descriptors.at(-1)! <= descriptors[1]! + 1, `descriptors: ${descriptors.join()}`);
  await run('umount', [mnt]);
});
