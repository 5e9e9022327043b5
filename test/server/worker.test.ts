/** Stages in worker threads, as parts of a whole server. */
import { once } from 'node:events';
import { constants, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { authsys_parms } from '#protocols/auth-sys.ts';
import { createmode3, stable_how, time_how } from '#protocols/nfs3/constants.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { RpcClient } from '#src/rpcclnt/client.ts';
import { folders, serving } from '../cli/harness.ts';
import { MOUNT3, NFS3 } from '../soak/procedures.ts';

const { O_RDWR } = constants;
const KEEP = { set_it: time_how.DONT_CHANGE } as const;
const ANY = { mode: 0o644, uid: undefined, gid: undefined, size: undefined, atime: KEEP, mtime: KEEP };

const FILES = 40;

/** Makes files that are written to and not flushed. The thread pool will flush and close them. */
async function work(client: RpcClient, path: string): Promise<void> {
  const mounted = (await client.ask(MOUNT3.MNT, path)) as { fhandle: Buffer };
  const how = { mode: createmode3.UNCHECKED, obj_attributes: ANY };
  const data = Buffer.from('some bytes');
  const bytes = { offset: 0, count: data.length, stable: stable_how.UNSTABLE, data };
  for (let i = 0; i < FILES; i++) {
    const where = { dir: mounted.fhandle, name: `file ${i}` };
    const made = (await client.ask(NFS3.CREATE, { where, how })) as { obj: Buffer };
    await client.ask(NFS3.WRITE, { file: made.obj, ...bytes });
  }
}

/** Whether the process has a file below `dir` open for writing. */
function isOpen(pid: number, dir: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some(fd => {
    try {
      const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))![1]!;
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(dir) && (Number.parseInt(flags, 8) & O_RDWR) !== 0;
    } catch {
      return false; // It was closed in the meantime.
    }
  });
}

t.test(
  'descriptors are closed without a warning: standard error has only lines of the log',
  { timeout: 60_000 },
  async t => {
    const { data, state } = folders(t, 'data', 'state');
    const args = [data, '--port', '0', '--state-dir', state, '--insecure', '--stages', '2'];
    const { port, child, exited, stderr } = await serving(t, args, { env: { NODE_OPTIONS: '' } }); // tap's would silence warnings
    const uid = process.getuid!();
    const body = encode(authsys_parms, { stamp: 0, machinename: 'test', uid, gid: process.getgid!(), gids: [] });
    const cred = { flavor: auth_flavor.AUTH_SYS, body };
    // The address of a client decides about its stage. These two are on different stages.
    for (const localAddress of ['127.0.0.1', '127.0.0.2']) {
      const socket = connect({ host: '127.0.0.1', port, localAddress });
      await once(socket, 'connect');
      await using client = new RpcClient(socket, { target: { host: '127.0.0.1', port }, timeoutMs: 5000, cred });
      await work(client, data);
    }
    t.ok(readdirSync(`/proc/${child.pid}/task`).length > 64, 'the thread pool is as large as the bricks expect');
    while (isOpen(child.pid!, data)) await sleep(50); // The files are closed after a few seconds without use.
    await sleep(200); // The output of a worker goes through the main thread.
    child.kill('SIGTERM');
    t.equal(await exited, 0);
    const lines = stderr.text.trimEnd().split('\n');
    t.strictSame(
      lines.filter(line => !line.startsWith('{"level":')),
      [],
    );
    const stages = lines.map(line => JSON.parse(line) as { stage?: number; msg: string });
    t.ok(
      stages.some(({ stage, msg }) => stage === 1 && msg === 'mounted'),
      'the worker had a client',
    );
  },
);
