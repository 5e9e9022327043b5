import { authNone } from '#src/rpcsvc/auth/none.ts';
import { NO_AUTH } from '#protocols/rpc.ts';
import type { Call } from '#src/rpcsvc/actor.ts';

/** A call as dispatch hands it to a program, from the given address. */
export function callFrom(address: string, transport: 'tcp' | 'udp' = 'tcp', port = 700): Call {
  const { signal } = new AbortController();
  return {
    xid: 42,
    peer: { address, port, transport, signal },
    credentials: authNone.authenticate(NO_AUTH, NO_AUTH),
    afterSend: then => then(),
  };
}
