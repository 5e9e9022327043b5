import type { Identity } from './frame.ts';

const KEPT_MAX = 4096;
const known = new Map<string, Identity>();

/** Returns the one object that stands for these ids in this thread, so that identities can be compared by `===`. */
export function identityOf(uid: number, gid: number, groups: readonly number[] = []): Identity {
  const key = `${uid}:${gid}:${groups.join()}`;
  let identity = known.get(key);
  if (!identity) {
    if (known.size >= KEPT_MAX) known.clear(); // costs one needless switch of ids per caller
    identity = Object.freeze({ uid, gid, groups: Object.freeze([...groups]) });
    known.set(key, identity);
  }
  return identity;
}

export const ROOT: Identity = identityOf(0, 0);
