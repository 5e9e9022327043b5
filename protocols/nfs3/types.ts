/** The types that occur in arguments and results of several procedures (RFC 1813, 2.5 and 2.6). */
import {
  type Codec,
  enumOf,
  fixedOpaque,
  type Infer,
  nothing,
  opaque,
  option,
  size64,
  string,
  struct,
  uint32,
  uint64,
  union,
} from '../xdr/codec.ts';
import * as nfs from './constants.ts';

/** In the RFC the handle is the only field of a struct; the bytes are the same. */
export const nfs_fh3 = opaque(nfs.NFS3_FHSIZE);
export const filename3 = string(nfs.FILENAME_BYTES_MAX);
export const nfspath3 = string(nfs.PATH_BYTES_MAX);
export const cookieverf3 = fixedOpaque(nfs.NFS3_COOKIEVERFSIZE);
export const createverf3 = fixedOpaque(nfs.NFS3_CREATEVERFSIZE);
export const writeverf3 = fixedOpaque(nfs.NFS3_WRITEVERFSIZE);

export const diropargs3 = struct({ dir: nfs_fh3, name: filename3 });
export type diropargs3 = Infer<typeof diropargs3>;

export const specdata3 = struct({ specdata1: uint32, specdata2: uint32 });
export type specdata3 = Infer<typeof specdata3>;

export const nfstime3 = struct({ seconds: uint32, nseconds: uint32 });
export type nfstime3 = Infer<typeof nfstime3>;

export const fattr3 = struct({
  type: enumOf(nfs.ftype3),
  mode: uint32,
  nlink: uint32,
  uid: uint32,
  gid: uint32,
  size: size64,
  used: size64,
  rdev: specdata3,
  fsid: uint64,
  fileid: uint64,
  atime: nfstime3,
  mtime: nfstime3,
  ctime: nfstime3,
});
export type fattr3 = Infer<typeof fattr3>;

export const post_op_attr = option(fattr3);
export type post_op_attr = Infer<typeof post_op_attr>;

export const post_op_fh3 = option(nfs_fh3);
export type post_op_fh3 = Infer<typeof post_op_fh3>;

export const wcc_attr = struct({ size: size64, mtime: nfstime3, ctime: nfstime3 });
export type wcc_attr = Infer<typeof wcc_attr>;

export const pre_op_attr = option(wcc_attr);
export type pre_op_attr = Infer<typeof pre_op_attr>;

export const wcc_data = struct({ before: pre_op_attr, after: post_op_attr });
export type wcc_data = Infer<typeof wcc_data>;

const set_time = union('set_it', enumOf(nfs.time_how), {
  [nfs.time_how.DONT_CHANGE]: nothing,
  [nfs.time_how.SET_TO_SERVER_TIME]: nothing,
  [nfs.time_how.SET_TO_CLIENT_TIME]: struct({ time: nfstime3 }),
});
export type set_time = Infer<typeof set_time>;

export const sattr3 = struct({
  mode: option(uint32),
  uid: option(uint32),
  gid: option(uint32),
  size: option(size64),
  atime: set_time,
  mtime: set_time,
});
export type sattr3 = Infer<typeof sattr3>;

type Ok = typeof nfs.nfsstat3.NFS3_OK;
/** Every status but NFS3_OK. */
export type Failure = Exclude<nfs.nfsstat3, Ok>;

type With<T> = T extends void ? unknown : T;
export type Result3<Done, Failed> = ({ status: Ok } & Done) | ({ status: Failure } & With<Failed>);

const status3 = enumOf(nfs.nfsstat3);

/** The union over nfsstat3 that every result is: one arm for NFS3_OK, and one for all other statuses. */
export function result3<Done extends object, Failed extends object | void>(
  ok: Codec<Done>,
  fail: Codec<Failed>,
): Codec<Result3<Done, Failed>> {
  return {
    shape: { kind: 'union', tag: 'status', of: status3, arms: { [nfs.nfsstat3.NFS3_OK]: ok }, rest: fail },
    encode(to, value) {
      to.uint32(value.status);
      if (value.status === nfs.nfsstat3.NFS3_OK) ok.encode(to, value);
      else (fail as Codec<unknown>).encode(to, value);
    },
    decode(from) {
      const status = status3.decode(from);
      const arm = status === nfs.nfsstat3.NFS3_OK ? ok.decode(from) : fail.decode(from);
      return { status, ...arm } as Result3<Done, Failed>;
    },
  };
}
