/** What a running server tells about exports, mounts, status and explain. */
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import t from 'tap';
import { MNT3, MOUNT_PROGRAM, MOUNT_V3, mountres3, dirpath_arg, MOUNTPROC3 } from '#protocols/mount.ts';
import { RpcClient } from '#src/rpcclnt/client.ts';
import { ask } from '#src/cli/control-client.ts';
import type { Explanation, Question } from '#src/server/control/explain.ts';
import type { ExportReport, StatusReport } from '#src/server/control/report.ts';
import { bricknfs, folders, serving } from './harness.ts';

const MNT = {
  name: 'MNT',
  prog: MOUNT_PROGRAM,
  vers: MOUNT_V3,
  proc: MOUNTPROC3.MNT,
  args: dirpath_arg,
  res: mountres3,
};

const asRoot = process.geteuid!() === 0;
const { größe, state } = folders(t, 'größe', 'state');
mkdirSync(join(größe, 'sub'));
writeFileSync(join(größe, 'sub', 'file'), 'text');
chmodSync(join(größe, 'sub', 'file'), 0o640);
if (asRoot) chownSync(join(größe, 'sub', 'file'), 1000, 1000);

const args = ['--port', '0', '--stages', '2', '--state-dir', state, '--insecure', '--squash', 'root'];
const { port } = await serving(t, [...args, '--reject', '10.9.0.0/16', größe]);
const client = await RpcClient.connect({ target: { host: '127.0.0.1', port }, timeoutMs: 5000 });
t.teardown(() => client.close());
const path = Buffer.from(`${größe}/sub`).toString('latin1');
t.equal((await client.ask(MNT, path)).fhs_status, MNT3.OK, 'mounted by its absolute path');

/** The output as it is printed without --json. */
const told = async (...words: string[]) => {
  const ran = await bricknfs([...words, '--state-dir', state]);
  t.equal(ran.code, 0, ran.stderr);
  return ran.stdout;
};
/** The answer as --json prints it, without a process for each request. */
const asked = <T>(method: string, params?: object) => ask<T>({ 'state-dir': state }, method, params);

t.test('exports', async t => {
  const [text, [one]] = await Promise.all([told('exports'), asked<ExportReport[]>('exports')]);
  t.match(one, {
    volume: 'größe',
    directory: '/',
    paths: ['/größe', größe],
    access: 'read-write',
    squash: 'root',
    reject: ['10.9.0.0/16'],
    insecurePorts: true,
    up: true,
  });
  t.match(text, /^PATHS +ACCESS +SQUASH/);
  t.match(text, `/größe ${größe}`);
});

