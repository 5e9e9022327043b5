/** What the tests of a failing index share. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Iatt } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import { silent } from '#src/log.ts';
import { asServer } from '#src/sys/process/identity.ts';
import type { PlaceIndex } from '#src/xlators/storage/posix/index/places.ts';
import { openBrick, type OpenBrick } from '#src/xlators/storage/posix/start.ts';
import { codeOf, type Place, root, type Tap, type TestBrick } from '../support/brick-test.ts';

export const byIndex = { index: 'on' } as const;
export const guarded = { mode: 'guarded', attr: { mode: 0o644 } } as const;

/** The inode as it comes out of a file handle, with nothing remembered of it. */
export const fresh = ({ gfid, type }: Pick<Iatt, 'gfid' | 'type'>): Inode => new Inode(Buffer.from(gfid), type);

/** Repeats a call until the answer is not to come again later. */
export async function patiently(ask: () => Promise<unknown>): Promise<unknown> {
  for (let tries = 0; tries < 1000; tries++) {
    const answer = await codeOf(ask());
    if (answer !== 'EJUKEBOX') return answer;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return 'EJUKEBOX for ever';
}

/** How many of the objects a brick knows by their handles alone. */
export async function known({ fops }: TestBrick, all: readonly Pick<Iatt, 'gfid' | 'type'>[]): Promise<number> {
  let count = 0;
  for (const one of all) {
    if (typeof (await patiently(() => fops.stat(root, fresh(one)))) === 'object') count++;
  }
  return count;
}

/** The index that an open brick finds objects by. */
export const indexOf = ({ brick }: OpenBrick): PlaceIndex => brick.objects.finder as PlaceIndex;

export function indexFiles({ stateDir }: Place): string[] {
  asServer();
  return readdirSync(stateDir)
    .filter(name => name.endsWith('.index'))
    .map(name => join(stateDir, name));
}

/** The number of rows of the table. */
export function rowsOf(place: Place, table = 'place'): number {
  const db = new DatabaseSync(indexFiles(place)[0]!);
  const { rows } = db.prepare(`SELECT count(*) AS rows FROM ${table}`).get() as { rows: number };
  db.close();
  return rows;
}

/** Runs `sql` in the index in another process, which then holds its locks. Returns a function that ends the process. */
export async function otherProcess(t: Tap, file: string, sql: string): Promise<() => Promise<void>> {
  const text = `
    const { DatabaseSync } = require('node:sqlite');
    globalThis.db = new DatabaseSync(${JSON.stringify(file)}, { timeout: 5000 });
    db.exec(${JSON.stringify(sql)});
    console.log('done');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['-e', text], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const end = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  t.teardown(end);
  await once(child.stdout, 'data');
  return end;
}

/** A brick whose parts the test can reach. */
export async function openParts(t: Tap, { dir, stateDir }: Place, name = 'brick'): Promise<OpenBrick> {
  const options = { directory: dir, 'sync-metadata': false, index: 'on', descriptors: 0 } as const;
  const opened = await openBrick(name, 0, options, { log: silent, stateDir, stage: 0 }, silent, () => {});
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= opened.close());
  t.teardown(close);
  return { ...opened, close };
}
