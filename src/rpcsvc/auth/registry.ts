import { auth_stat, type opaque_auth } from '#protocols/rpc.ts';
import { authNone } from './none.ts';
import { AuthError, type AuthScheme, type Credentials } from './scheme.ts';
import { authSys } from './sys.ts';

/** The schemes there are; a service enables those it takes. */
const AUTH_SCHEMES: readonly AuthScheme[] = [authNone, authSys];

/** The strength of a flavor, for `minAuth`; one that is not known proves nothing. */
export function strengthOf(flavor: number): number {
  return AUTH_SCHEMES.find(scheme => scheme.flavor === flavor)?.strength ?? -1;
}

/** The auth schemes of one service, by flavor. */
export class AuthRegistry {
  readonly #schemes = new Map<number, AuthScheme>();

  constructor(schemes: readonly AuthScheme[] = AUTH_SCHEMES) {
    for (const scheme of schemes) this.#schemes.set(scheme.flavor, scheme);
  }

  /** @throws {AuthError} */
  authenticate(cred: opaque_auth, verf: opaque_auth): Credentials {
    const scheme = this.#schemes.get(cred.flavor);
    if (scheme === undefined) {
      throw new AuthError(auth_stat.AUTH_REJECTEDCRED, `auth flavor ${cred.flavor} is not taken here`);
    }
    return scheme.authenticate(cred, verf);
  }
}
