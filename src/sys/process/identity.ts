/**
 * Switches the rights with which this thread operates on files. The kernel keeps fsuid, fsgid and groups for each thread,
 * so it checks modes, ACLs, sticky bits and quotas for the caller as on a local disk. A switch costs about 1.3 µs for each
 * id that differs, so it is made only when the next caller is another one: between fops the thread keeps the rights of the
 * last caller. All work of the server's own in such a thread must therefore be one of these:
 *
 * - loading modules: the hooks below switch to the server's rights, for import and require;
 * - starting and stopping xlators: the graph calls {@link asServer} before each;
 * - work that a timer or an answer starts: it calls {@link asServer} or {@link asRoot} first, and after each `await` again;
 * - making threads: a thread starts with the rights of the one that makes it, and gets the server's when it loads this
 *   module;
 * - work in the thread pool (`fs/promises`, DNS): its threads have the server's rights, since they are made below.
 */
import { access } from 'node:fs';
import { registerHooks } from 'node:module';
import { getegid, geteuid, getgroups } from 'node:process';
import { processCapabilities, tellsApart } from './capabilities.ts';
import { fsError, lastError } from '../failure.ts';
import { setfsgid, setfsuid, setgroups } from '../libc.ts';

/** More groups than any caller over NFS has; NGROUPS_MAX is 65536. */
const GROUPS_MAX = 1024;
/** With this id setfsuid(2) and setfsgid(2) change nothing and return the present id. */
const ASK = 0xffff_ffff;

/**
 * The ids of a caller as the kernel knows them. There is one object per distinct caller (`src/graph/identity.ts`), so
 * that a comparison by `===` shows whether ids must be switched.
 */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

const gids = new Uint32Array(GROUPS_MAX);
const gidBytes = Buffer.from(gids.buffer);

export const SERVER: Identity = Object.freeze({
  uid: geteuid?.() ?? 0,
  gid: getegid?.() ?? 0,
  groups: Object.freeze(getgroups?.() ?? []),
});

/**
 * Whether callers are told apart. If not (no root, or root without CAP_SETUID and CAP_SETGID) all callers act as the
 * server's own user. This needs root, since the kernel drops the rights over others' files only on a switch from uid 0.
 */
export const canSwitch: boolean = tellsApart(processCapabilities(), SERVER.uid);

let current: Identity | undefined = SERVER;
let uid = SERVER.uid;
let gid = SERVER.gid;
let groups: readonly number[] = SERVER.groups;
/** Identities that the kernel has accepted. In a user namespace it silently ignores ids that are not mapped. */
const taken = new WeakSet<Identity>([SERVER]);

// A thread starts with the rights that the thread which made it had at that moment, which may have been a caller's.
if (canSwitch) {
  become();
  access('/', () => {}); // libuv makes all threads of the pool with the first call that goes there
}

function become(): void {
  setgroups(writeGroups(SERVER.groups), gidBytes);
  setfsgid(SERVER.gid);
  setfsuid(SERVER.uid);
}

/** From here on this thread operates on files with the caller's rights. EPERM if the kernel refuses. */
export function asCaller(identity: Identity): void {
  if (identity !== current && canSwitch) switchTo(identity);
}

/** From here on this thread operates on files with the server's own rights. */
export function asServer(): void {
  if (current !== SERVER && canSwitch) switchTo(SERVER);
}

/**
 * Like {@link asServer}, at half the cost: gid and groups may still be those of the last caller. For calls that depend on
 * root's rights alone and that make no objects.
 */
export function asRoot(): void {
  if (!canSwitch || uid === SERVER.uid) return;
  current = undefined;
  setfsuid((uid = SERVER.uid));
}

/** Runs `work`, which must not be asynchronous, with the server's own rights. The thread then has the caller's again. */
export function byServer<T>(work: () => T): T {
  const before = current;
  asServer();
  try {
    return work();
  } finally {
    if (before !== undefined) asCaller(before);
  }
}

/** The uid that the kernel sees for a caller: the server's own, if callers are not told apart. */
export const uidOf = (identity: Identity): number => (canSwitch ? identity.uid : SERVER.uid);

function sameGroups(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function writeGroups(from: readonly number[]): number {
  const count = Math.min(from.length, GROUPS_MAX);
  for (let i = 0; i < count; i++) gids[i] = from[i]!;
  return count;
}

function switchTo(to: Identity): void {
  current = undefined;
  if (!sameGroups(to.groups, groups)) {
    const count = writeGroups(to.groups);
    if (setgroups(count, gidBytes) < 0) throw lastError(`setgroups of ${count} groups`);
    groups = to.groups;
  }
  if (to.gid !== gid) setfsgid((gid = to.gid));
  if (to.uid !== uid) setfsuid((uid = to.uid));
  if (!taken.has(to)) prove(to);
  current = to;
}

function prove(to: Identity): void {
  const isUid = setfsuid(ASK) >>> 0;
  const isGid = setfsgid(ASK) >>> 0;
  if (isUid !== to.uid || isGid !== to.gid) {
    uid = isUid;
    gid = isGid;
    throw fsError('EPERM', `the kernel does not let this server act as uid ${to.uid}, gid ${to.gid}`);
  }
  taken.add(to);
}

// The hooks come last, since they use what is above. They run at each import and require in this thread, and read files
// synchronously.
if (canSwitch) {
  registerHooks({
    resolve: (specifier, context, next) => byServer(() => next(specifier, context)),
    load: (url, context, next) => byServer(() => next(url, context)),
  });
}
