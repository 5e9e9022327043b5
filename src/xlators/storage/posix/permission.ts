import type { Identity } from '../../../graph/frame.ts';
import { AT_EACCESS, AT_EMPTY_PATH } from '../../../sys/constants.ts';
import { asCaller } from '../../../sys/identity.ts';
import { faccessat2 } from '../../../sys/libc.ts';
import { EMPTY } from '../../../sys/names.ts';
import { stat } from '../../../sys/statx.ts';
import type { Known } from './known.ts';

/** How long an answer of the kernel's is good, if the object's ctime stays as it is. */
const GRANT_MS = 1000;

const asks = (fd: number, mask: number): boolean => faccessat2(fd, EMPTY, mask, AT_EACCESS | AT_EMPTY_PATH) === 0;

/**
 * Which bits of `mask` (access(2)'s) the kernel grants the caller on the object that `stat` has just told of, open as
 * `fd`. Everything that changes an answer changes the ctime, but for what time alone limits.
 */
export function permitted(known: Known, fd: number, identity: Identity, mask: number): number {
  const now = Date.now();
  const fresh =
    known.grantee === identity &&
    known.grantCtimeNsec === stat.ctimeNsec &&
    known.grantCtime === stat.ctime &&
    now - known.grantAtMs < GRANT_MS &&
    now >= known.grantAtMs;
  if (fresh && (known.grantAsked & mask) === mask) return known.granted & mask;
  if (!fresh) {
    known.grantee = identity;
    known.grantCtime = stat.ctime;
    known.grantCtimeNsec = stat.ctimeNsec;
    known.grantAtMs = now;
    known.grantAsked = known.granted = 0;
  }
  asCaller(identity);
  const left = mask & ~known.grantAsked;
  if (asks(fd, left)) known.granted |= left;
  else
    for (let bit = 1; bit <= 4; bit <<= 1)
      if ((left & bit) !== 0 && left !== bit && asks(fd, bit)) known.granted |= bit;
  known.grantAsked |= left;
  return known.granted & mask;
}

/** After a change of ours that left owner and mode as they were: the answers are good for the new ctime too. */
export function keepGrant(known: Known, ctime: number, ctimeNsec: number): void {
  if (known.grantCtime !== ctime || known.grantCtimeNsec !== ctimeNsec) return;
  known.grantCtime = stat.ctime;
  known.grantCtimeNsec = stat.ctimeNsec;
}
