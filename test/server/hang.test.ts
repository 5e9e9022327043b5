/**
 * If the file system of a brick does not answer, its stage is replaced, other volumes go on, and the brick comes back.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { authsys_parms } from '#protocols/auth-sys.ts';
import { createmode3, nfsstat3, time_how } from '#protocols/nfs3/constants.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { ask } from '#src/cli/control-client.ts';
import { RpcClient } from '#src/rpcclnt/client.ts';
import type { StatusReport } from '#src/server/control/report.ts';
import { folders, serving } from '../cli/harness.ts';
import { MOUNT3, NFS3 } from '../soak/procedures.ts';

const KEEP = { set_it: time_how.DONT_CHANGE } as const;
const ANY = { mode: 0o644, uid: undefined, gid: undefined, size: undefined, atime: KEEP, mtime: KEEP };

/** storage/posix with a CREATE that waits in the kernel until the fifo is written to. */
const stuck = (fifo: string, note: string) => `
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Posix } from 'bricknfs/xlators/storage/posix/posix.ts';
import { asServer } from 'bricknfs/sys/process/identity.ts';
export default class Stuck extends Posix {
  override create(...args) {
    asServer();
    if (!existsSync(${JSON.stringify(note)})) {
      writeFileSync(${JSON.stringify(note)}, '');
      readFileSync(${JSON.stringify(fifo)});
    }
    return super.create(...args);
  }
}
`;

const volfile = (dead: string, alive: string) => `
volume dead
  type file:./stuck.ts
  option directory ${dead}
end-volume
volume alive
  type storage/posix
  option directory ${alive}
end-volume
volume nfs
  type nfs/server
  option nfs.port 0
  option rpc-auth.ports.insecure on
  option rpc.register-with-portmap off
  subvolumes dead alive
end-volume
`;

const own = { stamp: 0, machinename: 'test', uid: process.getuid!(), gid: process.getgid!(), gids: [] };
const cred = { flavor: auth_flavor.AUTH_SYS, body: encode(authsys_parms, own) };

t.test(
  'a single stage that hangs is replaced, and the volume is served again when its file system answers',
  async t => {
    const { dead, alive, state } = folders(t, 'dead', 'alive', 'state');
    const [file, note, fifo] = [join(state, 'nfs.vol'), join(state, 'note'), join(state, 'fifo')];
    execFileSync('mkfifo', [fifo]);
    writeFileSync(join(state, 'stuck.ts'), stuck(fifo, note));
    writeFileSync(file, volfile(dead, alive));
    const { port, child, exited, stderr } = await serving(t, ['-f', file, '--stages', '1', '--state-dir', state]);
    const connect = () => RpcClient.connect({ target: { host: '127.0.0.1', port }, timeoutMs: 60_000, cred });
    const first = await connect();
    const bystander = await connect();
    const mounted = async (path: string) => ((await first.ask(MOUNT3.MNT, path)) as { fhandle: Buffer }).fhandle;
    const [deadTop, aliveTop] = [await mounted('/dead'), await mounted('/alive')];
    const create = {
      where: { dir: deadTop, name: 'file' },
      how: { mode: createmode3.UNCHECKED, obj_attributes: ANY },
    };
    const lost = t.rejects(first.ask(NFS3.CREATE, create), /closed/, 'the connection of the hanging call is closed');
    while (!existsSync(note)) await sleep(10);

    // A client does the same: it asks again on another connection when the first has ended.
    const asked = bystander.ask(NFS3.GETATTR, { object: aliveTop });
    await t.rejects(asked, /closed/, 'the connection of another client of the stage is closed as well');
    const again = await connect();
    t.match(
      await again.ask(NFS3.GETATTR, { object: aliveTop }),
      { status: nfsstat3.NFS3_OK },
      'the other volume is served',
    );
    t.match(
      await again.ask(NFS3.GETATTR, { object: deadTop }),
      { status: nfsstat3.NFS3ERR_JUKEBOX },
      'this volume asks to come again later',
    );
    await lost;
    const status = await ask<StatusReport>({ 'state-dir': state }, 'status');
    t.match(status.hangs, [{ brick: 'dead', since: /^\d{4}-/ }]);
    t.equal(status.stages[0]!.silentMs, undefined, 'the remaining stages answer');

    await writeFile(fifo, '');
    await stderr.until(/"msg":"the file system answers again"/);
    for (;;) {
      const { status } = (await again.ask(NFS3.GETATTR, { object: deadTop })) as { status: number };
      if (status === nfsstat3.NFS3_OK) break;
      t.equal(status, nfsstat3.NFS3ERR_JUKEBOX);
      await sleep(50);
    }
    t.match(await again.ask(NFS3.CREATE, create), { status: nfsstat3.NFS3_OK });
    t.strictSame((await ask<StatusReport>({ 'state-dir': state }, 'status')).hangs, []);
    await Promise.all([first, bystander, again].map(client => client.close()));
    child.kill('SIGTERM');
    t.equal(await exited, 0);
    t.notMatch(stderr.text, /"level":(50|60)/);
  },
);

/** An xlator whose CREATE takes long, but is woken again and again, as with a disk that is slow but works. */
const SLOW = `
import { Posix } from 'bricknfs/xlators/storage/posix/posix.ts';
export default class Slow extends Posix {
  override create(...args) {
    const word = new Int32Array(new SharedArrayBuffer(4));
    for (let i = 0; i < 35; i++) Atomics.wait(word, 0, 0, 100);
    return super.create(...args);
  }
}
`;

t.test('a slow disk does not cost the stage', async t => {
  const { dead, alive, state } = folders(t, 'dead', 'alive', 'state');
  const file = join(state, 'nfs.vol');
  writeFileSync(join(state, 'stuck.ts'), SLOW);
  writeFileSync(file, volfile(dead, alive));
  const { port, child, exited, stderr } = await serving(t, ['-f', file, '--stages', '1', '--state-dir', state]);
  await using client = await RpcClient.connect({ target: { host: '127.0.0.1', port }, timeoutMs: 60_000, cred });
  const { fhandle } = (await client.ask(MOUNT3.MNT, '/dead')) as { fhandle: Buffer };
  const how = { mode: createmode3.UNCHECKED, obj_attributes: ANY };
  const made = await client.ask(NFS3.CREATE, { where: { dir: fhandle, name: 'file' }, how });
  t.match(made, { status: nfsstat3.NFS3_OK });
  t.notMatch(stderr.text, /does not answer/);
  await client.close();
  child.kill('SIGTERM');
  t.equal(await exited, 0);
});
