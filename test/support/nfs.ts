/** A real NFS service over a real graph, for tests of bytes on the wire. */
import { lstatSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { programsOf } from '#actors/programs.ts';
import { Graph } from '#src/graph/graph.ts';
import { planGraph } from '#src/graph/plan.ts';
import { silent } from '#src/log.ts';
import { asServer } from '#src/sys/process/identity.ts';
import type { ReplyCache } from '#src/rpcsvc/duplicates/reply-cache.ts';
import { MountList } from '#src/xlators/nfs/server/mount/mount-table.ts';
import { NfsServer } from '#src/xlators/nfs/server/nfs-server.ts';
import { WriteVerifiers } from '#src/master/write-verifiers.ts';
import type { Volume } from '#src/master/volume.ts';
import { NfsHost } from '#src/xlators/nfs/server/nfs-host.ts';
import { XLATORS } from '#src/xlators/registry.ts';
import { LIMITS, RecordClient, servePrograms, type ServedPrograms } from './rpc/service.ts';

export const HANDLE_KEY = Buffer.alloc(16, 0x42);
/** The write verifier of these services, as hex. */
export const VERIFIER = 'b0b1b2b3b4b5b6b7';

export interface ServedNfs extends ServedPrograms {
  /** The exported directory. Tests look into it and change it behind the server's back. */
  readonly dir: string;
  readonly graph: Graph;
  readonly nfs: NfsServer;
  /** The volume `vol`, for the tree that is served now. */
  readonly volume: Volume;
  readonly mounts: MountList;
  /** The handle of a path in the volume, as a client would get it, in hex. `''` is the volume's root. */
  handle(path: string): Promise<string>;
}

export interface ServeOptions {
  /** Options of the brick, such as `option index on`. */
  readonly brick?: readonly string[];
  /** Options of nfs/server, such as `option nfs3.vol.volume-access read-only`. */
  readonly options?: readonly string[];
  /** Stanzas of the volfile between the volume `brick` and nfs/server. The last one must be named `vol`. */
  readonly layers?: string;
  /** Names of the volumes to serve: only `vol` unless `layers` defines more. */
  readonly volumes?: readonly string[];
  /** The directory of an earlier service, so that its handles stay valid. */
  /** The state directory of an earlier service, so that its handles stay valid. */
  readonly dir?: string;
  readonly stateDir?: string;
  /** Where replies are kept for calls that are sent again. Without it such calls are executed again. */
  readonly replies?: ReplyCache;
}

export async function temporaryDir(t: Test, name: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), `bricknfs-${name}-`));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Serves an empty directory as the volume `vol` until the test ends. */
export async function serveNfs(t: Test, options: ServeOptions = {}): Promise<ServedNfs> {
  const stateDir = options.stateDir ?? (await temporaryDir(t, 'state'));
  const dir = options.dir ?? (await temporaryDir(t, 'vol'));
  // MNT walks as the caller, which may be any user.
  if (options.dir === undefined) await chmod(dir, 0o755);
  const layers = options.layers ?? 'volume vol\n type debug/io-stats\n subvolumes brick\nend-volume\n';
  const text = `
volume brick
  type storage/posix
  option directory ${dir}
  ${(options.brick ?? []).join('\n  ')}
end-volume
${layers}
volume nfs
  type nfs/server
  option rpc-auth.ports.insecure on
  ${(options.options ?? []).join('\n  ')}
  subvolumes ${(options.volumes ?? ['vol']).join(' ')}
end-volume
`;
  const plan = await planGraph({ text, file: 'test.vol', registry: XLATORS });
  const mounts = await MountList.open({ log: silent, rmtab: '/-' });
  const verifiers = new WriteVerifiers();
  for (const volume of options.volumes ?? ['vol']) Buffer.from(VERIFIER, 'hex').copy(verifiers.of(volume).bytes);
  const host = new NfsHost({ handleKey: HANDLE_KEY, verifiers, mounts, programsOf });
  const graph = await Graph.prepare(plan, { log: silent, stateDir, stage: 0, host });
  t.teardown(() => graph.stop());
  const nfs = graph.top as NfsServer;
  void graph.up();
  const served = await servePrograms(t, nfs.programs(), LIMITS, options.replies);
  const subvolume = nfs.subvolumes.get('vol')!;
  return {
    ...served,
    dir,
    graph,
    nfs,
    get volume() {
      return subvolume.volume;
    },
    mounts,
    async exchange(record) {
      const reply = await served.exchange(record);
      // The server runs in this thread and leaves it with the caller's identity. The test reads its files as itself.
      asServer();
      return reply;
    },
    async handle(path) {
      const client = new RecordClient(served.port);
      try {
        // MNT follows symbolic links, LOOKUP does not.
        const mounted = isSymlink(dir, path) ? undefined : await mountHandle(client, `/vol/${path}`);
        return mounted ?? (await lookUp(client, path));
      } finally {
        client.socket.destroy();
        asServer();
      }
    },
  };
}

const CALL = '00000001 00000000 00000002'.replaceAll(' ', '');

function isSymlink(dir: string, path: string): boolean {
  const bytes = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(path, 'latin1')]);
  return lstatSync(bytes, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

const hexString = (text: string) => {
  const bytes = Buffer.from(text, 'latin1');
  const padded = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  return bytes.length.toString(16).padStart(8, '0') + padded.toString('hex');
};

/** The handle in a reply of MNT, or undefined if MNT was refused (for a file, for example). */
async function mountHandle(client: RecordClient, path: string): Promise<string | undefined> {
  const call = `${CALL}000186a5 00000003 00000001 ${AUTH_ROOT}${hexString(path)}`.replaceAll(' ', '');
  const reply = await client.exchange(Buffer.from(call, 'hex'));
  return handleAt(reply);
}

async function lookUp(client: RecordClient, path: string): Promise<string> {
  const slash = path.lastIndexOf('/');
  const parent = (await mountHandle(client, `/vol/${path.slice(0, Math.max(0, slash))}`))!;
  const args = `${(parent.length / 2).toString(16).padStart(8, '0')}${parent}${hexString(path.slice(slash + 1))}`;
  const call = `${CALL}000186a3 00000003 00000003 ${AUTH_ROOT}${args}`.replaceAll(' ', '');
  const found = handleAt(await client.exchange(Buffer.from(call, 'hex')));
  if (found === undefined) throw new Error(`no handle for ${path}`);
  return found;
}

/** The handle in a reply. The status follows a header of 24 bytes, and the handle follows the status. */
function handleAt(reply: Buffer): string | undefined {
  if (reply.readUInt32BE(20) !== 0 || reply.readUInt32BE(24) !== 0) return undefined;
  const length = reply.readUInt32BE(28);
  return reply.toString('hex', 32, 32 + length);
}

/** AUTH_SYS credentials and an empty verifier, as hex. */
export function authSys(uid: number, gid: number, gids: readonly number[] = []): string {
  const words = [0, 0, uid, gid, gids.length, ...gids].map(word => word.toString(16).padStart(8, '0')).join('');
  return `00000001${(words.length / 2).toString(16).padStart(8, '0')}${words}0000000000000000`;
}

export const AUTH_ROOT = authSys(0, 0);
