import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { TLS_DEFAULTS, tlsOptions } from '../rpcclnt/tls.ts';
import { GlusterdError } from './error.ts';

/** Where this file exists, the connections to glusterd are encrypted: GlusterFS's own programs go by it. */
const SECURE_ACCESS = '/var/lib/glusterd/secure-access';

/**
 * How connections to glusterd are encrypted on this machine; `undefined` if they are not.
 * @param file exists if they are
 * @throws {GlusterdError} they should be, but cannot
 */
export async function managementTls(file = SECURE_ACCESS): Promise<ConnectionOptions | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'latin1');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new GlusterdError('REFUSED', `${file} says whether connections to glusterd are encrypted: ${code}`, {
      cause,
    });
  }
  try {
    return await tlsOptions({ ...TLS_DEFAULTS, certDepth: certDepthIn(text) });
  } catch (cause) {
    const why = (cause as Error).message;
    const message = `connections to glusterd are encrypted, since ${file} exists, but a certificate is missing: ${why}`;
    throw new GlusterdError('REFUSED', message, { cause });
  }
}

/** The one option that the file may have in it. */
function certDepthIn(text: string): number {
  const [, depth] = /^option transport\.socket\.ssl-cert-depth\s+(\d{1,3})/m.exec(text) ?? [];
  return Number(depth) || TLS_DEFAULTS.certDepth;
}
