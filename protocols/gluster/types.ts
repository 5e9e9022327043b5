/** The types that several fops share. */
import { type Codec, type Infer, int32, int64, opaque, size64, string, struct, uint32, uint64 } from '../xdr/codec.ts';
import { XdrError } from '../xdr/stream.ts';
import { NAME_BYTES_MAX, WORD_BYTES_MAX } from './constants.ts';
import { gfid } from './iatt.ts';

export { gfid };

/** Stands for no open file: the brick opens the object for this one fop. */
export const GF_ANON_FD_NO = -2;

const FD_MAX = 0x7fff_ffff;

/**
 * The number that a brick has given to an open file, or {@link GF_ANON_FD_NO}. Any other negative number ends the
 * process of the brick (GlusterFS 10.3), so none is encoded. Failures are answered with any number.
 */
export const remote_fd: Codec<number> = {
  shape: { kind: 'made', of: uint32, from: (value: number) => (value > FD_MAX ? GF_ANON_FD_NO : value) },
  encode(to, value) {
    if (!(value >= 0 && value <= FD_MAX) && value !== GF_ANON_FD_NO) throw new RangeError(`${value} is no remote fd`);
    to.int64(value);
  },
  decode(from) {
    const value = int64.decode(from);
    if (value < GF_ANON_FD_NO || value > FD_MAX) throw new XdrError(`${value} is no remote fd`);
    return value;
  },
};

export const bname = string(NAME_BYTES_MAX);
export const volume = string(WORD_BYTES_MAX);

/** Bigints, since ranges are compared to the bit and may be any of 64 bits. A length of 0 reaches to the end. */
export const gf_proto_flock = struct({
  type: uint32,
  whence: uint32,
  start: uint64,
  len: uint64,
  pid: uint32,
  lk_owner: opaque(WORD_BYTES_MAX),
});
export type gf_proto_flock = Infer<typeof gf_proto_flock>;

export const gf_statfs = struct({
  bsize: size64,
  frsize: size64,
  blocks: size64,
  bfree: size64,
  bavail: size64,
  files: size64,
  ffree: size64,
  favail: size64,
  fsid: uint64,
  flag: uint64,
  namemax: size64,
});
export type gf_statfs = Infer<typeof gf_statfs>;

/** With what each reply but that of READ begins. `op_errno` says something only if `op_ret` is negative. */
export const status = { op_ret: int32, op_errno: int32 };

/**
 * Makes the replies that several fops share. `iatt` and `dict` read the attributes and dicts, so that a client gets
 * both in the form in which it passes them on.
 */
export const commonReplies = <I, D>(iatt: Codec<I>, dict: Codec<D>) => ({
  iatt,
  dict,
  /** What every reply but that of READ begins with. */
  head: { ...status, xdata: dict },
  gfx_common_rsp: struct({ ...status, xdata: dict }),
  gfx_common_iatt_rsp: struct({ ...status, xdata: dict, stat: iatt }),
  gfx_common_2iatt_rsp: struct({ ...status, xdata: dict, prestat: iatt, poststat: iatt }),
  gfx_common_3iatt_rsp: struct({ ...status, xdata: dict, stat: iatt, preparent: iatt, postparent: iatt }),
  gfx_common_dict_rsp: struct({ ...status, xdata: dict, dict, prestat: iatt, poststat: iatt }),
});
/** Works around a function type having no name before it is instantiated. */
export type Replies<I, D> = ReturnType<typeof commonReplies<I, D>>;
