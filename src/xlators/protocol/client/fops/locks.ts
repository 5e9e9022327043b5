import { ENTRYLK, GF_LK, GF_LK_TYPE } from '#protocols/gluster/constants.ts';
import type { gf_proto_flock } from '#protocols/gluster/types.ts';
import { ERRNO, FsError } from '../../../../errno.ts';
import type { Flock, LockType, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { FOPS } from '../fops.ts';
import type { Remote } from '../remote.ts';
import { requireDone } from '../replies.ts';
import type { RemoteProcedure } from '../../../../rpcclnt/client.ts';

const TYPES = { read: GF_LK_TYPE.RDLCK, write: GF_LK_TYPE.WRLCK, unlock: GF_LK_TYPE.UNLCK } as const;
const COMMANDS = { get: GF_LK.GETLK, set: GF_LK.SETLK, wait: GF_LK.SETLKW } as const;
const WHENCE_SET = 0;
type Done = Parameters<typeof requireDone>[0];

const NO_OWNER = Buffer.alloc(0);
/** A name is there; GlusterFS gives no length. */
const NAMED = 1;

/** The last byte that a file can have: a brick takes offsets for signed numbers. */
const LAST_BYTE = (1n << 63n) - 1n;

/**
 * The lock as a brick has it, which takes the owner from the credential and ignores the one here.
 * @throws {FsError} EINVAL: the range begins where no file has bytes
 */
function remoteFlock(frame: Frame, { type, start, length }: Flock): gf_proto_flock {
  if (start > LAST_BYTE) throw new FsError('EINVAL', `EINVAL: a lock from ${start} on`);
  const lk_owner = frame.lkOwner ?? NO_OWNER;
  const len = start + length > LAST_BYTE ? 0n : length;
  return { type: TYPES[type], whence: WHENCE_SET, start, len, pid: frame.pid ?? 0, lk_owner };
}

type RangeArgs = { readonly cmd: number; readonly type: number; readonly flock: gf_proto_flock };

const rangeArgs = (frame: Frame, lock: Flock, wait: boolean): RangeArgs => {
  const flock = remoteFlock(frame, lock);
  return { cmd: wait ? GF_LK.SETLKW : GF_LK.SETLK, type: flock.type, flock };
};

/**
 * Locks or unlocks by a procedure whose reply says only whether it was done.
 * @param unlock The arguments that undo a lock, which comes when it is not waited for any longer.
 */
async function locked<A>(
  remote: Remote,
  procedure: RemoteProcedure<A, Done>,
  args: A,
  frame: Frame,
  wait: boolean,
  unlock: () => A,
): Promise<void> {
  const reply = wait
    ? await remote.wait(procedure, args, frame, () => remote.ask(procedure, unlock(), frame))
    : await remote.ask(procedure, args, frame);
  requireDone(reply, procedure.name);
}

export async function inodelk(
  remote: Remote,
  frame: Frame,
  domain: string,
  inode: Inode,
  lock: Flock,
  wait: boolean,
  xdata?: Xdata,
): Promise<void> {
  const of = { gfid: inode.gfid, volume: domain, xdata };
  const unlock = () => ({ ...of, ...rangeArgs(frame, { ...lock, type: 'unlock' }, false) });
  return locked(remote, FOPS.INODELK, { ...of, ...rangeArgs(frame, lock, wait) }, frame, wait, unlock);
}

export async function finodelk(
  remote: Remote,
  frame: Frame,
  domain: string,
  fd: Fd,
  lock: Flock,
  wait: boolean,
  xdata?: Xdata,
): Promise<void> {
  const of = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), volume: domain, xdata };
  const unlock = () => ({ ...of, ...rangeArgs(frame, { ...lock, type: 'unlock' }, false) });
  return locked(remote, FOPS.FINODELK, { ...of, ...rangeArgs(frame, lock, wait) }, frame, wait, unlock);
}

