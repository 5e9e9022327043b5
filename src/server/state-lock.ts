/**
 * One server owns a state directory: the mount table, the control socket's place and the bricks' indexes would not
 * survive two. The kernel keeps the lock, and gives it back when the server has ended, even when it was killed.
 */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isStillAt, tryLock } from '../sys/file-lock.ts';
import { ForeignFileError, openOwn } from '../sys/own-files.ts';
import { isProcess, pidNamespace } from '../sys/processes.ts';

const { O_CREAT, O_RDWR } = constants;
const NAME = 'lock';
const BYTES_MAX = 16 * 1024;
/** The owner writes who it is right after it got the lock; and a lock's file may have been removed in that moment. */
const TRIES = 20;
const TRY_MS = 25;

/** What the owner says of itself. */
export interface Owner {
  readonly pid: number;
  /** Of the process number, see `pidNamespace`. */
  readonly namespace: string;
  /** The first export's path, and how many more there are. */
  readonly serves: string;
  readonly more: number;
  /** `host:port` */
  readonly listens: string;
}

export class StateLock implements AsyncDisposable {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @throws {Error} another server owns the directory: it says which one, and what to do */
  static async take(stateDir: string, serves: readonly string[], listens: string): Promise<StateLock> {
    const path = join(stateDir, NAME);
    const own: Owner = {
      pid: process.pid,
      namespace: pidNamespace(),
      serves: serves[0] ?? '',
      more: Math.max(0, serves.length - 1),
      listens,
    };
    let other: Owner | undefined;
    for (let tries = 0; tries < TRIES && other === undefined; tries++) {
      if (tries > 0) await sleep(TRY_MS); // oxlint-disable-line no-await-in-loop -- the owner is just writing
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      const taken = await tryOnce(path, own).catch((cause: Error) => {
        const message = `the state directory ${stateDir} cannot be locked: ${cause.message}`;
        throw cause instanceof ForeignFileError
          ? cause
          : new Error(`${message}; choose another with --state-dir`, { cause });
      });
      if (typeof taken !== 'string') return new StateLock(taken);
      other = ownerIn(taken);
    }
    throw new Error(
      `the state directory ${stateDir} is in use by ${described(other)}: ` +
        'stop that one, or give this one a directory of its own with --state-dir',
    );
  }

  /** Gives the lock back. The file stays: to remove it would let two others lock two files of one name. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.truncate().catch(() => {});
    await this.#file.close();
  }
}

/** The locked file; or what the owner has written, if another has the lock; or `''` to try again. */
async function tryOnce(path: string, owner: Owner): Promise<FileHandle | string> {
  const file = await openOwn(path, { flags: O_RDWR | O_CREAT });
  let locked = false;
  try {
    locked = tryLock(file);
    if (!locked) {
      const buffer = Buffer.alloc(BYTES_MAX);
      const { bytesRead } = await file.read(buffer, 0, BYTES_MAX, 0);
      return buffer.toString('utf8', 0, bytesRead);
    }
    locked = await isStillAt(file, path);
    if (!locked) return '';
    await say(file, owner);
    return file;
  } finally {
    if (!locked) await file.close();
  }
}

/** On a full disk the lock holds without a word. */
async function say(file: FileHandle, owner: Owner): Promise<void> {
  const text = Buffer.from(`${JSON.stringify(owner)}\n`);
  try {
    await file.truncate();
    if (text.length <= BYTES_MAX) await file.write(text, 0, text.length, 0);
  } catch {
    // Another start is told that the directory is in use, only not by which process.
  }
}

/** The owner that `text` tells of; `undefined` if it tells of none, or of one that was killed. */
function ownerIn(text: string): Owner | undefined {
  let owner: Partial<Owner>;
  try {
    owner = JSON.parse(text) as Partial<Owner>;
  } catch {
    return undefined;
  }
  const { pid, serves, more, listens, namespace } = owner;
  const isWhole = typeof serves === 'string' && typeof listens === 'string' && typeof namespace === 'string';
  if (!isWhole || !Number.isSafeInteger(pid) || !Number.isSafeInteger(more)) return undefined;
  return namespace !== pidNamespace() || isProcess(pid!) ? (owner as Owner) : undefined;
}

function described(owner: Owner | undefined): string {
  if (owner === undefined) return 'another bricknfs';
  const { pid, namespace, serves, more, listens } = owner;
  const elsewhere = namespace === pidNamespace() ? '' : ' (of another container)';
  const others = more > 0 ? ` and ${more} more` : '';
  return `bricknfs, process ${pid}${elsewhere}, which serves ${serves || 'nothing'}${others} on ${listens}`;
}
