import t from 'tap';
import { isSame, openMapper, PORT_MAPPERS } from '#src/rpcclnt/portmap/mapper.ts';
import { echo } from '../../support/rpc/echo.ts';
import { entry, portMapper, tableOf } from '../../support/portmap.ts';
import { servePrograms } from '../../support/rpc/service.ts';

const { signal } = new AbortController();
const table = tableOf(entry('tcp', 2049), entry('udp6', 2050), entry('udp', 2051, { program: 7, version: 1 }));
const host = '127.0.0.1';
const nowhere = { path: '/nowhere/rpcbind.sock' };

t.test('the first that answers is asked, in version 4', async t => {
  const { port } = await servePrograms(t, portMapper(table));
  await using mapper = await openMapper([nowhere, { host, port, reservedPort: true }], 1000, signal);
  t.strictSame(mapper.netids, ['tcp', 'udp', 'tcp6', 'udp6']);
  t.strictSame(await mapper.dump(), [
    { program: 100003, version: 3, netid: 'tcp', address: '127.0.0.1', port: 2049 },
    { program: 100003, version: 3, netid: 'udp6', address: '::1', port: 2050 },
    { program: 7, version: 1, netid: 'udp', address: '127.0.0.1', port: 2051 },
  ]);
  t.notOk(await mapper.set(entry('tcp', 1)), 'the built-in one lets nobody in');
  t.notOk(await mapper.unset(entry('tcp', 1)));
});

t.test('version 2 where there is no other', async t => {
  const { port } = await servePrograms(t, portMapper(table).slice(0, 1));
  await using mapper = await openMapper([{ host, port }], 1000, signal);
  t.strictSame(mapper.netids, ['tcp', 'udp']);
  t.strictSame(await mapper.dump(), [
    { program: 100003, version: 3, netid: 'tcp', address: undefined, port: 2049 },
    { program: 7, version: 1, netid: 'udp', address: undefined, port: 2051 },
  ]);
  t.notOk(await mapper.set(entry('udp', 1)));
  t.notOk(await mapper.unset(entry('udp', 1)));
});

t.test('no port mapper: an error for each place', async t => {
  const { port } = await servePrograms(t, [echo]);
  await t.rejects(openMapper([nowhere, { host, port }], 1000, signal), {
    errors: [{ code: 'CANNOT_CONNECT' }, { code: 'PROG_UNAVAIL' }],
    message: /^no port mapper answers: .*ENOENT.*; rpcbind 4 NULL: the server does not have the program/,
  });
});

t.test('the same entry: by address and port, or by port where there is no more', async t => {
  const of = { program: 100003, version: 3, netid: 'tcp' } as const;
  const same = (address: string | undefined, port: number) => isSame({ ...of, address, port }, entry('tcp', 2049));
  t.strictSame(
    [same('127.0.0.1', 2049), same(undefined, 2049), same('0.0.0.0', 2049), same('127.0.0.1', 1)],
    [true, true, false, false],
  );
});

t.test('the usual places', async t => {
  t.strictSame(PORT_MAPPERS, [{ path: '/run/rpcbind.sock' }, { host: '127.0.0.1', port: 111, reservedPort: true }]);
});
