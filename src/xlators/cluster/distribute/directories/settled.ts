import type { Frame } from '../../../../graph/frame.ts';
import type { Inode } from '../../../../graph/inode.ts';
import type { Core } from '../core.ts';
import type { KnownDir } from '../known.ts';
import { refresh } from './refresh.ts';

/** How long, in milliseconds, what children have said of layouts and commit hashes is believed. */
const BELIEVED = 20;

/** What is known of a directory, not older than a moment; and so is the commit hash of the volume. */
export async function current(core: Core, frame: Frame, inode: Inode, dir: KnownDir): Promise<KnownDir> {
  const now = performance.now();
  if (now - core.commitAsked > BELIEVED) {
    await refresh(core, frame, core.root);
    core.commitAsked = now;
  }
  return now - dir.asked > BELIEVED ? refresh(core, frame, inode) : dir;
}

/**
 * Whether all names of a directory are where its layout says. A rebalance gives the volume another commit hash before it
 * changes any layout, and each directory the same one when all its files are where they belong. While a subvolume is being
 * emptied that is not relied on.
 */
export const isSettled = ({ volumeCommit, settings }: Core, { layout }: KnownDir): boolean =>
  layout.commit === volumeCommit && settings['decommissioned-bricks'].length === 0;