/** Which name is meant: by `namelen` 0, all. */
const nameArgs = (name: string | undefined) => ({ namelen: name === undefined ? 0 : NAMED, name: name ?? '' });

/** What a brick does with the lock on a name. It finds a lock that is to be given up by its type as well. */
type NameCommand = { readonly cmd: number; readonly type: number };

/**
 * Locks or unlocks a name by `procedure`, whose arguments `argsOf` makes of a command. Write locks are by far the most, so a
 * lock that is to be given up is taken for one first.
 */
async function lockName<A>(
  remote: Remote,
  procedure: RemoteProcedure<A, Done>,
  argsOf: (command: NameCommand) => NoInfer<A>,
  frame: Frame,
  type: LockType,
  wait: boolean,
): Promise<void> {
  const unlock = (type: number) => argsOf({ cmd: ENTRYLK.UNLOCK, type });
  if (type === 'unlock') {
    const reply = await remote.ask(procedure, unlock(GF_LK_TYPE.WRLCK), frame);
    const hasNone = reply.op_ret < 0 && reply.op_errno === ERRNO.EINVAL;
    const last = hasNone ? await remote.ask(procedure, unlock(GF_LK_TYPE.RDLCK), frame) : reply;
    requireDone(last, procedure.name);
    return;
  }
  const args = argsOf({ cmd: wait ? ENTRYLK.LOCK : ENTRYLK.LOCK_NB, type: TYPES[type] });
  await locked(remote, procedure, args, frame, wait, () => unlock(TYPES[type]));
}

export function entrylk(
  remote: Remote,
  frame: Frame,
  domain: string,
  inode: Inode,
  name: string | undefined,
  type: LockType,
  wait: boolean,
  xdata?: Xdata,
): Promise<void> {
  const of = { gfid: inode.gfid, ...nameArgs(name), volume: domain, xdata };
  return lockName(remote, FOPS.ENTRYLK, command => ({ ...of, ...command }), frame, type, wait);
}

export async function fentrylk(
  remote: Remote,
  frame: Frame,
  domain: string,
  fd: Fd,
  name: string | undefined,
  type: LockType,
  wait: boolean,
  xdata?: Xdata,
): Promise<void> {
  const of = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), ...nameArgs(name), volume: domain, xdata };
  return lockName(remote, FOPS.FENTRYLK, command => ({ ...of, ...command }), frame, type, wait);
}

const LOCK_TYPES: readonly LockType[] = ['read', 'write', 'unlock'];

/** The lock in a reply, whose owner is still a view into the record. */
function flockOf({ type, start, len, pid, lk_owner }: gf_proto_flock): Flock {
  return { type: LOCK_TYPES[type] ?? 'unlock', start, length: len, pid, owner: Buffer.from(lk_owner) };
}

export async function lk(
  remote: Remote,
  frame: Frame,
  fd: Fd,
  command: 'get' | 'set' | 'wait',
  lock: Flock,
  xdata?: Xdata,
): Promise<Flock> {
  const of = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), xdata };
  const argsOf = (command: 'get' | 'set' | 'wait', lock: Flock) => {
    const flock = remoteFlock(frame, lock);
    return { ...of, cmd: COMMANDS[command], type: flock.type, flock };
  };
  const args = argsOf(command, lock);
  if (command === 'get') {
    const reply = await remote.call(FOPS.LK, args, frame);
    const { value } = reply;
    const inTheWay = flockOf(value.flock);
    reply.release();
    requireDone(value, 'lk');
    return inTheWay;
  }
  const unlock = () => remote.ask(FOPS.LK, argsOf('set', { ...lock, type: 'unlock' }), frame);
  const waits = command === 'wait' && lock.type !== 'unlock';
  requireDone(await (waits ? remote.wait(FOPS.LK, args, frame, unlock) : remote.ask(FOPS.LK, args, frame)), 'lk');
  remote.fds.locked(frame, fd, lock);
  return lock;
}
