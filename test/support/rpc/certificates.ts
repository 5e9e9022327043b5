/** Keys, certificates and lists of revoked ones, made by openssl. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DAYS = '2';
/** What `openssl ca` needs for a list of revoked certificates. */
const CA_CONFIG = `[ca]
default_ca = it
[it]
database = index
default_md = sha256
default_crl_days = ${DAYS}
`;

export class Certificates {
  readonly #dir: string;

  /** @param dir where the files are made */
  constructor(dir: string) {
    this.#dir = dir;
    writeFileSync(join(dir, 'ca.conf'), CA_CONFIG);
  }

  /** The path of the certificate of `name`, or of its key or its list of revoked ones. */
  path(name: string, kind: 'pem' | 'key' | 'crl' = 'pem'): string {
    return join(this.#dir, `${name}.${kind}`);
  }

  /** Makes a key and a certificate for an authority, signed by itself if there is no `issuer`. */
  authority(name: string, issuer?: string): void {
    this.#make(name, issuer, 'CA:TRUE');
  }

  /** Makes a key and a certificate for `name` that `issuer` has signed. */
  certificate(name: string, issuer: string): void {
    this.#make(name, issuer, 'CA:FALSE');
  }

  /** Makes the list of those that `issuer` has revoked. */
  revoke(issuer: string, ...names: readonly string[]): void {
    writeFileSync(join(this.#dir, 'index'), '');
    const ca = ['ca', '-config', 'ca.conf', '-cert', `${issuer}.pem`, '-keyfile', `${issuer}.key`];
    for (const name of names) this.#openssl(...ca, '-revoke', `${name}.pem`);
    this.#openssl(...ca, '-gencrl', '-out', `${issuer}.crl`);
  }

  /** Makes a directory with these files in it. */
  directory(name: string, files: Readonly<Record<string, string | Buffer>>): string {
    const path = join(this.#dir, name);
    mkdirSync(path);
    for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
    return path;
  }

  #make(name: string, issuer: string | undefined, constraints: string): void {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
    const signer = issuer === undefined ? [] : ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`];
    const what = ['-subj', `/CN=${name}`, '-addext', `basicConstraints=critical,${constraints}`, '-days', DAYS];
    this.#openssl('req', '-x509', ...key, ...signer, ...what, '-out', `${name}.pem`);
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.#dir, stdio: ['ignore', 'pipe', 'pipe'] });
  }
}
