/** `bricknfs serve` from its start to its end. */
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { bricknfs, folders, serving } from './harness.ts';

t.jobs = 3;

t.test('the server says how to mount, writes its pid, and stops on SIGTERM', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const pid = join(state, 'pid');
  const args = ['--port', '0', '--stages', '2', '--state-dir', state, '--insecure', '-p', pid, data];
  const { child, port, stdout, stderr, exited } = await serving(t, args);
  t.match(stdout.text, `/data, also as ${data} (read-write)\n`);
  const options = `vers=3,proto=tcp,port=${port},mountport=${port},mountproto=tcp,nolock`;
  t.match(stdout.text, `mount -t nfs -o ${options} 127.0.0.1:/data /mnt\n`);
  t.match(stdout.text, `mount -t nfs -o vers=3,tcp,port=${port},mountport=${port},nolocks,locallocks 127.0.0.1:/data`);
  t.equal(readFileSync(pid, 'utf8'), `${child.pid}\n`);
  t.equal(statSync(join(state, `control-${port}.sock`)).mode & 0o777, 0o600);

  const client = connect(port, '127.0.0.1').resume(); // An idle connection does not keep the server from stopping.
  await once(client, 'connect');
  child.kill('SIGTERM');
  t.equal(await exited, 0);
  for (const file of [pid, join(state, `control-${port}.sock`)]) t.notOk(existsSync(file), file);
  for (const line of stderr.text.trim().split('\n')) t.ok(JSON.parse(line), 'the log is lines of JSON');
});

t.test('a second server on the same port says so', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const { port, child, exited } = await serving(t, ['--port', '0', '--stages', '1', '--state-dir', state, data]);
  const { code, stderr } = await bricknfs(['serve', '--port', `${port}`, '--stages', '1', '--state-dir', state, data]);
  t.equal(code, 1);
  const what = 'another program uses it; stop that program, or choose another port with --port PORT';
  t.equal(stderr, `bricknfs: cannot listen on port ${port} of 127.0.0.1: ${what}\n`);
  child.kill('SIGINT');
  t.equal(await exited, 0);
});

t.test('without a directory the server makes ./export, and SIGHUP has no volfile to load', async t => {
  const { cwd, state } = folders(t, 'cwd', 'state');
  const args = ['--port', '0', '--stages', '1', '--state-dir', state, '--read-only', '--squash', 'all'];
  const { child, stdout, stderr } = await serving(t, args, { cwd });
  t.match(stdout.text, `/export, also as ${join(cwd, 'export')} (read-only, squash all)\n`);
  t.ok(statSync(join(cwd, 'export')).isDirectory());
  child.kill('SIGHUP');
  await stderr.until(/"msg":"SIGHUP"/);
  t.notMatch(stderr.text, /"level":[45]0/);
});

t.test('with --daemon the command ends when the server serves, or with the reason why it does not', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const pidFile = join(state, 'pid');
  const common = ['serve', '--daemon', '--stages', '1', '--state-dir', state, data, '--port'];
  const { code, stdout } = await bricknfs([...common, '0', '-p', pidFile]);
  t.equal(code, 0);
  const log = join(state, 'bricknfs.log');
  const [, pid] = /^bricknfs is serving in the background as process (\d+); its log is (.*)$/m.exec(stdout)!;
  t.teardown(() => {
    if (existsSync(pidFile)) process.kill(Number(pid), 'SIGKILL');
  });
  t.equal(readFileSync(pidFile, 'utf8'), `${pid}\n`);
  const [, port] = /mountport=(\d+)/.exec(stdout)!;

  const second = await bricknfs([...common, port!]);
  t.equal(second.code, 1);
  t.match(second.stderr, /^bricknfs: cannot listen on port .*\n$/);

  process.kill(Number(pid), 'SIGTERM');
  while (!readFileSync(log, 'utf8').includes('"msg":"stopped"')) await new Promise(resolve => setTimeout(resolve, 10));
  t.notOk(existsSync(pidFile));
});

t.test('--print-volfile prints a valid volfile to start from', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const { code, stdout } = await bricknfs(['serve', '--print-volfile', '--squash', 'root', '--name', 'v', data]);
  t.equal(code, 0);
  const file = join(state, 'own.vol');
  writeFileSync(file, stdout);
  const checked = await bricknfs(['check', '-f', file]);
  t.equal(checked.code, 0);
  t.ok(checked.stdout.startsWith(stdout), 'check prints it as it is');
});

t.test('an unwritable log file is refused, and a log can be formatted for people', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const common = ['--port', '0', '--stages', '1', '--state-dir', state, data];
  const { code, stderr } = await bricknfs(['serve', ...common, '-l', join(data, 'none', 'log')]);
  t.equal(code, 1);
  t.match(stderr, /^bricknfs: cannot write the log file .*ENOENT.*\n$/);

  const file = join(state, 'log');
  await serving(t, [...common, '-l', file, '--log-pretty']);
  t.match(readFileSync(file, 'utf8'), /INFO.*serving/);
});
