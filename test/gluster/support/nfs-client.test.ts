/** The NFS client of the tests, over a directory of this machine. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { serveNfs } from '../../support/nfs.ts';
import { NfsClient, NfsError } from './nfs-client.ts';

t.test('the client does what it is told', async t => {
  const { dir, port } = await serveNfs(t);
  const client = await NfsClient.mount(t, { host: '127.0.0.1', port }, '/vol');
  const data = randomBytes(3_000_000);
  const folder = await client.mkdir(client.root, 'd', 0o750);
  const file = await client.create(folder, 'é', 0o640);
  await client.write(file, data);
  await client.commit(file);
  t.ok(readFileSync(join(dir, 'd/é')).equals(data));
  t.ok((await client.read(file)).equals(data));
  t.ok((await client.read(file, 10, 5)).equals(data.subarray(5, 15)));
  await client.setattr(file, { size: 10, mode: 0o600 });
  t.match(await client.getattr(file), { size: 10, mode: 0o600 });
  await client.link(file, client.root, 'l');
  await client.symlink(client.root, 's', 'd/é');
  t.equal(await client.readlink(await client.walk('s')), 'd/é');
  await client.rename(folder, 'é', client.root, 'f');
  t.same((await client.list(client.root, 1000)).map(({ name }) => name).sort(), ['.', '..', 'd', 'f', 'l', 's']);
  t.ok((await client.fsstat()).tbytes > 0);
  for (const name of ['f', 'l', 's']) await client.remove(client.root, name);
  await client.rmdir(client.root, 'd');
  t.same(readdirSync(dir), []);
  const error: unknown = await client.walk('f').catch((error: unknown) => error);
  t.ok(error instanceof NfsError && error.status === 'NFS3ERR_NOENT');
});

t.test('calls without an answer are sent again when the connection has broken', async t => {
  const { dir, port } = await serveNfs(t);
  const client = await NfsClient.mount(t, { host: '127.0.0.1', port }, '/vol');
  const made = Promise.all(Array.from({ length: 50 }, (_, i) => client.mkdir(client.root, `d${i}`)));
  await client.line.reset();
  await made.catch((error: unknown) => t.ok(error instanceof NfsError && error.status === 'NFS3ERR_EXIST'));
  t.equal(client.line.reconnects, 1);
  await client.mkdir(client.root, 'last');
  t.ok(statSync(join(dir, 'last')).isDirectory());
});
