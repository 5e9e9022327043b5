import { auth_flavor } from '#protocols/rpc.ts';
import type { AuthScheme } from './scheme.ts';

const NOBODY = 65534;

/** AUTH_NONE (RFC 5531, 10.1): the caller does not say who it is. */
export const authNone: AuthScheme = {
  name: 'AUTH_NONE',
  flavor: auth_flavor.AUTH_NONE,
  strength: 0,
  // Each caller gets an object of its own, since what is decided about a caller is cached by that object.
  authenticate: () => ({ flavor: auth_flavor.AUTH_NONE, uid: NOBODY, gid: NOBODY, groups: [], machinename: '' }),
};
