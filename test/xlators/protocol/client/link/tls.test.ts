/** The connection to a brick with TLS, as the options of `protocol/client` say. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { Certificates } from '../../../../support/rpc/certificates.ts';
import { FakeBrick } from '../../../../support/gluster/fake-brick.ts';
import { connectedBrick, oneBrick } from '../../../../support/gluster/one-brick.ts';

const made = new Certificates(t.testdir({}));
made.authority('root');
for (const name of ['machine', 'client']) made.certificate(name, 'root');
made.authority('stranger');
made.revoke('root', 'machine');

const CIPHER = 'ECDHE-ECDSA-AES256-GCM-SHA384';
const file = (name: string, kind?: 'key' | 'crl') => readFileSync(made.path(name, kind));
const server = {
  cert: file('machine'),
  key: file('machine', 'key'),
  ca: file('root'),
  requestCert: true,
  rejectUnauthorized: true,
  maxVersion: 'TLSv1.2',
  ciphers: CIPHER,
} as const;
const at = ({ port }: FakeBrick, options: Readonly<Record<string, string | number>> = {}) => ({
  'remote-host': '127.0.0.1',
  'remote-port': port,
  'transport.socket.ssl-enabled': 'on',
  'transport.socket.ssl-own-cert': made.path('client'),
  'transport.socket.ssl-private-key': made.path('client', 'key'),
  'transport.socket.ssl-ca-list': made.path('root'),
  ...options,
});

t.test('a brick that shows what it should is used', async t => {
  const brick = await FakeBrick.start(t, server);
  const options = { 'transport.socket.ssl-cert-depth': 0, 'transport.socket.ssl-cipher-list': CIPHER };
  const { brick: client } = await connectedBrick(t, '/b', at(brick, options));
  t.equal(client.trouble, undefined);
  t.equal(brick.introductions.length, 1);
});

t.test('a brick that does not is not told who the client is', async t => {
  const brick = await FakeBrick.start(t, server);
  const lists = made.directory('lists', { 'root.crl': file('root', 'crl') });
  for (const [options, why] of [
    [{ 'transport.socket.ssl-ca-list': made.path('stranger') }, /self-signed certificate/],
    [{ 'transport.socket.ssl-crl-path': lists }, /certificate revoked/],
    [{ 'transport.socket.ssl-cipher-list': 'ECDHE-RSA-AES256-GCM-SHA384' }, /handshake failure/],
    [{ 'transport.socket.ssl-own-cert': made.path('none') }, /ENOENT.*none\.pem/],
    [{ 'transport.socket.ssl-private-key': made.path('stranger', 'key') }, /key values mismatch/],
  ] as const) {
    const { brick: client } = await oneBrick(t, '/b', at(brick, options));
    while (client.trouble === undefined) await new Promise(resolve => setImmediate(resolve));
    t.match(client.trouble, why);
  }
  t.strictSame(brick.introductions, []);
});
