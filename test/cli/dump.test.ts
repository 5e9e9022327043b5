/** SIGUSR1 writes a state dump, as GlusterFS does. */
import { lstatSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { once } from 'node:events';
import { connect } from 'node:net';
import { authsys_parms } from '#protocols/auth-sys.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { RpcClient } from '#src/rpcclnt/client.ts';
import { MOUNT3, NFS3 } from '../soak/procedures.ts';
import { dump, folders, serving } from './harness.ts';

t.jobs = 2;

const DUMP = /^bricknfs\.\d+\.dump\.\d+\.\d{3}$/;
const dumpsIn = (dir: string) => readdirSync(dir).filter(name => DUMP.test(name));

t.test('a dump has programs, clients, inode tables, descriptors, reply cache and graph of each stage', async t => {
  const { data, state } = folders(t, 'data', 'state');
  writeFileSync(join(data, 'a\nb[x]=\u009b'), 'x');
  const args = ['--port', '0', '--stages', '2', '--state-dir', state, '--insecure', data];
  const server = await serving(t, args);
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  const body = encode(authsys_parms, { stamp: 0, machinename: 'test', uid: 0, gid: 0, gids: [] });
  const target = { host: '127.0.0.1', port: server.port };
  const cred = { flavor: auth_flavor.AUTH_SYS, body };
  await using client = new RpcClient(socket, { target, timeoutMs: 5000, cred });
  const mounted = (await client.ask(MOUNT3.MNT, '/data')) as { fhandle: Buffer };
  await client.ask(NFS3.LOOKUP, {
    what: { dir: mounted.fhandle, name: Buffer.from('a\nb[x]=\u009b').toString('latin1') },
  });

  const file = await dump(server);
  t.match(file, new RegExp(`^${state}/bricknfs\\.${server.child.pid}\\.dump\\.\\d+\\.\\d{3}$`));
  const found = lstatSync(file);
  t.ok(found.isFile());
  t.equal(found.mode & 0o7777, 0o600);
  const text = readFileSync(file, 'utf8');
  t.match(text, /^DUMP-START-TIME: .*\n\n\[global\]\nversion=/);
  t.match(text, /\n\nDUMP-END-TIME: .*\n$/);
  t.match(text, new RegExp(`^pid=${server.child.pid}$`, 'm'));
  t.match(text, new RegExp(`^100003\\.3\\.tcp=NFS.* port ${server.port}$`, 'm'));
  t.match(text, /^\[descriptors\]\nopen=\d+\nlimit=\d+\n(.+=\d+\n)*socket=\d+$/m);
  for (const stage of [0, 1]) {
    t.match(text, new RegExp(`^\\[stage\\.${stage}\\]\nconnections=\\d+$`, 'm'));
    t.match(text, new RegExp(`^\\[stage\\.${stage}\\.reply-cache\\]\nkept=\\d+\nbytes=\\d+\nbytes-max=\\d+`, 'm'));
    t.match(text, new RegExp(`^\\[stage\\.${stage}\\.xlator\\.data-posix\\]\ntype=storage/posix\n`, 'm'));
    t.match(text, new RegExp(`^\\[stage\\.${stage}\\.inode-table\\.data\\]\nup=true\ninodes=\\d+\n`, 'm'));
  }
  t.match(text, /^\[stage\.\d\.client\.127\.0\.0\.1\]\nconnections=1$/m);
  t.match(text, /^descriptors\.path=[1-9]\d*$/m);
  t.match(text, /^lookup\.calls=1$/m);
  t.match(
    text,
    /^inode\.\d+=gfid=[0-9a-f]{32} type=REG refs=0 nlookup=1 path=\/a\\u\{a\}b\[x\]=\\u\{9b\}$/m,
    'a name takes one line',
  );
  t.match(text, /^\[volfile\]\nvolume data-posix\n {4}type storage\/posix\n/m);
});

t.test('ten dumps are kept, each in its own file, and files with other names stay', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const old = Array.from({ length: 12 }, (_, i) => `bricknfs.7.dump.${1000 + i}.000`);
  for (const name of old) writeFileSync(join(state, name), '');
  symlinkSync('/nowhere', join(state, 'bricknfs.7.dump.2000.000'));
  writeFileSync(join(state, 'bricknfs.7.dump.mine'), '');
  const server = await serving(t, ['--port', '0', '--stages', '1', '--state-dir', state, data]);
  const first = await dump(server);
  t.equal(dumpsIn(state).length, 10);
  t.ok(
    dumpsIn(state).includes('bricknfs.7.dump.1011.000') && !dumpsIn(state).includes(old[0]!),
    'the newest dumps stay',
  );
  const second = await dump(server);
  t.not(first, second);
  t.equal(dumpsIn(state).length, 10);
  t.ok(readdirSync(state).includes('bricknfs.7.dump.mine'));
});

t.test('if a dump cannot be written the log says so, and the server goes on', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const server = await serving(t, ['--port', '0', '--stages', '1', '--state-dir', state, data]);
  rmSync(state, { recursive: true });
  server.child.kill('SIGUSR1');
  await server.stderr.until(/"level":50.*"msg":"SIGUSR1: cannot write the state dump: ENOENT/);
  server.child.kill('SIGTERM');
  t.equal(await server.exited, 0);
});
