/** The port mapper, version 2 (RFC 1833, section 3). */
import { type Infer, list, opaque, struct, uint32 } from './xdr/codec.ts';

/** The port mapper and rpcbind are versions of one program. */
export const PMAP_PROGRAM = 100000;
export const PMAP_VERSION = 2;
export const PMAP_PORT = 111;

export const PMAPPROC = { NULL: 0, SET: 1, UNSET: 2, GETPORT: 3, DUMP: 4, CALLIT: 5 } as const;
export type PMAPPROC = (typeof PMAPPROC)[keyof typeof PMAPPROC];

export const IPPROTO = { TCP: 6, UDP: 17 } as const;

/** The RFC has no bound. This is the bound of this implementation when it decodes. */
export const MAPPINGS_MAX = 16_384;
/** The greatest length of the arguments or results that CALLIT carries, which are sent in one datagram. */
export const CALLIT_BYTES_MAX = 65_536;

export const mapping = struct({ prog: uint32, vers: uint32, prot: uint32, port: uint32 });
export type mapping = Infer<typeof mapping>;

export const pmaplist = list(mapping, MAPPINGS_MAX);

// CALLIT

export const call_args = struct({ prog: uint32, vers: uint32, proc: uint32, args: opaque(CALLIT_BYTES_MAX) });
export type call_args = Infer<typeof call_args>;

export const call_result = struct({ port: uint32, res: opaque(CALLIT_BYTES_MAX) });
export type call_result = Infer<typeof call_result>;
