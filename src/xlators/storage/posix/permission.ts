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
export function permitted(known: PosixObject, fd: number, identity: Identity, mask: number): number {
  const now = Date.now();
  if (!isFresh(known, identity, now)) remember(known, identity, now);
  else if ((known.grantAsked & mask) === mask) return known.granted & mask;
  asCaller(identity);
  const left = mask & ~known.grantAsked;
  if (asks(fd, left)) known.granted |= left;
  else {
    for (let bit = 1; bit <= 4; bit <<= 1) {
      if ((left & bit) !== 0 && left !== bit && asks(fd, bit)) known.granted |= bit;
    }
  }
  known.grantAsked |= left;
  return known.granted & mask;
}

function isFresh(known: PosixObject, identity: Identity, now: number): boolean {
  if (known.grantee !== identity || now - known.grantAtMs >= GRANT_MS || now < known.grantAtMs) return false;
  if (known.grantCtimeNsec !== stat.ctimeNsec || known.grantCtime !== stat.ctime) return false;
  return known.grantMode === stat.mode && known.grantUid === stat.uid && known.grantGid === stat.gid;
}

function remember(known: PosixObject, identity: Identity, now: number): void {
  const { ctime, ctimeNsec } = stat;
  const ageMs = now - (ctime * 1000 + ctimeNsec / 1e6);
  const told = ageMs > (ctimeNsec === 0 ? COARSE_TICK_MS : TICK_MS);
  known.grantee = told ? identity : undefined;
  known.grantCtime = ctime;
  known.grantCtimeNsec = ctimeNsec;
  known.grantMode = stat.mode;
  known.grantUid = stat.uid;
  known.grantGid = stat.gid;
  known.grantAtMs = now;
  known.grantAsked = known.granted = 0;
}

/** After a change of ours that left owner and mode as they were: the answers are good for the new ctime too. */
export function keepGrant(known: PosixObject, ctime: number, ctimeNsec: number): void {
  if (known.grantCtime !== ctime || known.grantCtimeNsec !== ctimeNsec) return;
  known.grantCtime = stat.ctime;
  known.grantCtimeNsec = stat.ctimeNsec;
}
