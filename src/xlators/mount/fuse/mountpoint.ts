/** Whether something may be mounted on a directory. */
import type { BigIntStats } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { unescapeOctal } from '../../../octal-escapes.ts';
import { bytesOfText, textOfBytes } from '../../../wire-text.ts';

export interface Used {
  /** The directories of the bricks that are mounted. */
  readonly bricks: readonly string[];
  /** Paths that the process itself uses while it serves. */
  readonly own: readonly string[];
}

const sameObject = (a: BigIntStats, b: BigIntStats): boolean => a.dev === b.dev && a.ino === b.ino;

/** The directory and all above it. */
function ancestors(path: string): string[] {
  const above = dirname(path);
  return above === path ? [path] : [path, ...ancestors(above)];
}

/** Whether `path` is `directory` or below it, whatever the names are: bind mounts give an object several. */
async function isWithin(path: string, directory: BigIntStats): Promise<boolean> {
  for (const one of ancestors(path)) {
    const found = await stat(bytesOfText(one), { bigint: true }).catch(() => {});
    if (found !== undefined && sameObject(found, directory)) return true;
  }
  return false;
}

async function real(path: string): Promise<string> {
  return textOfBytes(await realpath(bytesOfText(path), { encoding: 'buffer' }));
}

async function lookAt(given: string): Promise<{ mountpoint: string; found: BigIntStats }> {
  const mountpoint = await real(given);
  return { mountpoint, found: await stat(bytesOfText(mountpoint), { bigint: true }) };
}

/**
 * Returns the path of the mountpoint without symbolic links. A process that reaches its own mount waits for itself for
 * ever, so neither bricks nor the files of the process may be below the mountpoint, and bricks may not contain it.
 * @throws {Error} nothing can be mounted there
 */
export async function checkMountpoint(given: string, { bricks, own }: Used): Promise<string> {
  const { mountpoint, found } = await lookAt(given).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOTCONN') throw refusal(given, cause.code === 'ENOENT' ? 'nothing' : cause.message);
    throw refusal(given, `a mount that has lost its process: "umount ${given}" removes it`);
  });
  if (!found.isDirectory()) throw refusal(given, 'something else');
  const mounts = (await readFile('/proc/self/mountinfo', 'latin1')).split('\n');
  const isMounted = mounts.some(
    line => unescapeOctal(line.split(' ')[4] ?? '') === bytesOfText(mountpoint).toString('latin1'),
  );
  if (isMounted) throw refusal(given, 'one on which something is mounted');
  for (const brick of bricks) {
    if (await isWithin(mountpoint, await stat(bytesOfText(brick), { bigint: true }))) {
      throw refusal(given, `one in the brick ${brick}: the brick would reach its own mount, and wait for itself`);
    }
    if (await isWithin(await real(brick), found)) {
      throw refusal(given, `one with the brick ${brick} below it: the brick would be reached through its own mount`);
    }
  }
  for (const path of own) {
    if (await isWithin(path, found)) throw refusal(given, `one with ${path} below it, which this process uses`);
  }
  return mountpoint;
}

const refusal = (given: string, what: string): Error =>
  new Error(`expected a directory to mount on, found ${what}: ${given}`);
