import type { Frame } from './frame.ts';
import { ROOT } from './identity.ts';

/** The signal of what is never given up. */
export const NEVER: AbortSignal = new AbortController().signal;

/**
 * Returns the frame of a fop that a layer makes on its own behalf while it serves `frame`: as root, and whatever becomes
 * of the caller.
 */
export const ownFrame = ({ client }: Pick<Frame, 'client'>, lkOwner?: Buffer): Frame => ({
  identity: ROOT,
  client,
  signal: NEVER,
  internal: true,
  ...(lkOwner && { lkOwner }),
});

/** The frame of the same fops, when nothing waits for their answers. */
export const unhurried = (frame: Frame): Frame => ({ ...frame, unhurried: true });

/** The frame of what a layer does by itself, without any caller. */
export const OWN: Frame = ownFrame({ client: '' });
