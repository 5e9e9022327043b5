import type { Identity } from '../../../../sys/process/identity.ts';

/** The kernel's last answer about permissions on one object, and what it rests on. */
export class Grant {
  /** The caller that it is for; `undefined` if the answer must not be used again. */
  identity: Identity | undefined;
  /** The object's attributes at that time. */
  ctime = 0;
  ctimeNsec = 0;
  mode = 0;
  uid = 0;
  gid = 0;
  /** When the kernel was asked, on the clock of `Date.now()`. */
  atMs = 0;
  /** The bits of access(2) that the kernel was asked about, and those of them that it grants. */
  asked = 0;
  granted = 0;
}
