/** rpcbind, versions 3 and 4 (RFC 1833, section 2). It has the number and port of the port mapper. */
import { CALLIT_BYTES_MAX, MAPPINGS_MAX, PMAP_PROGRAM } from './portmap.ts';
import { type Infer, int32, list, opaque, string, struct, uint32 } from './xdr/codec.ts';

export const RPCB_PROGRAM = PMAP_PROGRAM;
export const RPCB_V3 = 3;
export const RPCB_V4 = 4;

export const RPCBPROC = {
  NULL: 0,
  SET: 1,
  UNSET: 2,
  GETADDR: 3,
  DUMP: 4,
  CALLIT: 5,
  GETTIME: 6,
  UADDR2TADDR: 7,
  TADDR2UADDR: 8,
} as const;
export type RPCBPROC = (typeof RPCBPROC)[keyof typeof RPCBPROC];

/** Version 4 calls CALLIT BCAST, and has four more procedures. */
export const RPCBPROC4 = {
  NULL: 0,
  SET: 1,
  UNSET: 2,
  GETADDR: 3,
  DUMP: 4,
  BCAST: 5,
  GETTIME: 6,
  UADDR2TADDR: 7,
  TADDR2UADDR: 8,
  GETVERSADDR: 9,
  INDIRECT: 10,
  GETADDRLIST: 11,
  GETSTAT: 12,
} as const;
export type RPCBPROC4 = (typeof RPCBPROC4)[keyof typeof RPCBPROC4];

/** `r_nc_semantics` (RFC 1833, 2.1): connectionless, with connections, with orderly release besides, or raw. */
export const NC_TPI = { CLTS: 1, COTS: 2, COTS_ORD: 3, RAW: 4 } as const;

/** The RFC has no bound for strings. The longest universal addresses are paths of unix sockets, which are shorter. */
export const RPCB_STRING_MAX = 1024;
/** The greatest length of a transport's address: that of a sockaddr_storage. */
export const TADDR_BYTES_MAX = 128;

const text = string(RPCB_STRING_MAX);

export const rpcb = struct({ r_prog: uint32, r_vers: uint32, r_netid: text, r_addr: text, r_owner: text });
export type rpcb = Infer<typeof rpcb>;

/** `rp__list *`. */
export const rpcblist_ptr = list(rpcb, MAPPINGS_MAX);

/** A universal address, or an empty string for none (RFC 1833, 2.2.1). */
export const uaddr = text;

/** A transport's own form of an address. */
export const netbuf = struct({ maxlen: uint32, buf: opaque(TADDR_BYTES_MAX) });
export type netbuf = Infer<typeof netbuf>;

// CALLIT, BCAST, INDIRECT

export const rpcb_rmtcallargs = struct({ prog: uint32, vers: uint32, proc: uint32, args: opaque(CALLIT_BYTES_MAX) });
export type rpcb_rmtcallargs = Infer<typeof rpcb_rmtcallargs>;

export const rpcb_rmtcallres = struct({ addr: text, results: opaque(CALLIT_BYTES_MAX) });
export type rpcb_rmtcallres = Infer<typeof rpcb_rmtcallres>;

// GETADDRLIST

export const rpcb_entry = struct({
  r_maddr: text,
  r_nc_netid: text,
  r_nc_semantics: uint32,
  r_nc_protofmly: text,
  r_nc_proto: text,
});
export type rpcb_entry = Infer<typeof rpcb_entry>;

export const rpcb_entry_list_ptr = list(rpcb_entry, MAPPINGS_MAX);

// GETSTAT

export const rpcbs_addrlist = struct({ prog: uint32, vers: uint32, success: int32, failure: int32, netid: text });
export type rpcbs_addrlist = Infer<typeof rpcbs_addrlist>;
export const rpcbs_addrlist_ptr = list(rpcbs_addrlist, MAPPINGS_MAX);

export const rpcbs_rmtcalllist = struct({
  prog: uint32,
  vers: uint32,
  proc: uint32,
  success: int32,
  failure: int32,
  indirect: int32,
  netid: text,
});
export type rpcbs_rmtcalllist = Infer<typeof rpcbs_rmtcalllist>;
export const rpcbs_rmtcalllist_ptr = list(rpcbs_rmtcalllist, MAPPINGS_MAX);

/** `int rpcbs_proc[RPCBSTAT_HIGHPROC]`: how often each procedure was called. Here the array has names for indexes. */
export const rpcbs_proc = struct({
  NULL: int32,
  SET: int32,
  UNSET: int32,
  GETADDR: int32,
  DUMP: int32,
  CALLIT: int32,
  GETTIME: int32,
  UADDR2TADDR: int32,
  TADDR2UADDR: int32,
  GETVERSADDR: int32,
  INDIRECT: int32,
  GETADDRLIST: int32,
  GETSTAT: int32,
});
export type rpcbs_proc = Infer<typeof rpcbs_proc>;

export const rpcb_stat = struct({
  info: rpcbs_proc,
  setinfo: int32,
  unsetinfo: int32,
  addrinfo: rpcbs_addrlist_ptr,
  rmtinfo: rpcbs_rmtcalllist_ptr,
});
export type rpcb_stat = Infer<typeof rpcb_stat>;

/** `rpcb_stat rpcb_stat_byvers[RPCBVERS_STAT]`: the statistics of versions 2, 3 and 4. */
export const rpcb_stat_byvers = struct({ v2: rpcb_stat, v3: rpcb_stat, v4: rpcb_stat });
export type rpcb_stat_byvers = Infer<typeof rpcb_stat_byvers>;
