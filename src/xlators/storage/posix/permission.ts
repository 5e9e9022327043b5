/** Asks the kernel whether a caller may access an object, and keeps the answer for a moment. */
import { AT_EACCESS, AT_EMPTY_PATH } from '../../../sys/constants.ts';
import { EMPTY } from '../../../sys/files/names.ts';
import type { Stat } from '../../../sys/files/statx.ts';
import { faccessat2 } from '../../../sys/libc.ts';
import { asCaller, type Identity } from '../../../sys/process/identity.ts';
import { Grant } from './objects/grant.ts';
import type { PosixObject } from './objects/object.ts';

/** How long an answer is used, if the object's ctime, mode and owner stay as they are. */
const GRANT_MS = 1000;
/**
 * Two changes within one tick of the kernel's clock have the same ctime. Until the tick is over, the ctime does not
 * tell whether an ACL has changed since the kernel was asked.
 */
const TICK_MS = 20;
/** How long the ctime does not tell that on a file system that keeps times in whole seconds. */
const COARSE_TICK_MS = 2000;

const asks = (fd: number, mask: number): boolean => faccessat2(fd, EMPTY, mask, AT_EACCESS | AT_EMPTY_PATH) === 0;

/**
 * Returns the bits of `mask` (as for access(2)) that the kernel grants the caller on the object that is open as `fd`
 * and that `seen` describes.
 */
export function permitted(object: PosixObject, seen: Stat, fd: number, identity: Identity, mask: number): number {
  const now = Date.now();
  const grant = (object.grant ??= new Grant());
  if (!isFresh(grant, seen, identity, now)) renew(grant, seen, identity, now);
  else if ((grant.asked & mask) === mask) return grant.granted & mask;
  asCaller(identity);
  const left = mask & ~grant.asked;
  if (asks(fd, left)) grant.granted |= left;
  else {
    for (let bit = 1; bit <= 4; bit <<= 1) {
      if ((left & bit) !== 0 && left !== bit && asks(fd, bit)) grant.granted |= bit;
    }
  }
  grant.asked |= left;
  return grant.granted & mask;
}

function isFresh(grant: Grant, seen: Stat, identity: Identity, now: number): boolean {
  if (grant.identity !== identity || now - grant.atMs >= GRANT_MS || now < grant.atMs) return false;
  if (grant.ctimeNsec !== seen.ctimeNsec || grant.ctime !== seen.ctime) return false;
  return grant.mode === seen.mode && grant.uid === seen.uid && grant.gid === seen.gid;
}

function renew(grant: Grant, seen: Stat, identity: Identity, now: number): void {
  const { ctime, ctimeNsec } = seen;
  const ageMs = now - (ctime * 1000 + ctimeNsec / 1e6);
  const tellsChanges = ageMs > (ctimeNsec === 0 ? COARSE_TICK_MS : TICK_MS);
  grant.identity = tellsChanges ? identity : undefined;
  grant.ctime = ctime;
  grant.ctimeNsec = ctimeNsec;
  grant.mode = seen.mode;
  grant.uid = seen.uid;
  grant.gid = seen.gid;
  grant.atMs = now;
  grant.asked = grant.granted = 0;
}

/**
 * Keeps the answer after a change by the brick itself that left owner and mode as they were: the answer that holds for
 * the ctime of before also holds for the new one.
 */
export function keepGrant({ grant }: PosixObject, seen: Stat, ctime: number, ctimeNsec: number): void {
  if (grant === undefined || grant.ctime !== ctime || grant.ctimeNsec !== ctimeNsec) return;
  grant.ctime = seen.ctime;
  grant.ctimeNsec = seen.ctimeNsec;
}
