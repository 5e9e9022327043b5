/**
 * Nothing may open a debugger in a server, because any local user could use it to run code as the server. Node.js opens
 * one on SIGUSR1 and for `--inspect`, which may also be in NODE_OPTIONS.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { isProcess } from '#src/sys/process/processes.ts';
import { bricknfs, folders, Output, serving } from '../../cli/harness.ts';
import { listeningPorts } from '../../support/listening.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');

t.jobs = 3;

for (const node of [['--disable-sigusr1'], []]) {
  t.test(`SIGUSR1 opens no debugger in a server started as node ${node.join(' ')} src/main.ts`, async t => {
    const { data, state } = folders(t, 'data', 'state');
    const args = ['--port', '0', '--stages', '2', '--state-dir', state, data];
    const { child, port, stderr } = await serving(t, args, { node });
    for (let i = 0; i < 3; i++) {
      child.kill('SIGUSR1');
      await sleep(100);
    }
    await stderr.until(/SIGUSR1/);
    t.strictSame(listeningPorts(child.pid!), [port]);
    t.notMatch(stderr.text, /debugger/i);
  });
}

for (const node of [['--disable-sigusr1'], []]) {
  t.test(`SIGUSR1 opens no debugger at any moment of the start of node ${node.join(' ')} src/main.ts`, async t => {
    const { data, state } = folders(t, 'data', 'state');
    const args = ['--port', '0', '--stages', '1', '--state-dir', state, data];
    for (const ms of [0, 20, 60, 120, 250]) {
      const child = spawn(process.execPath, [...node, MAIN, 'serve', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      const stdout = new Output(child, 'stdout');
      const stderr = new Output(child, 'stderr');
      const exited = once(child, 'close');
      await sleep(ms);
      child.kill('SIGUSR1');
      const serving = await stdout.until(/^bricknfs is serving on .*:(\d+)$/m).catch(() => undefined);
      const ports = listeningPorts(child.pid!);
      if (serving) t.strictSame(ports, [Number(serving[1])], `after ${ms} ms: no debugger is left`);
      child.kill('SIGKILL');
      await exited;
      if (!serving) t.equal(child.signalCode, 'SIGUSR1', `after ${ms} ms, before Node.js has begun, SIGUSR1 kills`);
      if (node.length > 0) t.notMatch(stderr.text, /debugger/i, `after ${ms} ms: no debugger was opened`);
    }
  });
}

t.test('a request for a debugger stops the start and every other command', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const line =
    'bricknfs: Node.js is told to open a debugger, through which other users could run code in this process; ' +
    'start it without --inspect, also in NODE_OPTIONS';
  const serve = ['serve', '--port', '0', '--state-dir', state, data];
  const cases: readonly (readonly [args: readonly string[], options: Parameters<typeof bricknfs>[1]])[] = [
    [serve, { env: { NODE_OPTIONS: '--inspect=0' } }],
    [serve, { env: { NODE_OPTIONS: '--no-warnings --inspect=127.0.0.1:0' } }],
    [serve, { env: { NODE_OPTIONS: '"--inspect=0"' } }],
    [serve, { node: ['--inspect=0'] }],
    [serve, { node: ['--inspect=0', '--disable-sigusr1'] }],
    [['serve', '--daemon', ...serve.slice(1)], { env: { NODE_OPTIONS: '--inspect=0' } }],
    [['status', '--state-dir', state], { env: { NODE_OPTIONS: '--inspect=0' } }],
    [['--version'], { node: ['--inspect=0'] }],
  ];
  for (const [args, options] of cases) {
    const { code, stdout, stderr } = await bricknfs(args, options);
    const ours = stderr.split('\n').filter(text => text.startsWith('bricknfs'));
    t.strictSame({ code, stdout, ours }, { code: 2, stdout: '', ours: [line] }, JSON.stringify([args[0], options]));
  }
});

t.test('with --daemon neither the command nor the server opens a debugger', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const pidFile = join(state, 'pid');
  const args = ['serve', '--daemon', '--port', '0', '--stages', '2', '-p', pidFile, '--state-dir', state, data];
  for (const node of [['--disable-sigusr1'], []]) {
    const { code, stdout } = await bricknfs(args, { node });
    t.equal(code, 0);
    const pid = Number(/as process (\d+)/.exec(stdout)![1]);
    const port = Number(/mountport=(\d+)/.exec(stdout)![1]);
    process.kill(pid, 'SIGUSR1');
    await sleep(300);
    t.strictSame(listeningPorts(pid), [port]);
    process.kill(pid, 'SIGKILL');
    while (isProcess(pid)) await sleep(10); // the next server would find the pid file of one that runs
  }
});

t.test('the log tells about code that NODE_OPTIONS loads into the server', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const args = ['--port', '0', '--stages', '1', '--state-dir', state, data];
  const { stderr } = await serving(t, args, { env: { NODE_OPTIONS: '--import=data:text/javascript,0' } });
  await stderr.until(/"level":40.*NODE_OPTIONS/);
});
