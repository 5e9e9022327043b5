import { auth_flavor } from '#protocols/rpc.ts';
import {
  netbuf,
  rpcb,
  rpcb_entry,
  rpcb_entry_list_ptr,
  rpcblist_ptr,
  RPCB_PROGRAM,
  RPCB_V3,
  RPCB_V4,
  RPCBPROC,
  RPCBPROC4,
  uaddr,
} from '#protocols/rpcbind.ts';
import { bool, nothing, uint32 } from '#protocols/xdr/codec.ts';
import type { Actor, Program } from '#src/rpcsvc/actor.ts';
import { ownAddresses, reachableUaddr } from '#src/rpcsvc/reachable.ts';
import { isNetid, NETIDS, type PortEntry, type PortTable } from '#src/rpc/port-table.ts';
import { decodeTaddr, decodeUaddr, encodeTaddr, encodeUaddr } from '#src/rpc/uaddr.ts';
import { nullActor } from '../null.ts';
import { mayList, netidOf, type PortmapCall } from './call.ts';

/** SET and UNSET are always refused, since the table lists this server's own programs only. */
const refuse: Omit<Actor<PortmapCall, rpcb, boolean>, 'name'> = {
  args: rpcb,
  res: bool,
  idempotent: true,
  run: () => false,
};

/**
 * The transport that is asked for, or else the one by which the call came, since callers disagree about which one
 * counts.
 */
const netidAsked = ({ call }: PortmapCall, { r_netid }: rpcb) => (isNetid(r_netid) ? r_netid : netidOf(call));

const uaddrOf = ({ call }: PortmapCall, found: PortEntry | undefined, { r_addr }: rpcb) =>
  found ? reachableUaddr(found, call.peer.address, r_addr) : '';

const getaddr: Actor<PortmapCall, rpcb, string> = {
  name: 'GETADDR',
  args: rpcb,
  res: uaddr,
  idempotent: true,
  run: (context, asked) =>
    uaddrOf(context, context.table.find(asked.r_prog, asked.r_vers, netidAsked(context, asked)), asked),
};

/** Answers as GETADDR does, but only for the very version that is asked for (RFC 1833, 2.2.1). */
const getversaddr: Actor<PortmapCall, rpcb, string> = {
  ...getaddr,
  name: 'GETVERSADDR',
  run: (context, asked) =>
    uaddrOf(context, context.table.findExact(asked.r_prog, asked.r_vers, netidAsked(context, asked)), asked),
};

const dump: Actor<PortmapCall, void, rpcb[]> = {
  name: 'DUMP',
  args: nothing,
  res: rpcblist_ptr,
  idempotent: true,
  run: ({ call, table }) => (mayList(call) ? [...table].map(rpcbOf) : []),
};

function rpcbOf({ program, version, netid, address, port, owner }: PortEntry): rpcb {
  const r_addr = encodeUaddr({ host: address, port });
  return { r_prog: program, r_vers: version, r_netid: netid, r_addr, r_owner: owner };
}

const getaddrlist: Actor<PortmapCall, rpcb, rpcb_entry[]> = {
  name: 'GETADDRLIST',
  args: rpcb,
  res: rpcb_entry_list_ptr,
  idempotent: true,

  run({ call, table }, { r_prog, r_vers, r_addr }) {
    if (!mayList(call)) return [];
    const own = ownAddresses();
    return [...table]
      .filter(({ program, version }) => program === r_prog && version === r_vers)
      .map(entry => {
        const { protofmly, proto, semantics } = NETIDS[entry.netid];
        return {
          r_maddr: reachableUaddr(entry, call.peer.address, r_addr, () => own),
          r_nc_netid: entry.netid,
          r_nc_semantics: semantics,
          r_nc_protofmly: protofmly,
          r_nc_proto: proto,
        };
      });
  },
};

const gettime: Actor<PortmapCall, void, number> = {
  name: 'GETTIME',
  args: nothing,
  res: uint32,
  idempotent: true,
  run: () => Math.floor(Date.now() / 1000) >>> 0,
};

const uaddr2taddr: Actor<PortmapCall, string, netbuf> = {
  name: 'UADDR2TADDR',
  args: uaddr,
  res: netbuf,
  idempotent: true,

  run(_, text) {
    const at = decodeUaddr(text);
    const buf = at ? encodeTaddr(at) : Buffer.alloc(0);
    return { maxlen: buf.length, buf };
  },
};

const taddr2uaddr: Actor<PortmapCall, netbuf, string> = {
  name: 'TADDR2UADDR',
  args: netbuf,
  res: uaddr,
  idempotent: true,

  run(_, { buf }) {
    const at = decodeTaddr(buf);
    return at ? encodeUaddr(at) : '';
  },
};

const common = {
  [RPCBPROC.NULL]: nullActor,
  [RPCBPROC.SET]: { ...refuse, name: 'SET' },
  [RPCBPROC.UNSET]: { ...refuse, name: 'UNSET' },
  [RPCBPROC.GETADDR]: getaddr,
  [RPCBPROC.DUMP]: dump,
  [RPCBPROC.GETTIME]: gettime,
  [RPCBPROC.UADDR2TADDR]: uaddr2taddr,
  [RPCBPROC.TADDR2UADDR]: taddr2uaddr,
};

type Served3 = Exclude<RPCBPROC, typeof RPCBPROC.CALLIT>;
/** GETSTAT is not served, since it would tell strangers which programs are asked for here, and how often. */
type Served4 = Exclude<RPCBPROC4, typeof RPCBPROC4.BCAST | typeof RPCBPROC4.INDIRECT | typeof RPCBPROC4.GETSTAT>;

/** rpcbind, version 3 (RFC 1833, 2.2.1). CALLIT is not served, for the reasons given for version 2. */
export const rpcbind3 = (table: PortTable): Program<PortmapCall> => ({
  name: 'RPCBIND3',
  number: RPCB_PROGRAM,
  version: RPCB_V3,
  minAuth: auth_flavor.AUTH_NONE,
  udp: true,
  actors: common satisfies Record<Served3, Actor<PortmapCall>>,
  contextOf: call => ({ call, table }),
});

/** rpcbind, version 4 (RFC 1833, 2.2.1). */
export const rpcbind4 = (table: PortTable): Program<PortmapCall> => ({
  name: 'RPCBIND4',
  number: RPCB_PROGRAM,
  version: RPCB_V4,
  minAuth: auth_flavor.AUTH_NONE,
  udp: true,
  actors: {
    ...common,
    [RPCBPROC4.GETVERSADDR]: getversaddr,
    [RPCBPROC4.GETADDRLIST]: getaddrlist,
  } satisfies Record<Served4, Actor<PortmapCall>>,
  contextOf: call => ({ call, table }),
});
