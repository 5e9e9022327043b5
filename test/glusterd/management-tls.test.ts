import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { managementTls } from '#src/glusterd/management-tls.ts';

t.test('without the file connections are not encrypted', async t => {
  t.equal(await managementTls(join(t.testdir({}), 'secure-access')), undefined);
});

t.test('with it they are, or there is no connection at all', async t => {
  const file = join(t.testdir({}), 'secure-access');
  writeFileSync(file, '');
  await t.rejects(managementTls(file), {
    name: 'GlusterdError',
    code: 'REFUSED',
    message:
      /^connections to glusterd are encrypted, since .*secure-access exists, but a certificate is missing: ENOENT/,
  });
  await t.rejects(managementTls(join(file, '..')), { code: 'REFUSED', message: /EISDIR/ });
});
