/** The state directory, which keeps the key of file handles, the rmtab file and the bricks' indexes across restarts. */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, type Stats } from 'node:fs';
import { link, lstat, mkdir, open, realpath, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { openOwn, removeTemporaries, temporaryName, writeNew } from '../sys/files/own-files.ts';
import { bytesOfText } from '../wire-text.ts';

const KEY_BYTES = 16;
/** The bits of a mode that let users other than the owner write, and those that give them any access. */
const OTHERS_WRITE = 0o022;
const OTHERS_ANY = 0o077;
/**
 * The bits of a directory in which everybody may make files and only their owners may remove them: the sticky bit, and
 * write permission for others.
 */
const EVERYBODYS = 0o1002;

/**
 * The server of this port uses the base directory itself, as all servers did before each port had its own directory.
 */
const USUAL_PORT = 2049;
const OF_PORT = /^port-\d{1,5}$/;
const OF_PORT_OR_USER = /^(port-\d{1,5}|uid-\d{1,10})$/;

/** `/var/lib/bricknfs` for root, below the home directory for others (XDG Base Directory Specification). */
function baseDir(env: NodeJS.ProcessEnv): string {
  if (process.geteuid?.() === 0) return '/var/lib/bricknfs';
  const xdg = env['XDG_STATE_HOME'];
  // The specification requires that relative paths be ignored.
  return join(xdg && isAbsolute(xdg) ? xdg : join(homeDir(), '.local', 'state'), 'bricknfs');
}

/** @throws {Error} this user has no home directory */
function homeDir(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new Error('expected --state-dir, since HOME is not set and this user has no home directory', { cause });
  }
}

/** The directory of a server without --state-dir. Each port has its own, so that one user can run several servers. */
export function defaultStateDir(port: number, env: NodeJS.ProcessEnv = process.env): string {
  return port === USUAL_PORT ? baseDir(env) : join(baseDir(env), `port-${port}`);
}

/** The longest name of a mount's directory; longer paths become a hash. */
const MOUNT_NAME_MAX = 200;

/** The directory of a mount without --state-dir. Each mountpoint, which is an absolute path, has its own. */
export function mountStateDir(mountpoint: string, env: NodeJS.ProcessEnv = process.env): string {
  const name = bytesOfText(mountpoint).toString('latin1').slice(1).replaceAll('-', '--').replaceAll('/', '-');
  const isShort = name.length <= MOUNT_NAME_MAX && /^[\x21-\x7e]+$/.test(name);
  const known = isShort ? name : createHash('sha256').update(mountpoint).digest('hex');
  return join(baseDir(env), `mount-${known}`);
}

/** All existing directories that {@link defaultStateDir} may return, and the base directory itself. */
export function defaultStateDirs(env: NodeJS.ProcessEnv = process.env): string[] {
  const base = baseDir(env);
  let names: string[] = [];
  try {
    names = readdirSync(base);
  } catch {
    // An error of the base directory is reported when it is searched.
  }
  return [base, ...names.filter(name => OF_PORT.test(name)).map(name => join(base, name))];
}

/** The name of a user's own directory inside a directory that everybody may write to. */
const ofUser = (): string => `uid-${process.geteuid!()}`;

/** Where the state may be when `path` was given with --state-dir: see {@link openStateDir}. */
export const stateDirsIn = (path: string): string[] => [path, join(path, ofUser())];

/**
 * Makes the directory if there is none, and returns the real path of the state, in which no symlink can be changed any
 * more. In a directory where everybody may make files and only their owners may remove them, such as /tmp or the one of
 * the container image, the state is in a directory of the server's user.
 * @throws {Error} it cannot be made, or users other than its owner could put files into it
 */
export async function openStateDir(path: string): Promise<string> {
  let dir: string;
  let found: Stats;
  try {
    await makeDir(path);
    const [given, behind] = await Promise.all([lstat(path), realpath(path)]);
    if (given.isSymbolicLink()) refuseForeign(path, given, 'the symlink');
    dir = behind;
    found = await stat(dir);
  } catch (cause) {
    if (cause instanceof StateDirError) throw cause;
    const why = (cause as Error).message;
    throw new Error(`expected a state directory that can be written (--state-dir), found ${path}: ${why}`, { cause });
  }
  refuseForeign(dir, found, 'the state directory');
  if ((found.mode & EVERYBODYS) === EVERYBODYS) return openStateDir(join(dir, ofUser()));
  if ((found.mode & OTHERS_WRITE) !== 0) {
    throw new StateDirError(
      `users other than its owner can write to the state directory ${dir} (mode ${octal(found)}): ` +
        `look at what is in it and "chmod go-w ${dir}", or choose another with --state-dir`,
    );
  }
  return dir;
}

