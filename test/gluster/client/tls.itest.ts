/** TLS between the server, bricks and glusterd of real GlusterFS, with certificates made by openssl. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { frame } from '../../support/graph.ts';
import { BED, enterBed, sh } from '../support/bed.ts';
import { connectedBrick, oneBrick } from '../../support/gluster/one-brick.ts';
import { GlusterVolume } from '../support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(300_000);

const SSL = '/usr/lib/ssl';
const dir = join(BED, 'certificates');

/** Makes the authority `name`. */
async function authority(name: string, issuer?: string): Promise<void> {
  await certificate(name, issuer ?? name, `basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign`);
}

/** Makes a key and a certificate for `name` that `issuer` has signed. */
async function certificate(name: string, issuer: string, extensions = 'basicConstraints=CA:FALSE'): Promise<void> {
  const path = (kind: string, of = name) => join(dir, `${of}.${kind}`);
  const request = ['req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', path('key')];
  await sh('openssl', ...request, '-out', path('csr'));
  writeFileSync(path('ext'), extensions);
  const signer =
    issuer === name ? ['-signkey', path('key')] : ['-CA', path('pem', issuer), '-CAkey', path('key', issuer)];
  const sign = [
    'x509',
    '-req',
    '-days',
    '2',
    '-in',
    path('csr'),
    '-extfile',
    path('ext'),
    ...signer,
    '-CAcreateserial',
  ];
  await sh('openssl', ...sign, '-out', path('pem'));
}

/** The options of a client that has the certificate `own` and trusts what `trusts` has signed. */
const tlsBy = (own: string, trusts: string) => ({
  'transport.socket.ssl-enabled': 'on',
  'transport.socket.ssl-own-cert': join(dir, `${own}.pem`),
  'transport.socket.ssl-private-key': join(dir, `${own}.key`),
  'transport.socket.ssl-ca-list': join(dir, `${trusts}.pem`),
});

t.before(async () => {
  mkdirSync(dir);
  await authority('authority');
  await authority('stranger');
  for (const name of ['machine', 'client', 'uninvited']) await certificate(name, 'authority');
  await certificate('forger', 'stranger');
  const here = join(BED, 'ssl');
  cpSync(SSL, here, { recursive: true, verbatimSymlinks: true });
  for (const [from, to] of [['machine.pem', 'pem'], ['machine.key', 'key'], ['authority.pem', 'ca']] as const) {
    cpSync(join(dir, from), join(here, `glusterfs.${to}`));
  } // prettier-ignore
  await sh('mount', '--bind', here, SSL);
});

const OPTIONS = { 'client.ssl': 'on', 'server.ssl': 'on', 'auth.ssl-allow': 'client,machine' };

async function troubleOf(t: Test, made: Awaited<ReturnType<typeof oneBrick>>, wanted: RegExp): Promise<void> {
  for (let i = 0; i < 200 && !wanted.test(made.brick.trouble ?? ''); i++) await sleep(50);
  t.match(made.brick.trouble, wanted);
}

t.test('bricks that speak TLS', async t => {
  const volume = await GlusterVolume.for(t, 'plain', OPTIONS);
  const { path } = volume.bricks[0]!;
  const use = async (options: Record<string, string>) => {
    const made = await connectedBrick(t, path, options);
    const list = await made.top.readdirp(frame, made.root.fd, 65_536, 0n);
    t.ok(list.entries.length > 0);
  };
  await use(tlsBy('client', 'authority'));
  await use({ 'transport.socket.ssl-enabled': 'on' }); // the files of this machine
  await use({ ...tlsBy('client', 'authority'), 'transport.socket.ssl-cipher-list': 'ECDHE-RSA-AES256-GCM-SHA384' });

  t.comment('who is not let in');
  await troubleOf(t, await oneBrick(t, path, tlsBy('uninvited', 'authority')), /refuses this client: .*\(EACCES\)/);
  await troubleOf(t, await oneBrick(t, path, tlsBy('forger', 'authority')), /alert|closed|reset|EPIPE/i);
  await troubleOf(t, await oneBrick(t, path), /closed|reset|EPIPE|the brick may expect TLS/i);

  t.comment('a brick that is not trusted');
  await troubleOf(t, await oneBrick(t, path, tlsBy('client', 'stranger')), /unable to|self-signed|certificate/i);
  t.comment('a certificate that is not there');
  await troubleOf(t, await oneBrick(t, path, tlsBy('missing', 'authority')), /ENOENT.*missing/);
});

t.test('a large file passes', async t => {
  const volume = await GlusterVolume.for(t, 'plain', OPTIONS);
  const { top, root, table } = await connectedBrick(t, volume.bricks[0]!.path, tlsBy('client', 'authority'));
  const made = await top.create(frame, root, 'f', { mode: 'guarded', attr: { mode: 0o600 } });
  const { fd } = table.link(made.iatt, root, 'f');
  const MiB = 1024 * 1024;
  const parts = Array.from({ length: 16 }, (_, i) => Buffer.alloc(MiB, i + 1));
  await Promise.all(parts.map((part, i) => top.writev(frame, fd, part, i * MiB, 2)));
  const replies = await Promise.all(parts.map((_, i) => top.readv(frame, fd, MiB, i * MiB)));
  for (const [i, { data, release }] of replies.entries()) {
    t.ok(data.equals(parts[i]!), `MiB ${i}`);
    release?.();
  }
});

t.test('glusterd that speaks TLS', async t => {
  const volume = await GlusterVolume.for(t, 'plain', OPTIONS);
  process.kill(Number(await sh('pgrep', '-x', 'glusterd')));
  while ((await sh('pgrep', '-x', 'glusterd').catch(() => '')) !== '') await sleep(50);
  writeFileSync('/var/lib/glusterd/secure-access', '');
  await sh('glusterd');
  const { brick } = await connectedBrick(t, volume.bricks[0]!.path, { 'transport.socket.ssl-enabled': 'on' });
  t.equal(brick.dump().phase, 'up');
});