t.test('mounts', async t => {
  t.strictSame(await asked('mounts'), [{ host: '127.0.0.1', path: `${größe}/sub` }]);
  t.match(await told('mounts'), /^CLIENT +PATH\n127\.0\.0\.1 +\//);
});

t.test('status', async t => {
  const [text, status] = await Promise.all([told('status'), asked<StatusReport>('status')]);
  t.equal(status.address, `127.0.0.1:${port}`);
  const programs = status.programs.map(({ name, netid }) => `${name} ${netid}`);
  for (const one of ['NFS3 tcp', 'MOUNT3 tcp', 'MOUNT1 tcp', 'MOUNT3 udp', 'MOUNT1 udp'])
    t.ok(programs.includes(one), one);
  t.notOk(programs.includes('NFS3 udp'));
  t.equal(status.stages.length, 2);
  t.ok(status.stages.every(({ replies }) => replies.bytesMax === 16 * 1024 * 1024 && replies.hits === 0));
  t.match(status.clients, [{ address: '127.0.0.1', connections: 1 }]);
  const [volume] = status.volumes;
  t.match(volume, { name: 'größe', up: true });
  const lookup = volume!.io[0]!.fops.find(({ fop }) => fop === 'lookup')!;
  t.ok(lookup.calls > 0 && lookup.usP50 > 0 && lookup.usP99 >= lookup.usP50, 'lookups are counted and timed');
  t.match(text, /MOUNT1 +100005 +1 +udp/);
  t.match(text, /lookup +\d/);
});

t.test('explain tells the rules, the ids, and whether the path exists', async t => {
  const explain = (question: Partial<Question>) =>
    asked<Explanation>('explain', { client: '10.0.0.1', port: 1023, uid: 1, gid: 1, groups: [], ...question });
  const words = ['explain', '--client', '10.0.0.1', '--path', '/größe/sub/file', '--uid', '1000', '--groups', '4,5'];
  const [json, text, root, rejected, absent, nowhere] = await Promise.all([
    told(...words, '--json'),
    told(...words),
    explain({ path: '/größe/sub', uid: 0, gid: 0 }),
    explain({ path: '/größe', client: '10.9.0.1' }),
    explain({ path: '/größe/none' }),
    explain({ path: '/other' }),
  ]);
  const user = JSON.parse(json) as Explanation;
  t.match(user, { allowed: true, export: '/größe', toldApart: asRoot });
  if (asRoot) t.match(user.identity, { uid: 1000, gid: 1000, groups: [4, 5] });
  else t.match(user.identity, { uid: process.geteuid!() });
  t.match(user.object, { exists: true, type: 'file', mode: '0640', ...(asRoot ? { granted: 'rw-' } : {}) });
  t.match(root, { squash: { mode: 'root', applied: true } });
  if (asRoot) t.match(root.identity, { uid: 65_534, gid: 65_534 });
  t.match(rejected, { allowed: false, rule: 'rpc-auth.addr.reject 10.9.0.0/16', where: /^\(generated volfile\):\d+$/ });
  t.equal(rejected.object, undefined);
  t.match(absent.object, { exists: false, error: 'ENOENT' });
  t.match(nowhere, { allowed: false, reason: `no export has this path; there are /größe, ${größe}` });
  t.match(text, /^allowed: 10\.0\.0\.1 may mount \/größe, and uid \d+ may read and write \/größe\/sub\/file\n/);
  t.match(text, /\n {2}by {6}rpc-auth\.addr\.allow \* \(default\)\n/);
});

t.test('requests are checked', async t => {
  const wrong = (params: object) => t.rejects(asked('explain', params), /^expected /);
  await wrong({ client: 'here' });
  await wrong({ client: '10.0.0.1' });
  await wrong({ client: '10.0.0.1', path: '/größe', port: -1, uid: 0, gid: 0 });
  await wrong({ client: '10.0.0.1', path: '/größe', port: 1, uid: 0, gid: 0, groups: ['wheel'] });
  await t.rejects(asked('stop'), { message: 'expected one of status, exports, mounts, explain as method' });
});

t.test('if one user has several servers, each with the state directory of its port, one must be named', async t => {
  const { data, home } = folders(t, 'data', 'home');
  // The default directory of root belongs to the machine.
  const uid = asRoot ? 65_534 : undefined;
  if (uid !== undefined) for (const dir of [data, home, dirname(home)]) chownSync(dir, uid, uid);
  const options = { env: { XDG_STATE_HOME: home }, ...(uid === undefined ? {} : { uid }) };
  const servers = [await freePort(), await freePort()].map(one => `${one}`);
  const [first, second] = await Promise.all(
    servers.map(one => serving(t, ['--port', one, '--stages', '1', data], options)),
  );
  const { code, stderr } = await bricknfs(['exports'], options);
  t.equal(code, 2);
  t.match(stderr, /^bricknfs: several servers are running, on the ports \d+, \d+; choose one with --port\n$/);
  const named = await bricknfs(['exports', '--port', servers[1]!], options);
  t.match(named.stdout, '/data');
  t.ok(existsSync(join(home, 'bricknfs', `port-${servers[0]}`, 'handle.key')));
  second!.child.kill('SIGKILL'); // Its socket stays, and is ignored from now on.
  await second!.exited;
  t.match((await bricknfs(['exports'], options)).stdout, '/data');
  const again = await bricknfs(['exports', '--port', servers[1]!], options);
  t.match(again.stderr, /no server is listening there/);
  first!.child.kill('SIGTERM');
});

t.test('in a directory shared by all users the server is found in the directory of its user', async t => {
  const { data, common } = folders(t, 'data', 'common');
  chmodSync(common, 0o1777);
  await serving(t, ['--port', '0', '--stages', '1', '--state-dir', common, data]);
  t.strictSame(readdirSync(common), [`uid-${process.geteuid!()}`]);
  t.match((await bricknfs(['exports', '--state-dir', common])).stdout, '/data');
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
