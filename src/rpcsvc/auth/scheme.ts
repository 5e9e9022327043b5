import type { auth_stat, opaque_auth } from '#protocols/rpc.ts';

/** The caller as an auth scheme identifies it. There is one object for each connection and caller. */
export interface Credentials {
  readonly flavor: number;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly machinename: string;
}

/** Thrown when a scheme refuses credentials. The call is answered MSG_DENIED, AUTH_ERROR with `why` (RFC 5531, 9). */
export class AuthError extends Error {
  override name = 'AuthError';
  readonly why: auth_stat;

  constructor(why: auth_stat, message: string) {
    super(message);
    this.why = why;
  }
}

/** An authentication flavor: a way for callers to identify themselves. */
export interface AuthScheme {
  readonly name: string;
  readonly flavor: number;
  /** How much it proves. A program's `minAuth` is compared with it. */
  readonly strength: number;
  /** @throws {AuthError} */
  authenticate(cred: opaque_auth, verf: opaque_auth): Credentials;
}
