/** The kinds of object that a name can lead to, and how each is made. */
import { O_CREAT, O_EXCL, O_WRONLY, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK } from '#src/sys/constants.ts';
import { S_IFREG, S_IFSOCK } from '#src/sys/constants.ts';
import * as call from './calls.ts';
import { isRoot } from './people.ts';

export type Plain = 'regular' | 'directory' | 'fifo' | 'socket' | 'block' | 'char';
/** A symlink. Its name says where it leads: to nothing, to itself, or to an object of another kind. */
export type Link = 'link to nothing' | 'link to itself' | `link to ${Plain}`;
export type Kind = Plain | Link;

export const PLAIN: readonly Plain[] = ['regular', 'directory', 'fifo', 'socket', 'block', 'char'];
/** All kinds of symlink. */
export const LINKS: readonly Link[] = [
  'link to nothing',
  'link to itself',
  ...PLAIN.map(kind => `link to ${kind}` as const),
];
export const KINDS: readonly Kind[] = [...PLAIN, ...LINKS];

export const TYPE: Record<Plain, number> = {
  regular: S_IFREG,
  directory: S_IFDIR,
  fifo: S_IFIFO,
  socket: S_IFSOCK,
  block: S_IFBLK,
  char: S_IFCHR,
};
export const typeOf = (kind: Kind): number => (isLink(kind) ? S_IFLNK : TYPE[kind]);
export const isLink = (kind: Kind): kind is Link => kind.startsWith('link to ');
/** The kind that remains after symlinks were followed. Undefined where they lead nowhere. */
export function followed(kind: Kind): Plain | undefined {
  if (!isLink(kind)) return kind;
  const to = kind.slice('link to '.length) as Plain | 'nothing' | 'itself';
  return to === 'nothing' || to === 'itself' ? undefined : to;
}
/** Whether only root can make an object of this kind: a device. */
export const needsRoot = (kind: Kind): boolean => /block|char/.test(kind);
export const needsOf = (...kinds: readonly Kind[]): { needs?: readonly ['root'] } =>
  kinds.some(needsRoot) ? { needs: ['root'] } : {};

/** A device number without a driver, so that opening the device fails with ENXIO. */
export const BLOCK_DEVICE = makedev(240, 7);
/** The device number of /dev/null. */
export const CHAR_DEVICE = makedev(1, 3);

/** The kernel's dev_t for a major number of at most 12 bits and a minor number of at most 8. */
export function makedev(major: number, minor: number): number {
  return (major << 8) | minor;
}

export interface Maker {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

const check = (what: string, answer: call.Outcome): void => {
  if (answer !== 'OK') throw new Error(`preparing: ${what}: ${answer}`);
};

/** Makes an object with the mode and owner asked for. The target of a symlink is made beside it, as `NAME.target`. */
export function make(path: string, kind: Kind, { mode = 0o644, uid = -1, gid = -1 }: Maker): void {
  if (isLink(kind)) {
    const to = followed(kind);
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (to !== undefined) make(`${path}.target`, to, { mode, uid, gid });
    check(`symlink ${path}`, call.symlink(kind === 'link to itself' ? name : `${name}.target`, path));
    if (isRoot && uid >= 0) check(`lchown ${path}`, call.lchown(path, uid, gid));
    return;
  }
  const bits = kind === 'directory' ? mode | ((mode & 0o444) >> 2) : mode;
  if (kind === 'regular') {
    const fd = call.open(path, O_CREAT | O_EXCL | O_WRONLY, bits);
    check(`open ${path}`, typeof fd === 'number' ? call.close(fd) : fd);
  } else if (kind === 'directory') check(`mkdir ${path}`, call.mkdir(path, bits));
  else check(`mknod ${path}`, call.mknod(path, TYPE[kind] | bits, kind === 'block' ? BLOCK_DEVICE : CHAR_DEVICE));
  if (isRoot && (uid > 0 || gid > 0)) check(`chown ${path}`, call.chown(path, uid, gid));
  if ((bits & 0o7000) !== 0 && isRoot) check(`chmod ${path}`, call.chmod(path, bits));
}
