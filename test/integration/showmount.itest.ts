/** The showmount of nfs-utils reads MOUNT's answers, here and from another machine. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { serveMount } from '../support/mount.ts';
import { enterNamespaces, HERE, remoteHost, REMOTE } from '../support/namespace.ts';
import { entry, portMapper, tableOf } from '../support/portmap.ts';
import { serveAt } from '../support/rpc/serve-at.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(180_000);

const run = promisify(execFile);
const remote = remoteHost();

const exports = [
  { directory: '/srv/data', groups: ['10.9.0.0/24', '*.example.org'] },
  { directory: '/data', groups: [] },
];

const at = (program: number, version: number, port: number) =>
  (['tcp', 'udp', 'tcp6', 'udp6'] as const).map(netid =>
    entry(netid, port, { program, version, address: netid.endsWith('6') ? '::' : '0.0.0.0' }),
  );
const ports = tableOf(...[2, 3, 4].flatMap(v => at(100000, v, 111)), ...[1, 3].flatMap(v => at(100005, v, 2049)));

/** The lines after showmount's heading, with single blanks. */
async function showmount(command: readonly string[], ...args: string[]): Promise<string[]> {
  const { stdout } = await run(command[0] ?? 'showmount', [
    ...command.slice(1),
    ...(command.length > 0 ? ['showmount'] : []),
    ...args,
  ]);
  return stdout
    .trimEnd()
    .split('\n')
    .slice(1)
    .map(line => line.trim().replace(/\s+/g, ' '));
}

for (const [name, command, host] of [['here', [], '127.0.0.1'], ['there', remote, HERE]] as const) {
  t.test(`${name}: showmount prints exports and mounts`, async t => {
    const { programs, mounts } = await serveMount(t, { exports });
    await serveAt(t, 2049, programs);
    await serveAt(t, 111, portMapper(ports));
    t.strictSame(await showmount(command, '-e', host), ['/srv/data 10.9.0.0/24,*.example.org', '/data (everyone)']);
    t.strictSame(await showmount(command, '-a', host), []);
    mounts.add('127.0.0.1', '/data');
    mounts.add(REMOTE, '/srv/data');
    t.strictSame(await showmount(command, '-a', host), [`${REMOTE}:/srv/data`, '127.0.0.1:/data']);
    t.strictSame(await showmount(command, '-d', host), ['/data', '/srv/data']);
    t.strictSame(await showmount(command, host), [REMOTE, '127.0.0.1']);
  });
} // prettier-ignore

t.test('a list of thousands is complete', async t => {
  const { programs, mounts } = await serveMount(t);
  await serveAt(t, 2049, programs);
  await serveAt(t, 111, portMapper(ports));
  for (let i = 0; i < 5000; i++) mounts.add(`10.1.${i >> 8}.${i & 255}`, '/data');
  t.equal((await showmount([], '-a', '127.0.0.1')).length, 5000);
});
