/** A server in the foreground of a terminal ends when the terminal does, like any program. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import { folders } from './harness.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

/**
 * Runs the command line after `how` in a terminal of its own, and prints what becomes of it. `hup` sends SIGHUP while
 * the terminal exists, and `close` closes it.
 */
const UNDER_A_TERMINAL = `
import os, pty, select, signal, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen = b''
def until(text):
    global seen
    deadline = time.time() + 60
    while text not in seen:
        if not select.select([fd], [], [], max(0, deadline - time.time()))[0]:
            sys.exit('expected %r, found %r' % (text, seen))
        seen += os.read(fd, 4096)
def waits(seconds):
    for _ in range(int(seconds * 20)):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done: return status
        time.sleep(0.05)
started = os.environ.get('STARTED')
if started:
    deadline = time.time() + 60
    while not os.path.exists(started) or b'is serving' not in open(started, 'rb').read():
        if time.time() > deadline: sys.exit('the server has not started')
        time.sleep(0.05)
else:
    until(b'bricknfs is serving')
if sys.argv[1] == 'hup':
    os.kill(pid, signal.SIGHUP)
    until(b'"msg":"SIGHUP"')
    print('runs' if waits(0.5) is None else 'ended')
    os.kill(pid, signal.SIGTERM)
else:
    os.close(fd)
    status = waits(2 if started else 60)
    print('runs' if status is None else 'exit %d' % os.waitstatus_to_exitcode(status))
    if status is not None: sys.exit()
    os.kill(pid, signal.SIGTERM)
waits(30)
`;

const skip = spawnSync('python3', ['-c', 'import pty, os; os.waitstatus_to_exitcode']).status !== 0;

t.test(
  'a server ends with its terminal',
  { skip: skip && 'needs python3 (3.9 or later) to make a terminal' },
  async t => {
    const { data, state } = folders(t, 'data', 'state');
    const server = [process.execPath, '--disable-sigusr1', MAIN, 'serve', '--port', '0', '--stages', '1'];
    const command = [...server, '--state-dir', state, data];
    const cases: readonly (readonly [string, string, string[], NodeJS.ProcessEnv?])[] = [
      ['kill -HUP reloads', 'hup', command],
      ['the server ends when the terminal closes', 'close', command],
      ['nohup keeps the server', 'close', ['nohup', ...command], { STARTED: join(state, 'nohup.out') }],
    ];
    const ends = ['runs', 'exit 0', 'runs'];
    for (const [i, [title, how, words, env]] of cases.entries()) {
      const child = spawn('python3', ['-c', UNDER_A_TERMINAL, how, ...words], {
        cwd: state,
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, NODE_OPTIONS: '', ...env },
      });
      let printed = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
      await once(child, 'close');
      t.equal(printed.trim(), ends[i], title);
    }
  },
);
