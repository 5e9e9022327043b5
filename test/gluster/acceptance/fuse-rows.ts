/** The same rows through GlusterFS's own client, by the programs and system calls that an application makes. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { chmod, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  LARGE_BYTES,
  LISTED_FILES,
  type Measured,
  BULK_SECONDS,
  seconds,
  SMALL_BYTES,
  UNTAR_FILES,
  untarData,
} from './rows.ts';

const run = promisify(execFile);
const IN_FLIGHT = 8;
const MiB = 2 ** 20;

export async function untarFuse(dir: string): Promise<Measured> {
  await mkdir(dir);
  const since = performance.now();
  for (let i = 0; i < UNTAR_FILES; i++) {
    const path = join(dir, `file-${i}`);
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644);
    await file.write(untarData);
    await file.close();
    await chmod(path, 0o640);
  }
  return { rate: UNTAR_FILES / seconds(since), operations: UNTAR_FILES };
}

export async function listFuse(dir: string): Promise<Measured> {
  const since = performance.now();
  const { stdout } = await run('ls', ['-l', dir], { maxBuffer: 64 * MiB });
  const count = stdout.split('\n').length - 2;
  if (count !== LISTED_FILES) throw new Error(`listed ${count} files`);
  return { rate: LISTED_FILES / seconds(since), operations: LISTED_FILES };
}

export async function randomFuse(path: string, kind: 'read' | 'write'): Promise<Measured> {
  const file = await open(path, constants.O_RDWR | constants.O_DIRECT);
  const since = performance.now();
  let operations = 0;
  const line = async () => {
    const buffer = Buffer.alloc(SMALL_BYTES);
    while (seconds(since) < BULK_SECONDS) {
      const offset = Math.floor(Math.random() * (LARGE_BYTES / SMALL_BYTES)) * SMALL_BYTES;
      if (kind === 'read') await file.read(buffer, 0, SMALL_BYTES, offset);
      else await file.write(buffer, 0, SMALL_BYTES, offset);
      operations++;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, line));
  if (kind === 'write') await file.sync();
  await file.close();
  return { rate: operations / seconds(since), operations };
}

export async function sequentialFuse(path: string, kind: 'read' | 'write'): Promise<Measured> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT);
  const since = performance.now();
  const buffer = Buffer.alloc(MiB, 'random enough ');
  for (let at = 0; at < LARGE_BYTES; at += MiB) {
    if (kind === 'read') await file.read(buffer, 0, MiB, at);
    else await file.write(buffer, 0, MiB, at);
  }
  if (kind === 'write') await file.sync();
  await file.close();
  return { rate: LARGE_BYTES / MiB / seconds(since), operations: LARGE_BYTES / MiB };
}
