import { authsys_parms } from '#protocols/auth-sys.ts';
import { auth_flavor, auth_stat, type opaque_auth } from '#protocols/rpc.ts';
import { decode } from '#protocols/xdr/codec.ts';
import { XdrError } from '#protocols/xdr/stream.ts';
import { AuthError, type AuthScheme, type Credentials } from './scheme.ts';

function authenticate(cred: opaque_auth, verf: opaque_auth): Credentials {
  // RFC 5531, appendix A: the verifier accompanying the credential is AUTH_NONE.
  if (verf.flavor !== auth_flavor.AUTH_NONE || verf.body.length > 0) {
    throw new AuthError(auth_stat.AUTH_BADVERF, `AUTH_SYS with a verifier of flavor ${verf.flavor}, not AUTH_NONE`);
  }
  try {
    const { machinename, uid, gid, gids } = decode(authsys_parms, cred.body);
    return { flavor: auth_flavor.AUTH_SYS, uid, gid, groups: gids, machinename };
  } catch (error) {
    if (!(error instanceof XdrError)) throw error;
    throw new AuthError(auth_stat.AUTH_BADCRED, `AUTH_SYS credentials: ${error.message}`);
  }
}

/** AUTH_SYS, once AUTH_UNIX (RFC 5531, appendix A): uid and gids as the client states them. */
export const authSys: AuthScheme = { name: 'AUTH_SYS', flavor: auth_flavor.AUTH_SYS, strength: 1, authenticate };
