/** The folder of the server's own that survives restarts: the key of file handles, rmtab, the bricks' indexes. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const KEY_BYTES = 16;

/** `/var/lib/bricknfs` for root, below the home directory for others (XDG Base Directory Specification). */
export function defaultStateDir(env: NodeJS.ProcessEnv = process.env): string {
  if (process.geteuid?.() === 0) return '/var/lib/bricknfs';
  return join(env['XDG_STATE_HOME'] || join(homeDir(), '.local', 'state'), 'bricknfs');
}

/** @throws {Error} this user has no home directory */
function homeDir(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new Error('expected --state-dir, since HOME is not set and this user has no home directory', { cause });
  }
}

export async function openStateDir(path: string): Promise<void> {
  try {
    await makeDir(path);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new Error(`expected a state directory that can be written (--state-dir), found ${path}: ${why}`, { cause });
  }
}

/** As mkdir -p. Node's own never ends where the kernel says that a directory which is there is not (/proc). */
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

/** The key of file handles: made at the first start, the same from then on, or no handle would outlive a restart. */
export async function handleKey(stateDir: string): Promise<Buffer> {
  const path = join(stateDir, 'handle.key');
  try {
    return await read(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await makeKey(path);
  await using dir = await open(stateDir, 'r');
  await dir.sync();
  return read(path);
}

/** It is there whole or not at all, also for another server that starts now. */
async function makeKey(path: string): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    await using file = await open(temporary, 'w', 0o600);
    await file.write(randomBytes(KEY_BYTES));
    await file.sync();
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // the other was faster: its key is taken
  } finally {
    await rm(temporary, { force: true });
  }
}

async function read(path: string): Promise<Buffer> {
  const key = await readFile(path);
  if (key.length !== KEY_BYTES) {
    const found = `${key.length} in ${path}`;
    throw new Error(`expected a key of ${KEY_BYTES} bytes, found ${found}; without it no client's handle is good`);
  }
  return key;
}
