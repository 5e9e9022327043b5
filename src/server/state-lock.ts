/**
 * Lets one server at a time own a state directory, since two would corrupt the mount table, the control socket and the
 * bricks' indexes. The kernel holds the lock and releases it when the server has ended, even when it was killed.
 */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isStillAt, tryLock } from '../sys/files/file-lock.ts';
import { ForeignFileError, openOwn } from '../sys/files/own-files.ts';
import { isProcess, pidNamespace } from '../sys/process/processes.ts';

const { O_CREAT, O_RDWR } = constants;
const NAME = 'lock';
/** The most bytes of an owner's description. */
const BYTES_MAX = 16 * 1024;
/**
 * How often taking the lock is tried. The owner describes itself in the file just after it has taken the lock, so the
 * file may still be empty; and the file may have been removed meanwhile.
 */
const TRIES = 20;
const TRY_MS = 25;

/** What the owner writes into the file of the lock. */
export interface Owner {
  readonly pid: number;
  /** The pid namespace in which `pid` is valid; see `pidNamespace`. */
  readonly namespace: string;
  /** The path of the first export, and the number of further ones. */
  readonly serves: string;
  readonly more: number;
  /** The address on which it listens, `host:port`. */
  readonly listens: string;
}

export class StateLock implements AsyncDisposable {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /**
   * Takes the lock.
   * @throws {Error} another server owns the directory; the message names it and says what to do
   */
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
      if (tries > 0) await sleep(TRY_MS); // the owner may be writing its description
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

  /** Releases the lock. The file stays: if it were removed, two other servers could lock two files of the same name. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.truncate().catch(() => {});
    await this.#file.close();
  }
}

/** Returns the locked file; or what its owner has written, if another process has the lock; or `''` to try again. */
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
    await writeOwner(file, owner);
    return file;
  } finally {
    if (!locked) await file.close();
  }
}

/** Writes the owner's description of itself. On a full disk the lock holds without it. */
async function writeOwner(file: FileHandle, owner: Owner): Promise<void> {
  const text = Buffer.from(`${JSON.stringify(owner)}\n`);
  try {
    await file.truncate();
    if (text.length <= BYTES_MAX) await file.write(text, 0, text.length, 0);
  } catch {
    // Another server is then told that the directory is in use, but not by which process.
  }
}

/** Parses the owner in `text`; `undefined` if there is none, or if it was killed. */
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

/** Describes the owner in an error message. */
function described(owner: Owner | undefined): string {
  if (owner === undefined) return 'another bricknfs';
  const { pid, namespace, serves, more, listens } = owner;
  const elsewhere = namespace === pidNamespace() ? '' : ' (of another container)';
  const others = more > 0 ? ` and ${more} more` : '';
  return `bricknfs, process ${pid}${elsewhere}, which serves ${serves || 'nothing'}${others} on ${listens}`;
}
