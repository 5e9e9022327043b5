import type { Fop, Fops } from '../fops.ts';

/** The number of arguments of each fop, optional ones included. What calls or wraps every fop is made from this table. */
// prettier-ignore
export const ARITY = {
  lookup: 4, discover: 4, stat: 3, fstat: 3, readlink: 3, access: 4, mknod: 7, mkdir: 5, symlink: 6, create: 6, link: 5,
  unlink: 4, rmdir: 4, rename: 7, setattr: 5, fsetattr: 4, truncate: 4, ftruncate: 4, open: 4, readv: 5, writev: 6,
  flush: 3, fsync: 4, fallocate: 6, discard: 5, zerofill: 5, seek: 5, opendir: 3, readdir: 5, readdirp: 5, fsyncdir: 4,
  statfs: 3, getxattr: 4, fgetxattr: 4, setxattr: 5, fsetxattr: 5, removexattr: 4, fremovexattr: 4, xattrop: 5,
  fxattrop: 5, inodelk: 6, finodelk: 6, entrylk: 7, fentrylk: 7, lk: 5,
} as const satisfies { readonly [F in Fop]: Required<Parameters<Fops[F]>>['length'] };

export const ALL_FOPS = Object.keys(ARITY) as readonly Fop[];
