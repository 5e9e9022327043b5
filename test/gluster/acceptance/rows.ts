/** What is measured of a volume through an NFS server: each row makes what it needs, then is timed. */
import { randomBytes } from 'node:crypto';
import type { NfsClient } from '../support/nfs-client.ts';

export interface Measured {
  /** Operations per second, or MiB per second. */
  readonly rate: number;
  /** Operations that were timed, for the calls to bricks of each. */
  readonly operations: number;
}

export const UNTAR_FILES = 2000;
export const LISTED_FILES = 5000;
export const SMALL_BYTES = 4096;
export const LARGE_BYTES = 64 * 2 ** 20;
export const RANDOM_SECONDS = 5;
const IN_FLIGHT = 8;
const MiB = 2 ** 20;

export const seconds = (since: number): number => (performance.now() - since) / 1000;

export const untarData = randomBytes(SMALL_BYTES);

/** The calls of a Linux client that unpacks an archive of small files: one file after the other. */
export async function untar(client: NfsClient, dir: Buffer): Promise<Measured> {
  const since = performance.now();
  for (let i = 0; i < UNTAR_FILES; i++) {
    const name = `file-${i}`;
    await client.lookup(dir, name).catch(() => {});
    const file = await client.create(dir, name, 0o644);
    await client.write(file, untarData, 0, 2);
    await client.setattr(file, { mode: 0o640 });
  }
  return { rate: UNTAR_FILES / seconds(since), operations: UNTAR_FILES };
}

/** The calls of `ls -l` in a directory that is not in any cache of the client. */
export async function list(client: NfsClient, dir: Buffer): Promise<Measured> {
  const since = performance.now();
  const entries = await client.list(dir, 32 * 1024);
  // The client asks for what the listing did not tell.
  for (const { name, name_attributes, name_handle } of entries) {
    if (name !== '.' && name !== '..' && (name_attributes === undefined || name_handle === undefined)) {
      await client.getattr(await client.lookup(dir, name));
    }
  }
  if (entries.length !== LISTED_FILES + 2) throw new Error(`listed ${entries.length} entries`);
  return { rate: LISTED_FILES / seconds(since), operations: LISTED_FILES };
}

/** Random reads, or writes, of 4 KiB each in one large file: some at the same time. */
export async function random(client: NfsClient, file: Buffer, kind: 'read' | 'write'): Promise<Measured> {
  const since = performance.now();
  let operations = 0;
  const line = async () => {
    while (seconds(since) < RANDOM_SECONDS) {
      const offset = Math.floor(Math.random() * (LARGE_BYTES / SMALL_BYTES)) * SMALL_BYTES;
      if (kind === 'read') await client.read(file, SMALL_BYTES, offset);
      else await client.write(file, untarData, offset);
      operations++;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, line));
  if (kind === 'write') await client.commit(file);
  return { rate: operations / seconds(since), operations };
}

/** Reads, or writes, a large file in parts of 1 MiB, some at the same time. */
export async function sequential(client: NfsClient, file: Buffer, kind: 'read' | 'write'): Promise<Measured> {
  const since = performance.now();
  const data = randomBytes(MiB);
  let next = 0;
  const line = async () => {
    while (next < LARGE_BYTES) {
      const offset = next;
      next += MiB;
      if (kind === 'read') await client.read(file, MiB, offset);
      else await client.write(file, data, offset);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT / 2 }, line));
  if (kind === 'write') await client.commit(file);
  return { rate: LARGE_BYTES / MiB / seconds(since), operations: LARGE_BYTES / MiB };
}
