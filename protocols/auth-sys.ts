/** AUTH_SYS credentials (RFC 5531, appendix A). */
import { array, type Infer, string, struct, uint32 } from './xdr/codec.ts';

export const MACHINENAME_MAX = 255;
/** RFC 5531, appendix A. A user in more groups is looked up on the server if it is configured to do so. */
export const AUTH_SYS_GIDS_MAX = 16;

export const authsys_parms = struct({
  stamp: uint32,
  machinename: string(MACHINENAME_MAX),
  uid: uint32,
  gid: uint32,
  gids: array(uint32, AUTH_SYS_GIDS_MAX),
});
export type authsys_parms = Infer<typeof authsys_parms>;
