/** What a run begins with: connections, users with a directory each, and objects for all. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MNT3 } from '#protocols/mount.ts';
import { ftype3, nfsstat3 as S } from '#protocols/nfs3/constants.ts';
import type { fattr3 } from '#protocols/nfs3/types.ts';
import { MOUNT3, NFS3 } from '../procedures.ts';
import { holds } from './answer.ts';
import { Caller, type Tally } from './caller.ts';
import type { Ground, Shared } from './disruptions.ts';
import { authSys, Line, type Route } from './line.ts';
import { Mounter } from './mounter.ts';
import { Random } from './random.ts';
import { type Node, Tree } from './tree.ts';
import { NOTHING, type User, Worker } from './worker.ts';

const CONNECTIONS = 12;
/** The number of addresses of this machine that calls come from. The server's stages share these clients among them. */
const ADDRESSES = 6;
const WORKERS_EACH = 4;
const USERS: readonly User[] = [
  { uid: 0, gid: 0 },
  { uid: 1000, gid: 1000 },
  { uid: 2000, gid: 3000 },
];
const SHARED_BYTES = 4 * 1024 * 1024;
const SHARED_NAMES = 300;
const HOME_MODE = 0o755;

export interface Populated {
  readonly lines: readonly Line[];
  readonly workers: readonly Worker[];
  readonly mounters: readonly Mounter[];
  readonly ground: Ground;
}

/** Makes files behind the server's back, before it starts. */
export function prepareDisk(dir: string, random: Random): Buffer {
  const bytes = random.bytes(SHARED_BYTES);
  mkdirSync(join(dir, 'shared', 'many'), { recursive: true });
  writeFileSync(join(dir, 'shared', 'bytes'), bytes);
  writeFileSync(join(dir, 'shared', 'scratch'), '');
  for (let i = 0; i < SHARED_NAMES; i++) writeFileSync(join(dir, 'shared', 'many', `entry number ${i}`), '');
  return bytes;
}

async function handleOf(caller: Caller, dir: Buffer, ...names: string[]): Promise<Buffer> {
  let handle = dir;
  for (const name of names) {
    const found = await caller.call(NFS3.LOOKUP, { what: { dir: handle, name } });
    holds(found.status === S.NFS3_OK, `LOOKUP ${name} failed`);
    handle = Buffer.from(found.object);
  }
  return handle;
}

/** Makes a directory that belongs to `user`. */
export async function homeFor(root: Caller, top: Buffer, name: string, user: User, asRoot: boolean): Promise<Node> {
  const owner = asRoot ? { uid: user.uid, gid: user.gid } : {};
  const attributes = { ...NOTHING, mode: HOME_MODE };
  const made = await root.call(NFS3.MKDIR, { where: { dir: top, name }, attributes });
  holds(made.status === S.NFS3_OK && made.obj !== undefined, `MKDIR ${name}: status ${made.status}`);
  const object = Buffer.from(made.obj);
  const new_attributes = { ...attributes, ...owner };
  await root.expect(NFS3.SETATTR, { object, new_attributes, guard: undefined }, S.NFS3_OK);
  const { obj_attributes } = (await root.call(NFS3.GETATTR, { object })) as { obj_attributes: fattr3 };
  return {
    type: ftype3.NF3DIR,
    handle: object,
    fileid: obj_attributes.fileid,
    mode: HOME_MODE,
    nlink: 2,
    data: Buffer.alloc(0),
    target: '',
    entries: new Map(),
  };
}

export async function populate(
  dir: string,
  port: number,
  bytes: Buffer,
  seed: number,
  tally: Tally,
): Promise<Populated> {
  const asRoot = process.geteuid?.() === 0;
  const routes: Route[] = Array.from({ length: ADDRESSES }, (_, i) => ({ port, from: `127.0.0.${i + 1}` }));
  const lines = await Promise.all(Array.from({ length: CONNECTIONS }, (_, i) => Line.open(routes[i % ADDRESSES]!)));
  let seeds = seed;
  const caller = (line: Line, user: User) => new Caller(line, authSys(user.uid, user.gid), new Random(++seeds), tally);
  const root = caller(lines[0]!, USERS[0]!);

  const mounted = await root.call(MOUNT3.MNT, dir);
  holds(mounted.fhs_status === MNT3.OK, `MNT ${dir}: status ${mounted.fhs_status}`);
  const top = Buffer.from(mounted.fhandle);
  const paths = (await root.call(MOUNT3.EXPORT, undefined)).map(({ ex_dir }) => ex_dir);

  const workers: Worker[] = [];
  const homes: { name: string; handle: Buffer }[] = [];
  for (const [i, line] of lines.entries()) {
    for (let k = 0; k < WORKERS_EACH; k++) {
      const user = USERS[(i + k) % USERS.length]!;
      const name = `home-${i}-${k}`;
      const home = await homeFor(root, top, name, user, asRoot);
      const own = asRoot ? user : { uid: process.getuid!(), gid: process.getgid!() };
      const who = caller(line, user);
      workers.push(new Worker(who, new Tree(home, who.random), own, asRoot));
      homes.push({ name, handle: home.handle });
    }
  }
  const shared: Shared = {
    root: top,
    bytes,
    dir: await handleOf(root, top, 'shared', 'many'),
    file: await handleOf(root, top, 'shared', 'bytes'),
    scratch: await handleOf(root, top, 'shared', 'scratch'),
  };
  const exported = { paths, root: top, homes };
  const mounters = lines.slice(0, 2).map(line => new Mounter(caller(line, USERS[0]!), exported));
  const ground = { routes, random: new Random(++seeds), cred: root.cred, shared };
  return { lines, workers, mounters, ground };
}

/** The path of the home directory of worker number `n`. */
export const homePath = (dir: string, n: number): string =>
  join(dir, `home-${Math.floor(n / WORKERS_EACH)}-${n % WORKERS_EACH}`);
