import { access } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { TLS_DEFAULTS, tlsOptions } from '../rpcclnt/tls.ts';

/** Where this file exists, the connections to glusterd are encrypted: GlusterFS's own programs go by it. */
const SECURE_ACCESS = '/var/lib/glusterd/secure-access';

/**
 * How connections to glusterd are encrypted on this machine; `undefined` if they are not.
 * @throws one of Node's errors: they are, but a certificate or key cannot be read
 */
export async function managementTls(): Promise<ConnectionOptions | undefined> {
  try {
    await access(SECURE_ACCESS);
  } catch {
    return undefined;
  }
  return tlsOptions(TLS_DEFAULTS);
}
