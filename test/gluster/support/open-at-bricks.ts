/** What the processes of bricks have open. */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GlusterVolume } from './volume.ts';

/** Longer than an idle file stays open. */
const CLOSED_MAX_MS = 10_000;
const POLL_MS = 20;

/** A gfid as it is in the names of handles on bricks. */
export const textOf = (gfid: Buffer): string =>
  gfid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

/** The paths of the descriptors that each brick has for an object, or for all files with data. */
export async function descriptorsOf(volume: GlusterVolume, gfid?: Buffer): Promise<string[][]> {
  const pids = await volume.pids();
  return pids.map((pid, i) => {
    const { path } = volume.bricks[i]!;
    const open = pid === undefined ? [] : readdirSync(`/proc/${pid}/fd`).map(fd => linkOf(`/proc/${pid}/fd/${fd}`));
    const own = open.filter(target => target.startsWith(join(path, '.glusterfs/')));
    return own.filter(target => (gfid === undefined ? OF_FILES.test(target) : target.includes(textOf(gfid))));
  });
}

/** The handle of an object, also of one that was removed while it was open. */
const OF_FILES = /\.glusterfs\/(?:[0-9a-f]{2}\/[0-9a-f]{2}|unlink)\/[-0-9a-f]{36}/;

/** A descriptor may be closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Waits until no brick has the object open. Returns how many milliseconds it took. */
export async function closed(volume: GlusterVolume, gfid?: Buffer): Promise<number> {
  const began = performance.now();
  for (;;) {
    const open = (await descriptorsOf(volume, gfid)).flat();
    const ms = performance.now() - began;
    if (open.length === 0) return ms;
    if (ms > CLOSED_MAX_MS) throw new Error(`still open after ${ms} ms: ${open.join(' ')}`);
    await sleep(POLL_MS);
  }
}
