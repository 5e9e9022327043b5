/**
 * Opens files that the server keeps for itself, at paths where others may have put something beforehand: a symlink, a
 * fifo, a file of another user. None of these is followed, waited for, or taken for the server's own.
 */
import { randomBytes } from 'node:crypto';
import { constants, lstatSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY, O_RDONLY, O_WRONLY } = constants;
/** Without O_NONBLOCK the opening of a fifo would wait for its other end. */
const CAREFULLY = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

const ROOT_UID = 0;

/** The object at one of the server's paths must not be used. The message says what it is, and what to do. */
export class ForeignFileError extends Error {
  override name = 'ForeignFileError';
}

export interface OwnFileOptions {
  /** Flags for open(2) besides those that this module adds. */
  readonly flags?: number;
  /** The mode of a file that is created. */
  readonly mode?: number;
  /** Whether a file that belongs to root is accepted, besides one of the server's own user. */
  readonly orRoots?: boolean;
}

/**
 * Opens a regular file that belongs to the server's user.
 * @throws {ForeignFileError} it is something else
 * @throws whatever open(2) fails with
 */
export async function openOwn(path: string, options: OwnFileOptions = {}): Promise<FileHandle> {
  const { flags = O_RDONLY, mode = 0o600, orRoots = false } = options;
  let file: FileHandle;
  try {
    file = await open(path, flags | CAREFULLY, mode);
  } catch (cause) {
    const kind = await kindOf(path, (cause as NodeJS.ErrnoException).code);
    throw kind === undefined ? cause : new ForeignFileError(unusable(path, kind), { cause });
  }
  try {
    refuseForeign(path, await file.stat(), orRoots);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Describes what is at the path, if that is why it could not be opened as a file. */
async function kindOf(path: string, code: string | undefined): Promise<string | undefined> {
  if (code !== 'ELOOP' && code !== 'ENXIO' && code !== 'EISDIR') return undefined;
  const found = await lstat(path).catch(() => undefined);
  return found === undefined || found.isFile() ? undefined : nameOf(found);
}

function nameOf(found: Stats): string {
  if (found.isSymbolicLink()) return 'a symlink, which is not followed';
  if (found.isDirectory()) return 'a directory';
  if (found.isFIFO()) return 'a fifo';
  if (found.isSocket()) return 'a socket';
  return 'a device';
}

const unusable = (path: string, kind: string) => `expected a regular file at ${path}, found ${kind}: remove it`;

/** @throws {ForeignFileError} */
function refuseForeign(path: string, found: Stats, orRoots: boolean): void {
  if (!found.isFile()) throw new ForeignFileError(unusable(path, nameOf(found)));
  const uid = process.geteuid!();
  if (found.uid === uid || (orRoots && found.uid === ROOT_UID)) return;
  throw new ForeignFileError(
    `${path} belongs to uid ${found.uid}, and not to the user of this server (uid ${uid}): ` +
      `if its content is to be trusted, "chown ${uid} ${path}"; otherwise remove it`,
  );
}

/**
 * Checks a file that a user has named and that may be a symlink, such as a log. A symlink that another user has put
 * there is refused.
 */
export function refuseForeignLink(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found?.isSymbolicLink() || found.uid === process.geteuid!() || found.uid === ROOT_UID) return;
  throw new ForeignFileError(`${path} is a symlink of uid ${found.uid}, which is not followed: remove it`);
}

/** Reads a file of the server's own. @throws {Error} it has more than `bytesMax` bytes; and as {@link openOwn} */
export async function readOwn(path: string, bytesMax: number, options?: OwnFileOptions): Promise<Buffer> {
  await using file = await openOwn(path, options);
  const { size } = await file.stat();
  if (size > bytesMax) throw new Error(`${path} is ${size} bytes long; at most ${bytesMax} are read`);
  return await file.readFile();
}

/**
 * Replaces a file atomically: readers see the old content or the new, even after a crash. Whatever was at `path` is
 * replaced, even a symlink.
 */
export async function replaceOwn(path: string, content: Buffer, mode: number): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeNew(temporary, content, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

/** Writes a new file durably. @throws EEXIST there is something at `path` */
export async function writeNew(path: string, content: Buffer, mode: number): Promise<void> {
  await using file = await open(path, O_WRONLY | O_CREAT | O_EXCL | CAREFULLY, mode);
  await file.writeFile(content);
  await file.sync();
}

const TEMPORARY = /^(.+)\.[0-9a-f]{16}\.tmp$/;

/** A name beside `path` that cannot be guessed. */
export const temporaryName = (path: string): string => `${path}.${randomBytes(8).toString('hex')}.tmp`;

/** Removes temporary files for `path` that a killed server has left. Only the single writer of `path` may call this. */
export async function removeTemporaries(path: string): Promise<void> {
  const dir = dirname(path);
  const names = await readdir(dir).catch((): string[] => []);
  const stale = names.filter(name => TEMPORARY.exec(name)?.[1] === basename(path));
  await Promise.all(stale.map(name => rm(join(dir, name), { force: true }).catch(() => {})));
}