class StateDirError extends Error {}

const octal = ({ mode }: Stats) => `0${(mode & 0o7777).toString(8)}`;

/** The server's files must not belong to a user other than its own and root. */
function refuseForeign(path: string, { uid }: Stats, what: string): void {
  const own = process.geteuid!();
  if (uid === own || uid === 0) return;
  const found = `${what} ${path} belongs to uid ${uid}, and not to the user of this server (uid ${own})`;
  throw new StateDirError(`${found}: "chown ${own} ${path}", or choose another with --state-dir`);
}

/**
 * Makes the directory and those above it, like mkdir -p. Node's recursive mkdir never ends where mkdir(2) answers
 * ENOENT although the directory above exists, as in /proc.
 */
async function makeDir(path: string): Promise<void> {
  const isHere = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  };
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDir(dirname(path));
    await mkdir(path, { mode: 0o700 }).catch(isHere);
  }
}

/**
 * Reads the key of file handles from `file`, which several servers may have in common, or from the state directory. There
 * it is made at the first start and stays the same, since otherwise no handle would outlive a restart. Only the owner of
 * the directory (state-lock.ts) may call this.
 * @throws {Error} the key is damaged, or other users may know it
 */
export async function handleKey(stateDir: string, file?: string): Promise<Buffer> {
  if (file !== undefined) return readShared(file);
  const path = join(stateDir, 'handle.key');
  await removeTemporaries(path);
  try {
    return await read(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await makeKey(path, (await keyAbove(stateDir)) ?? randomBytes(KEY_BYTES));
  await using dir = await open(stateDir, 'r');
  await dir.sync();
  return await read(path);
}

/**
 * Takes the key over from the parent directory, where the state of this port or user may have been before, so that
 * handles from that time stay valid.
 */
async function keyAbove(stateDir: string): Promise<Buffer | undefined> {
  if (!OF_PORT_OR_USER.test(basename(stateDir))) return undefined;
  try {
    return await read(join(dirname(stateDir), 'handle.key'));
  } catch {
    return undefined; // there is no key that an earlier server could have used
  }
}

/** Makes the key's file such that it is complete or absent, even after a crash. */
async function makeKey(path: string, key: Buffer): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeNew(temporary, key, 0o600);
    await link(temporary, path);
  } catch (cause) {
    throw new Error(`cannot make the key of file handles, ${path}: ${(cause as Error).message}`, { cause });
  } finally {
    await rm(temporary, { force: true });
  }
}

const MOUNT_ANEW = 'without it a new one is made, and all clients have to mount anew';
const COPY_AGAIN = 'copy it from the other server';

/**
 * Reads the key that is in a file of the user's choice. It is never made here: each server would have a key of its own,
 * and this would show only when a client moves from one to the other.
 */
async function readShared(path: string): Promise<Buffer> {
  try {
    return await read(path, COPY_AGAIN, `${COPY_AGAIN} once that one has another key`);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    const make = `make it with "(umask 077; head -c ${KEY_BYTES} /dev/urandom > ${path})"`;
    const message = `expected the key of file handles in ${path} (nfs.handle-key-file), found no file: ${COPY_AGAIN}, or ${make}`;
    throw new Error(message, { cause });
  }
}

/**
 * Reads the key at this path.
 * @param restore What to do if it is damaged.
 * @param replace What to do if others may know it.
 */
async function read(
  path: string,
  restore = `restore it from a backup, or remove it; ${MOUNT_ANEW}`,
  replace = `remove it; ${MOUNT_ANEW}`,
): Promise<Buffer> {
  await using file = await openOwn(path);
  const found = await file.stat();
  if ((found.mode & OTHERS_ANY) !== 0) {
    throw new Error(
      `users other than its owner have access to ${path} (mode ${octal(found)}), and who knows the key can make file ` +
        `handles: "chmod 600 ${path}" if nobody has read it, or else ${replace}`,
    );
  }
  if (found.size !== KEY_BYTES) {
    throw new Error(`expected a key of ${KEY_BYTES} bytes in ${path}, found ${found.size}: ${restore}`);
  }
  return await file.readFile();
}
