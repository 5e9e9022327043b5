/** Connections with TLS to a server whose certificate may not be good. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { createServer, type TlsOptions, TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { openStream } from '#src/rpcclnt/socket.ts';
import { TLS_DEFAULTS, tlsOptions, type TlsSettings } from '#src/rpcclnt/tls.ts';
import { Certificates } from '../support/rpc/certificates.ts';

const made = new Certificates(t.testdir({}));
made.authority('root');
made.authority('between', 'root');
for (const name of ['machine', 'revoked', 'client']) made.certificate(name, 'root');
made.certificate('far', 'between');
made.authority('stranger');
made.certificate('forger', 'stranger');
made.revoke('root', 'revoked');

const file = (name: string, kind?: 'key' | 'crl') => readFileSync(made.path(name, kind));

/** What the server is that has these certificates, the first of which is its own. */
async function serve(t: Test, chain: readonly string[], more: TlsOptions = {}) {
  const cert = Buffer.concat(chain.map(name => file(name)));
  const options = { cert, key: file(chain[0]!, 'key'), ca: file('root'), requestCert: true, ...more };
  const server = createServer(options).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => {}).on('secureConnection', socket => socket.on('error', () => {}));
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  server.on('connection', socket => sockets.add(socket));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** Connects as a client whose settings are those. */
async function connect(port: number, settings: Partial<TlsSettings> = {}): Promise<TLSSocket> {
  const files = { ownCert: made.path('client'), privateKey: made.path('client', 'key'), caList: made.path('root') };
  const tls = await tlsOptions({ ...files, certDepth: 1, ...settings });
  return (await openStream({ host: '127.0.0.1', port }, 5000, undefined, { tls })) as TLSSocket;
}

async function accepted(t: Test, connecting: Promise<TLSSocket>, what: string): Promise<void> {
  const socket = await connecting;
  t.equal(socket.authorized, true, what);
  socket.destroy();
}

t.test('both sides show what an authority has signed that is trusted, whatever its name', async t => {
  const { server, port } = await serve(t, ['machine'], { rejectUnauthorized: true });
  const seen = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  const socket = await connect(port);
  t.equal(socket.authorized, true);
  const [there] = await seen;
  t.match(there.getPeerCertificate().subject, { CN: 'client' });
  socket.destroy();
});

t.test('a server that nobody has signed who is trusted', async t => {
  const { port } = await serve(t, ['forger', 'stranger']);
  await t.rejects(connect(port), { code: 'CANNOT_CONNECT', message: /self-signed certificate in certificate chain/ });
  await accepted(t, connect(port, { caList: made.path('stranger') }), 'another authority is trusted');
});

t.test('no more certificates between the server and a trusted one than are allowed', async t => {
  const { port } = await serve(t, ['far', 'between']);
  await accepted(t, connect(port), 'one, and one is allowed');
  await t.rejects(connect(port, { certDepth: 0 }), {
    code: 'CANNOT_CONNECT',
    message: /1 certificates stand between the server's and a trusted one/,
  });
  const near = await serve(t, ['machine']);
  await accepted(t, connect(near.port, { certDepth: 0 }), 'none');
});

t.test('a certificate that was revoked', async t => {
  const crlPath = made.directory('lists', { 'root.crl': file('root', 'crl'), 'about.txt': 'not a list' });
  const { port } = await serve(t, ['revoked']);
  await accepted(t, connect(port), 'nobody has looked');
  await t.rejects(connect(port, { crlPath }), { code: 'CANNOT_CONNECT', message: /certificate revoked/ });
  const good = await serve(t, ['machine']);
  await accepted(t, connect(good.port, { crlPath }), 'another one of the same authority');
});

t.test('where lists of revoked certificates should be and there is none, no server is believed', async t => {
  const { port } = await serve(t, ['revoked']);
  const crlPath = made.directory('empty', { 'about.txt': 'not a list' });
  await t.rejects(connect(port, { crlPath }), { message: /empty has no list of revoked certificates/ });
});

t.test('only the ciphers that are listed', async t => {
  const { port } = await serve(t, ['machine'], { maxVersion: 'TLSv1.2' });
  const cipherList = 'ECDHE-ECDSA-AES256-GCM-SHA384';
  const socket = await connect(port, { cipherList });
  t.equal(socket.getCipher().name, cipherList);
  socket.destroy();
  await t.rejects(connect(port, { cipherList: 'ECDHE-RSA-AES256-GCM-SHA384' }), { code: 'CANNOT_CONNECT' });
});

t.test('a file that is not there', async t => {
  await t.rejects(connect(1, { caList: join(made.path('root'), '..', 'none') }), { code: 'ENOENT' });
  await t.rejects(connect(1, { crlPath: made.path('none') }), { code: 'ENOENT' });
});

t.test('the files that a volfile names need not be files of certificates', async t => {
  const dir = t.testdir({ pem: 'text', large: '', lists: {} });
  const at = (name: string) => join(dir, name);
  const settings = { ...TLS_DEFAULTS, ownCert: at('pem'), privateKey: at('pem'), caList: at('pem') };
  t.match(await tlsOptions(settings), { cert: Buffer.from('text'), rejectUnauthorized: true });
  execFileSync('mkfifo', [at('fifo')]);
  truncateSync(at('large'), 5 * 1024 * 1024);
  for (const path of ['/dev/zero', at('fifo'), at('large'), dir]) {
    const caList = { ...settings, caList: path };
    await t.rejects(tlsOptions(caList), { message: `${path} is no file of certificates` });
  }
  await t.rejects(tlsOptions({ ...settings, privateKey: at('none') }), { code: 'ENOENT' });
  writeFileSync(at('lists/text'), 'text');
  writeFileSync(at('lists/list'), '-----BEGIN X509 CRL-----');
  const { crl } = await tlsOptions({ ...settings, crlPath: at('lists') });
  t.strictSame(crl, [Buffer.from('-----BEGIN X509 CRL-----')]);
  execFileSync('mkfifo', [at('lists/fifo')]);
  await t.rejects(tlsOptions({ ...settings, crlPath: at('lists') }), { message: /is no file of certificates/ });
});
