/** Locks. Their owner is not that of the `flock` but the `lk_owner` of the credential. */
import { struct, uint32, size64 } from '../../xdr/codec.ts';
import { gfx_dict as xdata } from '../dict.ts';
import { gfid } from '../iatt.ts';
import { fop } from '../procedure.ts';
import { bname, gf_proto_flock as flock, remote_fd as fd, type Replies, volume } from '../types.ts';

/** `cmd` is one of {@link GF_LK}, `type` one of {@link GF_LK_TYPE}, and `flock.type` the same. */
const gfx_lk_req = struct({ gfid, fd, cmd: uint32, type: uint32, flock, xdata });
const gfx_inodelk_req = struct({ gfid, cmd: uint32, type: uint32, flock, volume, xdata });
const gfx_finodelk_req = struct({ gfid, fd, cmd: uint32, type: uint32, flock, volume, xdata });
/** `cmd` is one of {@link ENTRYLK}. A `namelen` of 0 stands for all names, any other for `name`. */
const gfx_entrylk_req = struct({ gfid, cmd: uint32, type: uint32, namelen: size64, name: bname, volume, xdata });
const gfx_fentrylk_req = struct({ gfid, fd, cmd: uint32, type: uint32, namelen: size64, name: bname, volume, xdata });

export function lockFops<I, D>({ head, gfx_common_rsp }: Replies<I, D>) {
  const gfx_lk_rsp = struct({ ...head, flock });
  return {
    LK: fop('LK', 26, gfx_lk_req, gfx_lk_rsp),
    INODELK: fop('INODELK', 29, gfx_inodelk_req, gfx_common_rsp),
    FINODELK: fop('FINODELK', 30, gfx_finodelk_req, gfx_common_rsp),
    ENTRYLK: fop('ENTRYLK', 31, gfx_entrylk_req, gfx_common_rsp),
    FENTRYLK: fop('FENTRYLK', 32, gfx_fentrylk_req, gfx_common_rsp),
  };
}
