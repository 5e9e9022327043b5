/** Fops on the bytes of a file. */
import { int32, opaque, size64, struct, tail, uint32 } from '../../xdr/codec.ts';
import { CHECKSUM_BYTES_MAX } from '../constants.ts';
import { gfx_dict as xdata } from '../dict.ts';
import { gfid } from '../iatt.ts';
import { fop } from '../procedure.ts';
import { remote_fd as fd, type Replies, status } from '../types.ts';

const gfx_open_req = struct({ gfid, flags: uint32, xdata });
const gfx_read_req = struct({ gfid, fd, offset: size64, size: uint32, flag: uint32, xdata });
/** The brick writes `data` whatever `size` says. */
const gfx_write_req = struct({ gfid, fd, offset: size64, size: uint32, flag: uint32, xdata, data: tail });
const gfx_truncate_req = struct({ gfid, offset: size64, xdata });
const gfx_ftruncate_req = struct({ gfid, fd, offset: size64, xdata });
/** `data` is 1 for fdatasync(2). */
const gfx_fsync_req = struct({ gfid, fd, data: uint32, xdata });
const gfx_flush_req = struct({ gfid, fd, xdata });
const gfx_release_req = struct({ gfid, fd, xdata });
const gfx_fallocate_req = struct({ gfid, fd, flags: uint32, offset: size64, size: size64, xdata });
const gfx_discard_req = struct({ gfid, fd, offset: size64, size: size64, xdata });
const gfx_zerofill_req = struct({ gfid, fd, offset: size64, size: size64, xdata });
const gfx_seek_req = struct({ gfid, fd, offset: size64, what: int32, xdata });
const gfx_rchecksum_req = struct({ gfid, fd, offset: size64, len: uint32, flags: uint32, xdata });

export function dataFops<I, D>(replies: Replies<I, D>) {
  const { head, iatt, dict, gfx_common_rsp, gfx_common_2iatt_rsp } = replies;
  const gfx_open_rsp = struct({ ...head, fd });
  /** `data` are the bytes read: `op_ret` of them, if the brick is right. */
  const gfx_read_rsp = struct({ ...status, stat: iatt, size: uint32, xdata: dict, data: tail });
  const gfx_seek_rsp = struct({ ...head, offset: size64 });
  const gfx_rchecksum_rsp = struct({
    ...head,
    flags: uint32,
    weak_checksum: uint32,
    strong_checksum: opaque(CHECKSUM_BYTES_MAX),
  });
  return {
    TRUNCATE: fop('TRUNCATE', 10, gfx_truncate_req, gfx_common_2iatt_rsp),
    OPEN: fop('OPEN', 11, gfx_open_req, gfx_open_rsp),
    READ: fop('READ', 12, gfx_read_req, gfx_read_rsp),
    WRITE: fop('WRITE', 13, gfx_write_req, gfx_common_2iatt_rsp),
    FLUSH: fop('FLUSH', 15, gfx_flush_req, gfx_common_rsp),
    FSYNC: fop('FSYNC', 16, gfx_fsync_req, gfx_common_2iatt_rsp),
    FTRUNCATE: fop('FTRUNCATE', 24, gfx_ftruncate_req, gfx_common_2iatt_rsp),
    RCHECKSUM: fop('RCHECKSUM', 37, gfx_rchecksum_req, gfx_rchecksum_rsp),
    RELEASE: fop('RELEASE', 41, gfx_release_req, gfx_common_rsp),
    FALLOCATE: fop('FALLOCATE', 44, gfx_fallocate_req, gfx_common_2iatt_rsp),
    DISCARD: fop('DISCARD', 45, gfx_discard_req, gfx_common_2iatt_rsp),
    ZEROFILL: fop('ZEROFILL', 46, gfx_zerofill_req, gfx_common_2iatt_rsp),
    SEEK: fop('SEEK', 48, gfx_seek_req, gfx_seek_rsp),
  };
}
