/** If a call stops the thread of its stage, as on a dead disk, the main thread goes on. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { authsys_parms } from '#protocols/auth-sys.ts';
import { createmode3, time_how } from '#protocols/nfs3/constants.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { ask } from '#src/cli/control-client.ts';
import { RpcClient } from '#src/rpcclnt/client.ts';
import type { ExportReport, StatusReport } from '#src/server/control/report.ts';
import { folders, serving } from '../cli/harness.ts';
import { MOUNT3, NFS3 } from '../soak/procedures.ts';

const KEEP = { set_it: time_how.DONT_CHANGE } as const;
const ANY = { mode: 0o644, uid: undefined, gid: undefined, size: undefined, atime: KEEP, mtime: KEEP };

/** An xlator with a CREATE that ends only with the server. It makes the file `note` first. */
const stuck = (note: string) => `
import { writeFileSync } from 'node:fs';
import { Xlator } from 'bricknfs/graph/xlator.ts';
export default class Stuck extends Xlator {
  override create() {
    writeFileSync(${JSON.stringify(note)}, '');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
}
`;

const volfile = (dir: string) => `
volume brick
  type storage/posix
  option directory ${dir}
end-volume
volume data
  type file:./stuck.ts
  subvolumes brick
end-volume
volume nfs
  type nfs/server
  option nfs.port 0
  option rpc-auth.ports.insecure on
  option rpc.register-with-portmap off
  subvolumes data
end-volume
`;

t.test('control requests, new connections, SIGHUP and SIGTERM do not wait for a stuck stage', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const [file, note] = [join(state, 'nfs.vol'), join(state, 'stuck')];
  writeFileSync(join(state, 'stuck.ts'), stuck(note));
  writeFileSync(file, volfile(data));
  const args = ['-f', file, '--stages', '1', '--state-dir', state, '--grace', '1'];
  const { port, child, exited, stderr } = await serving(t, args);
  const target = { host: '127.0.0.1', port };
  const own = { stamp: 0, machinename: 'test', uid: process.getuid!(), gid: process.getgid!(), gids: [] };
  const cred = { flavor: auth_flavor.AUTH_SYS, body: encode(authsys_parms, own) };
  const client = await RpcClient.connect({ target, timeoutMs: 60_000, cred });
  t.teardown(() => client.close());
  const { fhandle } = (await client.ask(MOUNT3.MNT, '/data')) as { fhandle: Buffer };
  const how = { mode: createmode3.UNCHECKED, obj_attributes: ANY };
  client.ask(NFS3.CREATE, { where: { dir: fhandle, name: 'file' }, how }).catch(() => {});
  while (!existsSync(note)) await sleep(10);

  const [one] = await ask<ExportReport[]>({ 'state-dir': state }, 'exports');
  t.match(one, { paths: ['/data'] });
  t.strictSame(await ask({ 'state-dir': state }, 'mounts'), [{ host: '127.0.0.1', path: '/data' }]);
  const status = await ask<StatusReport>({ 'state-dir': state }, 'status');
  t.ok(status.stages[0]!.silentMs! > 0, 'status says which stage does not answer');
  t.match(status.volumes, [{ name: 'data' }]);
  const other = await RpcClient.connect({ target, timeoutMs: 5000 });
  await other.close();
  t.pass('a new connection is accepted');
  writeFileSync(file, volfile(data).replace('volume nfs', 'volume nfs\n  option nfs.mem-factor 0'));
  child.kill('SIGHUP');
  await stderr.until(/"msg":"the volfile was not reloaded, and nothing has changed/);
  child.kill('SIGTERM');
  t.equal(await exited, 0);
  t.match(stderr.text, /"msg":"some calls were not answered in the grace period; they are dropped"/);
});
