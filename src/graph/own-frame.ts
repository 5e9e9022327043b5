import type { Frame } from './frame.ts';
import { ROOT } from './identity.ts';

const NEVER = new AbortController().signal;

/**
 * Returns the frame of a fop that a layer makes on its own behalf while it serves `frame`: as root, and whatever becomes
 * of the caller.
 */
export const ownFrame = ({ client }: Frame, lkOwner?: Buffer): Frame => ({
  identity: ROOT,
  client,
  signal: NEVER,
  internal: true,
  ...(lkOwner && { lkOwner }),
});
