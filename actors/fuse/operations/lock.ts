import { fuse_lk_in, fuse_lk_out } from '#protocols/fuse/file.ts';
import { FsError } from '#src/errno.ts';
import type { Flock, LockType } from '#src/graph/fops.ts';
import type { FuseCall } from '#src/xlators/mount/fuse/fuse-call.ts';
import { fuseActor } from '../actor.ts';

/** The types of locks of fcntl(2) by their numbers. */
const TYPES: readonly LockType[] = ['read', 'write', 'unlock'];
/** The last byte of a range that ends nowhere. */
const END = 0x7fff_ffff_ffff_ffffn;

function toFlock({ start, end, type, pid }: fuse_lk_in): Flock {
  const wanted = TYPES[type];
  if (wanted === undefined || end < start) throw new FsError('EINVAL', 'no such lock');
  return { type: wanted, start, length: end >= END ? 0n : end - start + 1n, pid };
}

export const getlk = fuseActor({
  name: 'GETLK',
  args: fuse_lk_in,
  changes: false,

  async run(call, _inode, args) {
    const { files, volume } = call.serving;
    const found = await volume.top.lk(call.lockFrame(args.owner), files.of(args.fh), 'get', toFlock(args));
    const { type, start, length, pid = 0 } = found;
    const end = length === 0n ? END : start + length - 1n;
    call.answer(fuse_lk_out, { start, end, type: TYPES.indexOf(type), pid });
  },
});

/** Sets or removes a lock, also one of flock(2): the kernel gives each open file an owner of its own for those. */
async function lock(call: FuseCall, args: fuse_lk_in, command: 'set' | 'wait'): Promise<void> {
  const { files, locks, volume } = call.serving;
  const [frame, fd, flock] = [call.lockFrame(args.owner, command === 'wait'), files.of(args.fh), toFlock(args)];
  await volume.top.lk(frame, fd, command, flock);
  locks.set(frame, fd.inode.gfid, flock, fd);
  call.answerNothing();
}

export const setlk = fuseActor({
  name: 'SETLK',
  args: fuse_lk_in,
  changes: true,
  run: (call, _inode, args) => lock(call, args, 'set'),
});

export const setlkw = fuseActor({
  name: 'SETLKW',
  args: fuse_lk_in,
  changes: true,
  waits: true,
  run: (call, _inode, args) => lock(call, args, 'wait'),
});
