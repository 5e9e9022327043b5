import type { Identity } from '../../../graph/frame.ts';
import { AT_EACCESS, AT_EMPTY_PATH } from '../../../sys/constants.ts';
import { asCaller } from '../../../sys/process/identity.ts';
import { faccessat2 } from '../../../sys/libc.ts';
import { EMPTY } from '../../../sys/files/names.ts';
import { stat } from '../../../sys/files/statx.ts';
import type { PosixObject } from './objects/object.ts';

/** How long an answer of the kernel's is good, if the object's ctime, mode and owner stay as they are. */
const GRANT_MS = 1000;
/** Two changes within a clock tick have one ctime: until then it does not tell whether an ACL has changed. */
const TICK_MS = 20;
/** … of file systems that keep whole seconds. */
const COARSE_TICK_MS = 2000;

const asks = (fd: number, mask: number): boolean => faccessat2(fd, EMPTY, mask, AT_EACCESS | AT_EMPTY_PATH) === 0;

/**
 * Which bits of `mask` (access(2)'s) the kernel grants the caller on the object that `stat` has just told of, open as
 * `fd`.
 */
export function permitted(object: PosixObject, fd: number, identity: Identity, mask: number): number {
  const now = Date.now();
  if (!isFresh(object, identity, now)) remember(object, identity, now);
  else if ((object.grantAsked & mask) === mask) return object.granted & mask;
  asCaller(identity);
  const left = mask & ~object.grantAsked;
  if (asks(fd, left)) object.granted |= left;
  else {
    for (let bit = 1; bit <= 4; bit <<= 1) {
      if ((left & bit) !== 0 && left !== bit && asks(fd, bit)) object.granted |= bit;
    }
  }
  object.grantAsked |= left;
  return object.granted & mask;
}

function isFresh(object: PosixObject, identity: Identity, now: number): boolean {
  if (object.grantee !== identity || now - object.grantAtMs >= GRANT_MS || now < object.grantAtMs) return false;
  if (object.grantCtimeNsec !== stat.ctimeNsec || object.grantCtime !== stat.ctime) return false;
  return object.grantMode === stat.mode && object.grantUid === stat.uid && object.grantGid === stat.gid;
}

function remember(object: PosixObject, identity: Identity, now: number): void {
  const { ctime, ctimeNsec } = stat;
  const ageMs = now - (ctime * 1000 + ctimeNsec / 1e6);
  const told = ageMs > (ctimeNsec === 0 ? COARSE_TICK_MS : TICK_MS);
  object.grantee = told ? identity : undefined;
  object.grantCtime = ctime;
  object.grantCtimeNsec = ctimeNsec;
  object.grantMode = stat.mode;
  object.grantUid = stat.uid;
  object.grantGid = stat.gid;
  object.grantAtMs = now;
  object.grantAsked = object.granted = 0;
}

/** After a change of ours that left owner and mode as they were: the answers are good for the new ctime too. */
export function keepGrant(object: PosixObject, ctime: number, ctimeNsec: number): void {
  if (object.grantCtime !== ctime || object.grantCtimeNsec !== ctimeNsec) return;
  object.grantCtime = stat.ctime;
  object.grantCtimeNsec = stat.ctimeNsec;
}
