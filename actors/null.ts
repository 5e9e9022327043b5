import { auth_flavor } from '#protocols/rpc.ts';
import { nothing } from '#protocols/xdr/codec.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';

/** Procedure 0 of every program, which does nothing. By convention it takes any credentials (RFC 2623, 2.3.1). */
export const nullActor: Actor<unknown, void, void> = {
  name: 'NULL',
  args: nothing,
  res: nothing,
  idempotent: true,
  minAuth: auth_flavor.AUTH_NONE,
  run() {},
};
