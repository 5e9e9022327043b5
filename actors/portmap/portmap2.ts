import { IPPROTO, mapping, PMAP_PROGRAM, PMAP_VERSION, pmaplist, PMAPPROC } from '#protocols/portmap.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import { bool, nothing, uint32 } from '#protocols/xdr/codec.ts';
import type { Actor, Program } from '#src/rpcsvc/actor.ts';
import { type Netid, NETIDS, type PortEntry, type PortTable } from '#src/rpc/port-table.ts';
import { nullActor } from '../null.ts';
import { mayList, type PortmapCall } from './call.ts';

/** SET and UNSET are always refused, since the table lists this server's own programs only. */
const refuse: Omit<Actor<PortmapCall, mapping, boolean>, 'name'> = {
  args: mapping,
  res: bool,
  idempotent: true,
  run: () => false,
};

const NETIDS_OF: Readonly<Record<number, readonly Netid[]>> = {
  [IPPROTO.TCP]: ['tcp', 'tcp6'],
  [IPPROTO.UDP]: ['udp', 'udp6'],
};

const getport: Actor<PortmapCall, mapping, number> = {
  name: 'GETPORT',
  args: mapping,
  res: uint32,
  idempotent: true,

  run({ table }, { prog, vers, prot }) {
    for (const netid of NETIDS_OF[prot] ?? []) {
      const found = table.find(prog, vers, netid);
      if (found) return found.port;
    }
    return 0; // RFC 1833, 3.2: not registered
  },
};

const dump: Actor<PortmapCall, void, mapping[]> = {
  name: 'DUMP',
  args: nothing,
  res: pmaplist,
  idempotent: true,

  run({ call, table }) {
    return mayList(call) ? [...table].filter(({ netid }) => NETIDS[netid].family === 4).map(mappingOf) : [];
  },
};

function mappingOf({ program, version, netid, port }: PortEntry): mapping {
  return { prog: program, vers: version, prot: NETIDS[netid].proto === 'tcp' ? IPPROTO.TCP : IPPROTO.UDP, port };
}

/**
 * The port mapper, version 2 (RFC 1833, 3.2). CALLIT is not served: it calls other programs on behalf of the sender
 * with this machine's address and amplifies forged datagrams. The answer PROC_UNAVAIL is shorter than the call.
 */
export const portmap2 = (table: PortTable): Program<PortmapCall> => ({
  name: 'PORTMAP',
  number: PMAP_PROGRAM,
  version: PMAP_VERSION,
  minAuth: auth_flavor.AUTH_NONE,
  udp: true,
  actors: {
    [PMAPPROC.NULL]: nullActor,
    [PMAPPROC.SET]: { ...refuse, name: 'SET' },
    [PMAPPROC.UNSET]: { ...refuse, name: 'UNSET' },
    [PMAPPROC.GETPORT]: getport,
    [PMAPPROC.DUMP]: dump,
  } satisfies Record<Exclude<PMAPPROC, typeof PMAPPROC.CALLIT>, Actor<PortmapCall>>,
  contextOf: call => ({ call, table }),
});
