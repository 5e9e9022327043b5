/** TLS as GlusterFS has it: certificates of both sides that one of the listed authorities has signed, whatever their names. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConnectionOptions, DetailedPeerCertificate } from 'node:tls';

/** Where GlusterFS of Debian looks for the files. */
export const TLS_FILES = {
  ownCert: '/usr/lib/ssl/glusterfs.pem',
  privateKey: '/usr/lib/ssl/glusterfs.key',
  caList: '/usr/lib/ssl/glusterfs.ca',
} as const;

export interface TlsSettings {
  /** The PEM files of this side's certificate and of its private key. */
  readonly ownCert: string;
  readonly privateKey: string;
  /** The PEM file of the certificates that are trusted. */
  readonly caList: string;
  /** How many certificates may stand between that of the server and a trusted one. */
  readonly certDepth: number;
  readonly cipherList?: string | undefined;
  /** The directory of the lists of revoked certificates. */
  readonly crlPath?: string | undefined;
}

/** What GlusterFS does if nothing is set. */
export const TLS_DEFAULTS: TlsSettings = { ...TLS_FILES, certDepth: 1 };

/** The longest file of certificates that is read. */
const PEM_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Reads a file that a volfile names, which glusterd may have written: it need not be a file of certificates, nor a file.
 * @throws one of Node's errors: it cannot be read
 */
async function pem(path: string): Promise<Buffer> {
  const found = await stat(path);
  if (!found.isFile() || found.size > PEM_BYTES_MAX) throw new Error(`${path} is no file of certificates`);
  return readFile(path);
}

/** Reads the files. @throws a file cannot be read, or there is no list of revoked certificates where they should be */
export async function tlsOptions(settings: TlsSettings): Promise<ConnectionOptions> {
  const { ownCert, privateKey, caList, certDepth, cipherList, crlPath } = settings;
  const [cert, key, ca] = await Promise.all([ownCert, privateKey, caList].map(pem));
  return {
    cert,
    key,
    ca,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(crlPath !== undefined && { crl: await revocationLists(crlPath) }),
    ...(cipherList !== undefined && { ciphers: cipherList }),
    checkServerIdentity: (_host, certificate) => depthError(certificate as DetailedPeerCertificate, certDepth),
  };
}

async function revocationLists(directory: string): Promise<Buffer[]> {
  const names = await readdir(directory);
  const files = await Promise.all(names.map(name => pem(join(directory, name))));
  const lists = files.filter(file => file.includes('-----BEGIN X509 CRL-----'));
  // Without any, Node.js would not look whether certificates are revoked.
  if (lists.length === 0) throw new Error(`${directory} has no list of revoked certificates`);
  return lists;
}

/** The certificates between the server's and the one that is trusted. */
function depthError(certificate: DetailedPeerCertificate, certDepth: number): Error | undefined {
  let between = -1;
  for (let at = certificate; at.issuerCertificate && at.issuerCertificate !== at; at = at.issuerCertificate) between++;
  return between > certDepth
    ? new Error(`${between} certificates stand between the server's and a trusted one`)
    : undefined;
}
