/** Procedures on a file's bytes (RFC 1813, 3.3.6, 3.3.7, 3.3.21). */
import { bool, enumOf, type Infer, payload, size64, struct, uint32 } from '../xdr/codec.ts';
import { DATA_BYTES_MAX, stable_how } from './constants.ts';
import { nfs_fh3, post_op_attr, result3, wcc_data, writeverf3 } from './types.ts';

export const READ3args = struct({ file: nfs_fh3, offset: size64, count: uint32 });
export type READ3args = Infer<typeof READ3args>;
export const READ3res = result3(
  struct({ file_attributes: post_op_attr, count: uint32, eof: bool, data: payload(DATA_BYTES_MAX) }),
  struct({ file_attributes: post_op_attr }),
);
export type READ3res = Infer<typeof READ3res>;

export const WRITE3args = struct({
  file: nfs_fh3,
  offset: size64,
  count: uint32,
  stable: enumOf(stable_how),
  data: payload(DATA_BYTES_MAX),
});
export type WRITE3args = Infer<typeof WRITE3args>;
export const WRITE3res = result3(
  struct({ file_wcc: wcc_data, count: uint32, committed: enumOf(stable_how), verf: writeverf3 }),
  struct({ file_wcc: wcc_data }),
);
export type WRITE3res = Infer<typeof WRITE3res>;

export const COMMIT3args = struct({ file: nfs_fh3, offset: size64, count: uint32 });
export type COMMIT3args = Infer<typeof COMMIT3args>;
export const COMMIT3res = result3(struct({ file_wcc: wcc_data, verf: writeverf3 }), struct({ file_wcc: wcc_data }));
export type COMMIT3res = Infer<typeof COMMIT3res>;
