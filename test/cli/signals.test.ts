/** What each signal does to a server. */
import { existsSync, mkdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bricknfs, folders, serving } from './harness.ts';

t.jobs = 2;

const ENDING = ['SIGTERM', 'SIGINT', 'SIGXCPU'] as const;
const KILLING = ['SIGQUIT', 'SIGABRT', 'SIGKILL'] as const;
const TOLD = ['SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGPROF', 'SIGIO', 'SIGPWR', 'SIGSTKFLT'] as const;
const SILENT = ['SIGPIPE', 'SIGXFSZ', 'SIGWINCH', 'SIGCHLD', 'SIGURG', 'SIGCONT'] as const;

t.test(
  'signals without a meaning do not end the server, and those that would kill any program are logged once',
  async t => {
    const { data, state } = folders(t, 'data', 'state');
    const { child, stderr, exited } = await serving(t, ['--port', '0', '--stages', '2', '--state-dir', state, data]);
    for (const signal of [...TOLD, ...SILENT]) {
      child.kill(signal);
      if ((TOLD as readonly string[]).includes(signal)) await stderr.until(new RegExp(`"msg":"${signal} is ignored"`));
      child.kill(signal);
    }
    child.kill('SIGHUP');
    await stderr.until(/"msg":"SIGHUP"/);
    const lines = stderr.text.split('\n').filter(line => line.includes('is ignored'));
    t.equal(lines.length, TOLD.length);
    child.kill('SIGTERM');
    t.equal(await exited, 0);
  },
);

for (const signal of ENDING) {
  t.test(`${signal} ends the server, also before it serves`, async t => {
    const { data, state } = folders(t, 'data', 'state');
    const { child, stderr, exited } = await serving(t, ['--port', '0', '--stages', '1', '--state-dir', state, data]);
    child.kill(signal);
    t.equal(await exited, 0);
    t.match(stderr.text, `"signal":"${signal}","msg":"stopping"`);
    t.match(stderr.text, '"msg":"stopped"');
  });
}

for (const signal of KILLING) {
  t.test(`${signal} kills the server at once`, async t => {
    const { data, state } = folders(t, 'data', 'state');
    const args = ['--port', '0', '--stages', '1', '--state-dir', state, data];
    const { child, exited } = await serving(t, args, { cwd: state });
    child.kill(signal);
    await exited;
    t.equal(child.signalCode, signal);
  });
}

const volfile = (dir: string) =>
  `volume data
     type storage/posix
     option directory ${dir}
   end-volume
   volume nfs
     type nfs/server
     option nfs.port 0
     subvolumes data
   end-volume
`;

t.test('SIGHUP reopens the log file for all threads', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const file = join(state, 'nfs.vol');
  writeFileSync(file, volfile(data));
  const log = join(state, 'log');
  const args = ['-f', file, '--stages', '2', '--state-dir', state, '-l', log, '-L', 'debug'];
  const { child, stderr, exited } = await serving(t, args);
  const until = async (path: string, pattern: RegExp) => {
    while (!existsSync(path) || !pattern.test(readFileSync(path, 'utf8'))) await new Promise(r => setTimeout(r, 10));
  };
  renameSync(log, `${log}.1`);
  // With a layer more there is a new graph in each stage; the same volfile would change nothing.
  const layer = '   volume data\n     type debug/io-stats\n     subvolumes brick\n   end-volume\n';
  writeFileSync(
    file,
    volfile(data).replace('volume data', 'volume brick').replace('   volume nfs', `${layer}   volume nfs`),
  );
  child.kill('SIGHUP');
  await until(log, /"msg":"the new volfile has taken over"/);
  for (const stage of [0, 1]) t.match(readFileSync(log, 'utf8'), new RegExp(`"stage":${stage}.*"msg":"volume is up"`));
  t.match(readFileSync(`${log}.1`, 'utf8'), /"msg":"SIGHUP"}\n$/, 'the last line of the old log file');

  renameSync(log, `${log}.2`);
  mkdirSync(log);
  child.kill('SIGHUP');
  await until(`${log}.2`, /"msg":"cannot reopen the log file .*\/log, so the old file stays in use: EISDIR/);
  await until(`${log}.2`, /has taken over"}\n$/);
  child.kill('SIGTERM');
  t.equal(await exited, 0);
  t.equal(stderr.text, '');
});

for (const given of ['--log-file', 'no log file']) {
  t.test(`SIGHUP to a daemon with ${given}: its log and its standard error are one file, the new one`, async t => {
    const { data, state } = folders(t, 'data', 'state');
    const log = given === '--log-file' ? join(data, 'my.log') : join(state, 'bricknfs.log');
    const more = given === '--log-file' ? ['--log-file', log] : [];
    const args = ['serve', '--daemon', '--port', '0', '--stages', '1', '--state-dir', state, ...more, data];
    const { code, stdout } = await bricknfs(args);
    t.equal(code, 0);
    const pid = Number(/as process (\d+)/.exec(stdout)![1]);
    t.teardown(() => process.kill(pid, 'SIGKILL'));
    t.match(readFileSync(log, 'utf8'), '"msg":"serving"');
    renameSync(log, `${log}.1`);
    process.kill(pid, 'SIGHUP');
    while (!existsSync(log)) await new Promise(resolve => setTimeout(resolve, 10));
    process.kill(pid, 'SIGUSR1');
    while (!readFileSync(log, 'utf8').includes('SIGUSR1')) await new Promise(resolve => setTimeout(resolve, 10));
    t.equal(readlinkSync(`/proc/${pid}/fd/2`), log);
  });
}
