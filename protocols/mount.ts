/** MOUNT version 3 (RFC 1813, appendix I), version 1 (RFC 1094, appendix A) and version 2 (X/Open XNFS, 7). */
import { array, type Codec, enumOf, fixedOpaque, type Infer, int32, list, nothing } from './xdr/codec.ts';
import { opaque, string, struct, uint32, union } from './xdr/codec.ts';

export const MOUNT_PROGRAM = 100005;
export const MOUNT_V1 = 1;
export const MOUNT_V2 = 2;
export const MOUNT_V3 = 3;

export const MNTPATHLEN = 1024;
export const MNTNAMLEN = 255;
/** Bytes of version 3's handles at most, and of version 1's exactly. */
export const FHSIZE3 = 64;
export const FHSIZE = 32;

/** Paths of up to this length decode, so that one over MNTPATHLEN can be answered NAMETOOLONG, not GARBAGE_ARGS. */
export const DIRPATH_BYTES_MAX = 4096;

/** Lists have no bound in the RFC: these are ours, for what is decoded. */
export const MOUNTS_MAX = 65_536;
export const EXPORTS_MAX = 65_536;
export const GROUPS_MAX = 4096;
export const AUTH_FLAVORS_MAX = 64;

export const MOUNTPROC3 = { NULL: 0, MNT: 1, DUMP: 2, UMNT: 3, UMNTALL: 4, EXPORT: 5 } as const;
export type MOUNTPROC3 = (typeof MOUNTPROC3)[keyof typeof MOUNTPROC3];

/** Version 1 has the same procedures under the same numbers. */
export const MOUNTPROC = MOUNTPROC3;
export type MOUNTPROC = MOUNTPROC3;

/** The procedures of version 2, which has one more. */
export const MOUNTPROC2 = { ...MOUNTPROC, PATHCONF: 7 } as const;
export type MOUNTPROC2 = (typeof MOUNTPROC2)[keyof typeof MOUNTPROC2];

/** RFC 1813, 5.1.5. */
export const MNT3 = {
  OK: 0,
  ERR_PERM: 1,
  ERR_NOENT: 2,
  ERR_IO: 5,
  ERR_ACCES: 13,
  ERR_NOTDIR: 20,
  ERR_INVAL: 22,
  ERR_NAMETOOLONG: 63,
  ERR_NOTSUPP: 10004,
  ERR_SERVERFAULT: 10006,
} as const;
export const mountstat3 = enumOf(MNT3);
export type mountstat3 = Infer<typeof mountstat3>;

export const dirpath = string(MNTPATHLEN);
export const name = string(MNTNAMLEN);
export const fhandle3 = opaque(FHSIZE3);
export const fhandle = fixedOpaque(FHSIZE);

/** The argument of MNT and UMNT: a `dirpath`, of which more decodes than may be, see {@link DIRPATH_BYTES_MAX}. */
export const dirpath_arg = string(DIRPATH_BYTES_MAX);

// MNT

export const mountres3_ok = struct({ fhandle: fhandle3, auth_flavors: array(int32, AUTH_FLAVORS_MAX) });
export type mountres3_ok = Infer<typeof mountres3_ok>;

export const mountres3 = union('fhs_status', mountstat3, {
  [MNT3.OK]: mountres3_ok,
  [MNT3.ERR_PERM]: nothing,
  [MNT3.ERR_NOENT]: nothing,
  [MNT3.ERR_IO]: nothing,
  [MNT3.ERR_ACCES]: nothing,
  [MNT3.ERR_NOTDIR]: nothing,
  [MNT3.ERR_INVAL]: nothing,
  [MNT3.ERR_NAMETOOLONG]: nothing,
  [MNT3.ERR_NOTSUPP]: nothing,
  [MNT3.ERR_SERVERFAULT]: nothing,
});
export type mountres3 = Infer<typeof mountres3>;

const fhstatus_ok = struct({ directory: fhandle });

/** Version 1's answer to MNT. `status` is 0 or "a UNIX error number" (RFC 1094, A.4): any, so `directory` tells. */
export interface fhstatus {
  readonly status: number;
  readonly directory?: Buffer;
}

export const fhstatus: Codec<fhstatus> = {
  shape: { kind: 'union', tag: 'status', of: uint32, arms: { 0: fhstatus_ok }, rest: nothing },
  encode(to, { status, directory }) {
    to.uint32(status);
    if (status === 0) fhandle.encode(to, directory!);
  },
  decode(from) {
    const status = from.uint32();
    return status === 0 ? { status, directory: fhandle.decode(from) } : { status };
  },
};

// DUMP

export const mountbody = struct({ ml_hostname: name, ml_directory: dirpath });
export type mountbody = Infer<typeof mountbody>;
export const mountlist = list(mountbody, MOUNTS_MAX);

// EXPORT

export const groupnode = struct({ gr_name: name });
export type groupnode = Infer<typeof groupnode>;
export const groups = list(groupnode, GROUPS_MAX);

export const exportnode = struct({ ex_dir: dirpath, ex_groups: groups });
export type exportnode = Infer<typeof exportnode>;
export const exports = list(exportnode, EXPORTS_MAX);

// PATHCONF

/**
 * Bits of `pc_mask`: one says that no value is valid, and others are options that are on. Further bits name values that
 * are not valid.
 */
export const PC = { ERROR: 1 << 0, NO_TRUNC: 1 << 7, CHOWN_RESTRICTED: 1 << 9 } as const;

/** In XDR each C short or char takes a unit of its own; `pc_mask` is an array of two shorts. */
export const ppathcnf = struct({
  pc_link_max: int32,
  pc_max_canon: int32,
  pc_max_input: int32,
  pc_name_max: int32,
  pc_path_max: int32,
  pc_pipe_buf: int32,
  pc_vdisable: uint32,
  pc_xxx: uint32,
  pc_mask: int32,
  pc_mask_high: int32,
});
export type ppathcnf = Infer<typeof ppathcnf>;
