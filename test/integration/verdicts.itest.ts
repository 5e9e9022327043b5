/** Host names and groups of the real system, with /etc/hosts, /etc/passwd and /etc/group of the test's own. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { nfsstat3 as S } from '#protocols/nfs3/constants.ts';
import { folders, serving } from '../cli/harness.ts';
import { resultOf, statusOf } from '../soak/model/answer.ts';
import { authSys, Line, marked, recordOf } from '../soak/model/line.ts';
import { MOUNT3, NFS3 } from '../soak/procedures.ts';
import { enterNamespaces } from '../support/namespace.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(120_000);

const ALICE = authSys(1000, 1000);
/** An answer that is looked up anew, and one that is used no more. */
const GROUPS_MS_MAX = 30_000;

/** Serves a file that only group 7000 may read, with these options. */
async function serveFor(t: Test, options: readonly string[]) {
  const { data, etc, state } = folders(t, 'data', 'etc', 'state');
  const etcFile = (name: string, text: string) => writeFileSync(join(etc, name), text);
  etcFile('hosts', '127.0.0.1 nas\n');
  etcFile('passwd', 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n');
  etcFile('group', 'root:x:0:\nalice:x:1000:\nteam:x:7000:alice\n');
  etcFile('nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files\n');
  for (const name of ['hosts', 'passwd', 'group', 'nsswitch.conf']) {
    execFileSync('mount', ['--bind', join(etc, name), `/etc/${name}`]);
    t.teardown(() => execFileSync('umount', [`/etc/${name}`]));
  }
  writeFileSync(join(data, 'plan'), 'the plan');
  chownSync(join(data, 'plan'), 0, 7000);
  chmodSync(join(data, 'plan'), 0o640);
  const file = join(state, 'nfs.vol');
  const lines = [
    `volume brick\n type storage/posix\n option directory ${data}\nend-volume`,
    'volume data\n type debug/io-stats\n subvolumes brick\nend-volume',
    'volume nfs\n type nfs/server\n option nfs.port 0\n option rpc.register-with-portmap off',
    ' option rpc-auth.ports.insecure on',
    ...options.map(option => ` option ${option}`),
    ' subvolumes data\nend-volume\n',
  ];
  writeFileSync(file, lines.join('\n'));
  const start = () => serving(t, ['-f', file, '--state-dir', state, '--stages', '2']);
  return { start, etcFile };
}

async function open(t: Test, port: number): Promise<Line> {
  const line = await Line.open({ port, from: '127.0.0.1' });
  t.teardown(() => line.socket.destroy());
  return line;
}

async function fileOf(line: Line): Promise<Buffer> {
  const mounted = await line.exchange(1, marked(recordOf(MOUNT3.MNT, '/data', 1, ALICE)));
  const dir = Buffer.from((resultOf(MOUNT3.MNT, mounted) as { fhandle: Buffer }).fhandle);
  const found = await line.exchange(2, marked(recordOf(NFS3.LOOKUP, { what: { dir, name: 'plan' } }, 2, ALICE)));
  return Buffer.from((resultOf(NFS3.LOOKUP, found) as { object: Buffer }).object);
}

let xid = 100;
async function read(line: Line, file: Buffer): Promise<number> {
  const reply = await line.exchange(++xid, marked(recordOf(NFS3.READ, { file, offset: 0, count: 100 }, xid, ALICE)));
  return statusOf(resultOf(NFS3.READ, reply));
}

t.test(
  'a user that is removed from a group can no longer read after half a minute, on the same connection',
  async t => {
    const { start, etcFile } = await serveFor(t, ['nfs.server-aux-gids on']);
    const { port } = await start();
    const line = await open(t, port);
    const file = await fileOf(line);
    t.equal(await read(line, file), S.NFS3_OK);
    etcFile('group', 'root:x:0:\nalice:x:1000:\nteam:x:7000:\n');
    const since = performance.now();
    let status: number = S.NFS3_OK;
    while (status === S.NFS3_OK && performance.now() - since < 2 * GROUPS_MS_MAX) {
      await sleep(200);
      status = await read(line, file);
    }
    const ms = performance.now() - since;
    t.equal(status, S.NFS3ERR_ACCES);
    t.ok(ms < GROUPS_MS_MAX + 5000, `after ${Math.round(ms)} ms`);
  },
);

t.test('a client that is allowed by name goes on after a restart without a MNT', async t => {
  const { start } = await serveFor(t, ['nfs.server-aux-gids on', 'rpc-auth.addr.allow nas']);
  const first = await start();
  const file = await fileOf(await open(t, first.port));
  first.child.kill('SIGTERM');
  await first.exited;
  const { port } = await start();
  const lines = await Promise.all(Array.from({ length: 8 }, () => open(t, port)));
  const statuses = await Promise.all(lines.map(line => read(line, file)));
  t.strictSame(
    statuses,
    Array.from({ length: 8 }, () => S.NFS3_OK),
  );
  t.equal(await read(lines[0]!, file), S.NFS3_OK);
  for (const { socket } of lines) {
    socket.end();
    await once(socket, 'close');
  }
});
