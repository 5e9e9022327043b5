/** The whole server, started by its command, with rpcbind, rpcinfo and showmount. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { dirpath_arg, fhstatus, MOUNT_PROGRAM, MOUNTPROC3, mountres3 } from '#protocols/mount.ts';
import { nothing } from '#protocols/xdr/codec.ts';
import { RpcClient } from '#src/rpcclnt/client.ts';
import { enterNamespaces, HERE, remoteHost } from '../support/namespace.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(180_000);

const run = promisify(execFile);
const remote = remoteHost();
const main = join(import.meta.dirname, '../../src/main.ts');

/** Starts the server and waits until it serves. `stop` returns its exit code. */
async function serve(t: Test, dir: string, ...args: string[]) {
  const argv = [main, 'serve', join(dir, 'data'), '--state-dir', join(dir, 'state'), ...args];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal);
    return (await exited)[0] as number | null;
  };
  t.teardown(() => stop('SIGKILL'));
  const serving = Promise.withResolvers<void>();
  createInterface(child.stderr).on('line', line => {
    lines.push(line);
    if (line.includes('"msg":"serving"')) serving.resolve();
  });
  void exited.then(() => serving.reject(new Error(`the server ended: ${lines.join('\n')}`)));
  await serving.promise;
  return { stop, lines };
}

const lineOf = async (command: string, ...args: string[]) =>
  (await run(command, args)).stdout.split('\n').map(line => line.trim().replace(/\s+/g, ' '));
const registered = async () => (await lineOf('rpcinfo', '127.0.0.1')).filter(line => /^10000[35] /.test(line)).sort();

const of = { prog: MOUNT_PROGRAM, args: dirpath_arg } as const;
const MNT3 = { ...of, name: 'MNT', vers: 3, proc: MOUNTPROC3.MNT, res: mountres3 };
const MNT1 = { ...of, name: 'MNT', vers: 1, proc: MOUNTPROC3.MNT, res: fhstatus };
const UMNT3 = { ...MNT3, name: 'UMNT', proc: MOUNTPROC3.UMNT, res: nothing };

async function mounted(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bricknfs-')); // a control socket's path has 107 bytes at most
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  await mkdir(join(dir, 'data', 'deep', 'er'), { recursive: true });
  return dir;
}

t.test('with the built-in port mapper clients find exports, mount, and are listed, also after a restart', async t => {
  const dir = await mounted(t);
  const path = join(dir, 'data');
  const args = ['--host', '::', '--portmapper', '--insecure'];
  const first = await serve(t, dir, ...args);
  const [command, ...there] = remote;
  const shown = (await run(command!, [...there, 'showmount', '-e', HERE])).stdout;
  t.match(shown, /^\/data /m);
  t.ok(shown.includes(path), shown);

  const client = await RpcClient.connect({ target: { host: '127.0.0.1', port: 2049 }, timeoutMs: 2000 });
  t.teardown(() => client.close());
  const byName = await client.ask(MNT3, '/data/deep//er/');
  const byPath = await client.ask(MNT3, `${path}/deep/er`);
  t.same(byName, byPath, 'both paths lead to the same directory');
  t.equal(byName.fhs_status, 0);
  t.match(await client.ask(MNT3, '/data/nowhere'), { fhs_status: 2 });
  t.match(await client.ask(MNT3, '/nowhere'), { fhs_status: 13 });
  t.match(await client.ask(MNT3, '/data/../etc'), { fhs_status: 13 });
  const old = await client.ask(MNT1, '/data');
  t.equal(old.status, 0);
  t.equal(old.directory?.length, 32);
  await client.ask(UMNT3, `${path}/deep/er`);
  t.same(await lineOf('showmount', '--no-headers', '-a', '127.0.0.1'), [
    '127.0.0.1:/data',
    '127.0.0.1:/data/deep/er',
    '',
  ]);

  t.equal(await first.stop(), 0);
  t.equal(
    await readFile(join(dir, 'state', 'rmtab'), 'latin1'),
    '127.0.0.1:/data/deep/er:0x00000001\n127.0.0.1:/data:0x00000001\n',
  );
  await serve(t, dir, ...args);
  t.same(await lineOf('showmount', '--no-headers', '-a', '127.0.0.1'), [
    '127.0.0.1:/data',
    '127.0.0.1:/data/deep/er',
    '',
  ]);
});

