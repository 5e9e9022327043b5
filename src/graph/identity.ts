import type { Identity } from './frame.ts';

const KEPT_MAX = 4096;
const known = new Map<string, Identity>();

/** The one object for these ids (per thread), so that callers compare by `===`. */
export function identityOf(uid: number, gid: number, groups: readonly number[] = []): Identity {
  const key = `${uid}:${gid}:${groups.join()}`;
  let identity = known.get(key);
  if (!identity) {
    if (known.size >= KEPT_MAX) known.clear(); // a caller is merely switched to once more than needed
    identity = Object.freeze({ uid, gid, groups: Object.freeze([...groups]) });
    known.set(key, identity);
  }
  return identity;
}

export const ROOT: Identity = identityOf(0, 0);
