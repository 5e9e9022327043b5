/** Finds the gfid of an object: from the kernel's handle, from inode number and birth time, or from the finder. */
import { handle, takeHandle } from '../../../../sys/files/handles.ts';
import { cName } from '../../../../sys/files/names.ts';
import type { Stat } from '../../../../sys/files/statx.ts';
import type { Finder } from './finder.ts';
import { gfidOfHandle, gfidOfInode, type GfidAndHint, handleOf, inoInHandle } from './gfid.ts';
import type { ObjectMount, PosixObject } from './object.ts';

/** Identifies the object that is open as `fd` and that `seen` describes. */
export function identify(finder: Finder | undefined, mount: ObjectMount, fd: number, seen: Stat): GfidAndHint {
  const { tag, handleBytes } = mount;
  const given = handleBytes > 0 && takeHandle(fd) === 0;
  const id = given ? gfidOfHandle(tag, handle.type, handle.bytes, handleBytes) : undefined;
  if (id !== undefined) return id;
  if (finder !== undefined && mount.hidesIdentity) return finder.identify(mount, seen);
  return gfidOfInode(tag, seen.inoKey, seen.btime, seen.btimeNsec);
}

/**
 * Identifies the object called `name`, which `seen` describes, without opening it. `undefined` if its handle does not
 * identify it, or if the name may have come to stand for another object since.
 */
export function identifyName(mount: ObjectMount, dirfd: number, name: string, seen: Stat): GfidAndHint | undefined {
  if (mount.handleBytes === 0 || takeHandle(dirfd, cName(name)) !== 0) return undefined;
  const { bytes, type } = handle;
  const ino = inoInHandle(mount.type, { type, bytes, at: 0, length: bytes.length });
  return ino === seen.inoKey ? gfidOfHandle(mount.tag, type, bytes, mount.handleBytes) : undefined;
}

/** Returns the object that the mount remembers by the inode number in the handle. */
export function rememberedByHandle(
  mount: ObjectMount,
  gfid: Buffer,
  hint: Buffer | undefined,
): PosixObject | undefined {
  const at = handleOf(gfid, hint, mount.handleBytes);
  const ino = at && inoInHandle(mount.type, at);
  const object = ino === undefined ? undefined : mount.inodes.get(ino);
  return object?.gfid.equals(gfid) === true ? object : undefined;
}

/** Returns the object that the mount remembers by inode number, if `seen` cannot describe another one. */
export function remembered(mount: ObjectMount, seen: Stat): PosixObject | undefined {
  const object = mount.inodes.get(seen.inoKey);
  if (object === undefined) return undefined;
  if (object.path !== undefined || object.file !== undefined) {
    // An open FUSE object does not keep the inode in its daemon, which may give the number to another object.
    return mount.births || mount.handleBytes > 0 ? object : undefined;
  }
  const same = object.settled && object.btimeNsec === seen.btimeNsec && object.btime === seen.btime && seen.hasBtime;
  return same ? object : undefined;
}
