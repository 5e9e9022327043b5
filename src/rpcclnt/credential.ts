import { opaque_auth } from '#protocols/rpc.ts';
import { encode } from '#protocols/xdr/codec.ts';
import type { XdrWriter } from '#protocols/xdr/stream.ts';

/** On whose behalf a call is made. */
export interface Credential {
  /** Writes the whole `opaque_auth` (RFC 5531, 8.2): flavor, length and body. Called once, before `call` returns. */
  writeTo(to: XdrWriter): void;
}

/** A credential that is always the same. It is encoded only once. */
export function fixedCredential(auth: opaque_auth): Credential {
  const bytes = encode(opaque_auth, auth);
  return { writeTo: to => to.bytes(bytes) };
}
