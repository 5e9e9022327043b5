import type { Frame } from '../../../../graph/frame.ts';
import type { Inode } from '../../../../graph/inode.ts';
import type { Core } from '../core.ts';
import type { KnownDir } from '../known.ts';
import { refresh } from './refresh.ts';

/** How long, in milliseconds, what children have said of layouts and commit hashes is believed. */
const BELIEVED = 20;

/**
 * What is known of a directory, not older than a moment; and so is the commit hash of the volume. `isLocked`: the caller
 * holds locks in the directory.
 */
export async function current(
  core: Core,
  frame: Frame,
  inode: Inode,
  dir: KnownDir,
  isLocked = false,
): Promise<KnownDir> {
  const now = performance.now();
  if (now - core.commitAsked > BELIEVED) {
    await refresh(core, frame, core.root, isLocked);
    core.commitAsked = now;
  }
  return now - dir.asked > BELIEVED ? refresh(core, frame, inode, isLocked) : dir;
}

/**
 * How long, in milliseconds, the rebalance daemon may still move files when the root has the commit hash of the volume.
 * The daemon gives it to a directory when all files of it are in its queue, and to the root when it has been through all
 * directories, but hundreds of files may be in the queue then: each is where it was, and nothing where it belongs tells
 * so. Nothing shows when the queue is empty.
 */
const DRAINED = 3_600_000;

/**
 * Whether all names of a directory are where its layout says, or are pointed to from there. A rebalance gives the volume
 * another commit hash before it changes any layout, and each directory the same one when it has been through it. While a
 * subvolume is being emptied that is not relied on. A volume that was never rebalanced has no commit hash.
 */
export const isSettled = ({ volumeCommit, settledSince, settings }: Core, { layout }: KnownDir): boolean =>
  layout.commit === volumeCommit &&
  (volumeCommit === 0 || performance.now() - settledSince > DRAINED) &&
  settings['decommissioned-bricks'].length === 0;
