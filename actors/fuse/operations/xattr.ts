import {
  fuse_getxattr_in,
  fuse_getxattr_out,
  fuse_listxattr_in,
  fuse_removexattr_in,
  fuse_setxattr_in,
} from '#protocols/fuse/object.ts';
import { FsError } from '#src/errno.ts';
import type { FuseCall } from '#src/xlators/mount/fuse/fuse-call.ts';
import { fuseActor } from '../actor.ts';

/** Answers with a value, or with its length if that is asked for. @throws {FsError} ERANGE: there is no room for it */
function answerValue(call: FuseCall, value: Buffer, size: number): void {
  if (size === 0) call.answer(fuse_getxattr_out, { size: value.length });
  else if (value.length > size) throw new FsError('ERANGE', 'the value is longer than the room for it');
  else call.answerBytes(value);
}

/** The attribute that programs ask for with each object that they list, whether there is SELinux or not. */
const SELINUX = 'security.selinux';

/** What does not hold can neither be set nor read. */
function refuse({ serving: { options } }: FuseCall, name: string): void {
  if (!options.acl && name.startsWith('system.posix_acl_')) throw new FsError('EOPNOTSUPP', 'the option acl is off');
  if (!options.selinux && name === SELINUX) throw new FsError('EOPNOTSUPP', 'the option selinux is off');
}

export const getxattr = fuseActor({
  name: 'GETXATTR',
  args: fuse_getxattr_in,
  changes: false,

  async run(call, inode, { size, name }) {
    refuse(call, name);
    const value = (await call.serving.volume.top.getxattr(call.frame, inode, name)).get(name);
    if (value === undefined) throw new FsError('ENODATA', 'getxattr');
    answerValue(call, value, size);
  },
});

export const listxattr = fuseActor({
  name: 'LISTXATTR',
  args: fuse_listxattr_in,
  changes: false,

  async run(call, inode, { size }) {
    const all = await call.serving.volume.top.getxattr(call.frame, inode);
    answerValue(call, Buffer.from([...all.keys()].map(name => `${name}\0`).join(''), 'latin1'), size);
  },
});

export const setxattr = fuseActor({
  name: 'SETXATTR',
  args: fuse_setxattr_in,
  changes: true,

  async run(call, inode, { size, flags, name, value }) {
    if (value.length !== size) throw new FsError('EINVAL', 'a value of another length than announced');
    refuse(call, name);
    await call.serving.volume.top.setxattr(call.frame, inode, new Map([[name, value]]), flags);
    call.answerNothing();
  },
});

export const removexattr = fuseActor({
  name: 'REMOVEXATTR',
  args: fuse_removexattr_in,
  changes: true,

  async run(call, inode, { name }) {
    refuse(call, name);
    await call.serving.volume.top.removexattr(call.frame, inode, name);
    call.answerNothing();
  },
});