t.test('with rpcbind the server is registered exactly while it serves', async t => {
  const rpcbind = spawn('rpcbind', ['-f'], { stdio: 'inherit' });
  t.teardown(() => rpcbind.kill());
  for (let up = false; !up;) {
    await sleep(20);
    up = await registered().then(() => true, () => false);
  }
  const dir = await mounted(t);
  const server = await serve(t, dir, '--host', '::', '--portmap');
  for (let i = 0; i < 100 && (await registered()).length < 14; i++) await sleep(20);
  t.equal((await registered()).length, 14);
  t.match((await run('showmount', ['-e', '127.0.0.1'])).stdout, /^\/data /m);
  t.equal(await server.stop(), 0);
  t.strictSame(await registered(), []);

  const killed = await serve(t, dir, '--host', '::', '--portmap');
  for (let i = 0; i < 100 && (await registered()).length < 14; i++) await sleep(20);
  await killed.stop('SIGKILL');
  t.equal((await registered()).length, 14, 'a killed server leaves its registration behind');
  const next = await serve(t, dir, '--host', '::', '--port', '3049', '--portmap');
  for (let i = 0; i < 100 && !(await registered()).every(line => line.includes('.11.233')); i++) await sleep(20);
  t.ok((await registered()).every(line => line.includes('.11.233')), 'the next server takes the registration over');
  t.equal(await next.stop(), 0);
  t.strictSame(await registered(), []);
}); // prettier-ignore

t.test('without any port mapper the server logs one warning and serves', async t => {
  const server = await serve(t, await mounted(t), '--portmap');
  // The test runner loads modules of its own into all programs, and the server warns of them as well.
  const isWarning = (line: string) => line.includes('"level":40') && !line.includes('NODE_OPTIONS');
  for (let i = 0; i < 100 && !server.lines.some(isWarning); i++) await sleep(20);
  const warnings = server.lines.filter(isWarning);
  t.equal(warnings.length, 1, warnings.join('\n'));
  t.match(warnings[0], /mount with -o port=2049,mountport=2049/);
  t.equal(await server.stop(), 0);
});

/**
 * Calls procedure 0 from the other machine on a connected socket, which accepts a reply only from the address that it
 * asked.
 */
const ASK = `
  const [host, port, program, version] = process.argv.slice(1);
  const call = Buffer.alloc(40);
  [1, 0, 2, Number(program), Number(version)].forEach((word, i) => call.writeUInt32BE(word, 4 * i));
  const socket = require('node:dgram').createSocket('udp4');
  socket.connect(Number(port), host, () => socket.send(call));
  const late = setTimeout(() => process.exit(1), 5000);
  socket.on('message', reply => {
    clearTimeout(late);
    process.stdout.write(reply.toString('hex'));
    socket.close();
  });
`;

t.test('over UDP a reply comes from the address that was asked, even if that was added later', async t => {
  const VIP = ['10.9.0.50', '10.9.0.51'];
  const ip = (verb: string, address: string) => run('ip', ['addr', verb, `${address}/24`, 'dev', 'here']);
  await ip('add', VIP[0]!);
  for (const host of ['0.0.0.0', '::']) {
    const server = await serve(t, await mounted(t), '--host', host, '--portmapper', '--insecure');
    await ip('add', VIP[1]!);
    const [command, ...there] = remote;
    for (const address of [HERE, ...VIP]) {
      for (const [port, program, version] of [['2049', '100005', '3'], ['111', '100000', '2']]) {
        const args = [...there, process.execPath, '-e', ASK, address, port!, program!, version!];
        const { stdout } = await run(command!, args);
        t.equal(stdout, `0000000100000001${'0'.repeat(32)}`, `${address} port ${port}, listening on ${host}`);
      }
    }
    await ip('del', VIP[1]!);
    t.equal(await server.stop(), 0);
  }
}); // prettier-ignore
