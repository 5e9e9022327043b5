import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { TLS_DEFAULTS, tlsOptions } from '#src/rpcclnt/tls.ts';

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
