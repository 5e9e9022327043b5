/** Compiled code is kept for the next command, which then takes a third of the processor time. */
import { lstatSync, mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The cached code is run, so that whoever can write there can do what this process can. */
const OTHERS_MAY_WRITE = 0o022;

/**
 * Uses `/var/cache/bricknfs` as root, and `~/.cache/bricknfs` otherwise (XDG Base Directory Specification). Nothing is
 * kept where the directory cannot be made, or is not this user's alone. With NODE_COMPILE_CACHE, Node.js has its own.
 */
export function useCompileCache(): void {
  try {
    const uid = process.geteuid!();
    if (uid !== process.getuid!()) return;
    const directory = cacheDirectory(uid);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const found = lstatSync(directory);
    if (found.isDirectory() && found.uid === uid && (found.mode & OTHERS_MAY_WRITE) === 0)
      enableCompileCache(directory);
  } catch {
    // Without a cache it is slower.
  }
}

function cacheDirectory(uid: number): string {
  if (uid === 0) return '/var/cache/bricknfs';
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'bricknfs');
}
