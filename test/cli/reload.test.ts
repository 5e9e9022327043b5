/** A served volfile is reloaded on SIGHUP if it is valid. A stage that dies ends the server. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, linkSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { ExportReport } from '#src/server/control/report.ts';
import { bricknfs, folders, serving } from './harness.ts';

const volfile = (dir: string, volume: string, more = '') => `
volume brick
  type storage/posix
  option directory ${dir}
end-volume
volume ${volume}
  type debug/io-stats
  subvolumes brick
end-volume
volume nfs
  type nfs/server
  option nfs.port 0
  option rpc.register-with-portmap off
  ${more}
  subvolumes ${volume}
end-volume
`;

t.test('SIGHUP loads a good volfile in all stages, and a bad one in none', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const file = join(state, 'nfs.vol');
  writeFileSync(file, volfile(data, 'first'));
  const { child, port, stderr, exited } = await serving(t, ['-f', file, '--stages', '2', '--state-dir', state]);
  const exported = async () => {
    const { stdout } = await bricknfs(['exports', '--json', '--state-dir', state, '--port', `${port}`]);
    return (JSON.parse(stdout) as ExportReport[]).flatMap(({ paths }) => paths);
  };
  t.strictSame(await exported(), ['/first']);

  writeFileSync(file, volfile(data, 'second', 'option nfs3.second.squash some'));
  child.kill('SIGHUP');
  const [, message] = await stderr.until(/"msg":"the volfile was not reloaded, and nothing has changed: (.*)"/);
  t.equal(
    JSON.parse(`"${message}"`),
    `${file}:14: expected one of none, root, all for option nfs3.second.squash, found "some"`,
  );
  t.strictSame(await exported(), ['/first']);

  writeFileSync(file, volfile(data, 'second', 'option nfs.mem-factor 2'));
  child.kill('SIGHUP');
  await stderr.until(/"msg":"the new volfile has taken over"/);
  t.strictSame(await exported(), ['/second']);

  writeFileSync(file, volfile(data, 'second', 'option nfs.mount-udp off\n  option nfs.drc off'));
  child.kill('SIGHUP');
  await stderr.until(
    /"options":\["nfs.drc","nfs.mount-udp"\],"msg":"the new values of these options take effect when the server is restarted"/,
  );
  child.kill('SIGTERM');
  t.equal(await exited, 0);
});

/** Opens a fifo for writing, once it has been opened for reading. */
async function writerOf(fifo: string): Promise<number> {
  for (;;) {
    try {
      return openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
      await sleep(10); // there is no reader yet
    }
  }
}

t.test('of two reloads the later one stays, although the file of the first one is slow to read', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const [file, slow, next] = [join(state, 'nfs.vol'), join(state, 'slow'), join(state, 'next')];
  writeFileSync(file, volfile(data, 'first'));
  writeFileSync(next, volfile(data, 'third'));
  const { child, port, stderr } = await serving(t, ['-f', file, '--stages', '1', '--state-dir', state]);
  execFileSync('mkfifo', [slow]);
  rmSync(file);
  linkSync(slow, file);
  child.kill('SIGHUP');
  const writer = await writerOf(slow);
  renameSync(next, file);
  child.kill('SIGHUP');
  await sleep(500);
  writeSync(writer, volfile(data, 'second'));
  closeSync(writer);
  await stderr.until(/"msg":"the new volfile has taken over"[^]*"msg":"the new volfile has taken over"/);
  const { stdout } = await bricknfs(['exports', '--json', '--state-dir', state, '--port', `${port}`]);
  t.match(JSON.parse(stdout), [{ paths: ['/third'] }]);
});

t.test('a stop does not wait for a volfile that cannot be read', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const file = join(state, 'nfs.vol');
  writeFileSync(file, volfile(data, 'first'));
  const { child, exited } = await serving(t, ['-f', file, '--stages', '1', '--state-dir', state]);
  rmSync(file);
  execFileSync('mkfifo', [file]);
  child.kill('SIGHUP');
  const writer = await writerOf(file); // the read begins, and does not end as long as this is open
  child.kill('SIGTERM');
  t.equal(await Promise.race([exited, sleep(10_000, 'it does not end', { ref: false })]), 0);
  closeSync(writer);
});

t.test('when a stage dies the server ends with exit code 70, so that it is restarted', async t => {
  const { data, state } = folders(t, 'data', 'state');
  writeFileSync(
    join(state, 'bomb.ts'),
    `import { Xlator } from 'bricknfs/graph/xlator.ts';
     export default class Bomb extends Xlator {
       override async init() {
         if (this.env.stage === 1) setTimeout(() => { throw new Error('boom'); }, 1000);
       }
     }`,
  );
  const file = join(state, 'nfs.vol');
  writeFileSync(file, volfile(data, 'data').replace('debug/io-stats', 'file:./bomb.ts'));
  const { stderr, exited } = await serving(t, ['-f', file, '--stages', '2', '--state-dir', state]);
  t.equal(await exited, 70);
  t.match(stderr.text, /"level":60.*boom.*"msg":"a stage has died/);
});
