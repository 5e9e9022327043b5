/** What is measured of a volume through an NFS server: each row makes what it needs, then is timed. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { NFSPROC3, stable_how } from '#protocols/nfs3/constants.ts';
import { READ3args, WRITE3args } from '#protocols/nfs3/file.ts';
import { type Address, Connection } from '../../bench/connection.ts';
import { nfsRecord } from '../../bench/session.ts';
import type { NfsClient } from '../support/nfs-client.ts';

export interface Measured {
  /** Operations per second, or MiB per second. */
  readonly rate: number;
  /** All operations, also those of a warm-up: for the calls to bricks and the processor time of each. */
  readonly operations: number;
}

export const UNTAR_FILES = 2000;
export const LISTED_FILES = 5000;
export const SMALL_BYTES = 4096;
export const LARGE_BYTES = 64 * 2 ** 20;
export const BULK_SECONDS = 5;
/** How long a server does the calls of a row before they are timed: its code is compiled, and its threads are there. */
const WARM_UP_SECONDS = 3;
/** More than the reply to a WRITE that has failed. */
const REPLY_BYTES_MIN = 100;
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

/** Reads, or writes, in one large file. */
export interface Bulk {
  readonly kind: 'read' | 'write';
  readonly bytes: number;
  readonly inFlight: number;
  /** Whether each call is about the part behind that of the call before it, or about any part. */
  readonly sequential: boolean;
}

export const BULK = {
  'write 1M': { kind: 'write', bytes: MiB, inFlight: IN_FLIGHT / 2, sequential: true },
  'write 4K': { kind: 'write', bytes: SMALL_BYTES, inFlight: IN_FLIGHT, sequential: false },
  'read 1M': { kind: 'read', bytes: MiB, inFlight: IN_FLIGHT / 2, sequential: true },
  'read 4K': { kind: 'read', bytes: SMALL_BYTES, inFlight: IN_FLIGHT, sequential: false },
} as const satisfies Record<string, Bulk>;

/** The calls of one slot. A slot that reads or writes in sequence takes every nth part, so that all together take each. */
function callsOf(file: Buffer, { kind, bytes, inFlight, sequential }: Bulk, slot: number): Buffer[] {
  const parts = LARGE_BYTES / bytes;
  const data = Buffer.alloc(bytes);
  return Array.from({ length: Math.floor(parts / inFlight) }, (_, i) => {
    const offset = bytes * (sequential ? i * inFlight + slot : Math.floor(Math.random() * parts));
    if (kind === 'read') return nfsRecord(NFSPROC3.READ, READ3args, { file, offset, count: bytes });
    const value = { file, offset, count: bytes, stable: stable_how.UNSTABLE, data };
    return Buffer.from(nfsRecord(NFSPROC3.WRITE, WRITE3args, value).subarray(0, -bytes));
  });
}

/**
 * Some calls at a time on one connection, for some seconds after a warm-up, by a generator that encodes and decodes nothing
 * meanwhile: it shares the machine with the server and the bricks. What was written is committed, which belongs to the time.
 */
export async function bulk(client: NfsClient, address: Address, file: Buffer, what: Bulk): Promise<Measured> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  const tally = { done: 0, stopping: false, fail: reject };
  const lists = Array.from({ length: what.inFlight }, (_, slot) => callsOf(file, what, slot));
  const isRead = what.kind === 'read';
  const payload = isRead ? undefined : randomBytes(what.bytes);
  const connection = new Connection(address, isRead ? what.bytes : REPLY_BYTES_MIN, { lists, payload }, tally);
  let before = { done: 0, at: 0 };
  const run = async () => {
    await connection.start();
    await sleep(WARM_UP_SECONDS * 1000);
    before = { done: tally.done, at: performance.now() };
    await sleep(BULK_SECONDS * 1000);
    tally.stopping = true;
    await connection.idle();
    if (!isRead) await client.commit(file);
  };
  await Promise.race([run(), failed]);
  connection.end();
  return { rate: (tally.done - before.done) / seconds(before.at), operations: tally.done };
}
