import { auth_flavor } from '#protocols/rpc.ts';
import type { AuthScheme, Credentials } from './scheme.ts';

const NOBODY = 65534;

const nobody: Credentials = {
  flavor: auth_flavor.AUTH_NONE,
  uid: NOBODY,
  gid: NOBODY,
  groups: [],
  machinename: '',
};

/** AUTH_NONE (RFC 5531, 10.1): the caller does not say who he is. */
export const authNone: AuthScheme = {
  name: 'AUTH_NONE',
  flavor: auth_flavor.AUTH_NONE,
  strength: 0,
  authenticate: () => nobody,
};
