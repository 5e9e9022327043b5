/** Keeps compiled code for the next command, which then takes a third of the processor time. */
import { lstatSync, mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The mode bits that the cache must not have. Cached code is run, so any user who can write there could do what this
 * process can.
 */
const OTHERS_MAY_WRITE = 0o022;

/**
 * Uses `/var/cache/bricknfs` as root, and `~/.cache/bricknfs` otherwise (XDG Base Directory Specification). Nothing is
 * cached if the directory cannot be made, belongs to another user, or can be written to by others. With
 * NODE_COMPILE_CACHE, Node.js uses a cache of its own.
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
    // The command works without a cache, but more slowly.
  }
}

function cacheDirectory(uid: number): string {
  if (uid === 0) return '/var/cache/bricknfs';
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'bricknfs');
}
