/** MOUNT version 3 (RFC 1813, appendix I), version 1 (RFC 1094, appendix A) and version 2 (X/Open XNFS, 7). */
import { array, type Codec, enumOf, fixedOpaque, type Infer, int32, list, nothing } from './xdr/codec.ts';
import { opaque, string, struct, uint32, union } from './xdr/codec.ts';

export const MOUNT_PROGRAM = 100005;
export const MOUNT_V1 = 1;
export const MOUNT_V2 = 2;
export const MOUNT_V3 = 3;

export const MNTPATHLEN = 1024;
export const MNTNAMLEN = 255;
/** The greatest length of a handle in version 3. */
export const FHSIZE3 = 64;
/** The length of every handle in version 1. */
export const FHSIZE = 32;

/** Paths of up to this length decode, so that one over MNTPATHLEN can be answered NAMETOOLONG, not GARBAGE_ARGS. */
export const DIRPATH_BYTES_MAX = 4096;

/** The RFC has no bounds for lists. These are the bounds of this implementation when it decodes. */
export const MOUNTS_MAX = 65_536;
export const EXPORTS_MAX = 65_536;
export const GROUPS_MAX = 4096;
export const AUTH_FLAVORS_MAX = 64;

export const MOUNTPROC3 = { NULL: 0, MNT: 1, DUMP: 2, UMNT: 3, UMNTALL: 4, EXPORT: 5 } as const;
export type MOUNTPROC3 = (typeof MOUNTPROC3)[keyof typeof MOUNTPROC3];

/** Version 1 has the same procedures under the same numbers. */
export const MOUNTPROC = MOUNTPROC3;
export type MOUNTPROC = MOUNTPROC3;

/** Version 2 has one more procedure. */
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

/** The argument of MNT and UMNT: a `dirpath` that may be too long, see {@link DIRPATH_BYTES_MAX}. */
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

/** The result of version 1's MNT. `status` is "a UNIX error number" (RFC 1094, A.4), or 0 if there is a `directory`. */
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
 * Bits of `pc_mask`. ERROR says that no value is valid, the other two are options that are on. A further bit for each
 * value says that this value is not valid.
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
