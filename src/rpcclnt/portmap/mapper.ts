/**
 * A client of this machine's port mapper, in either of the two protocols that it may speak: rpcbind version 4 or
 * portmap version 2.
 */
import { bool, nothing } from '#protocols/xdr/codec.ts';
import { IPPROTO, mapping, PMAP_PORT, PMAP_PROGRAM, PMAP_VERSION, pmaplist, PMAPPROC } from '#protocols/portmap.ts';
import { rpcb, rpcblist_ptr, RPCB_PROGRAM, RPCB_V4, RPCBPROC4 } from '#protocols/rpcbind.ts';
import { RpcClient, type RemoteProcedure } from '../client.ts';
import { RpcError } from '../error.ts';
import type { RpcTarget } from '../socket.ts';
import { isNetid, type Netid, NETIDS, type PortEntry } from '../../rpc/port-table.ts';
import { decodeUaddr, encodeUaddr } from '../../rpc/uaddr.ts';

/**
 * Where this machine's port mapper may listen: rpcbind's unix socket, on which it knows the caller's uid, or its TCP
 * port.
 */
export const PORT_MAPPERS: readonly RpcTarget[] = [
  { path: '/run/rpcbind.sock' },
  { host: '127.0.0.1', port: PMAP_PORT, reservedPort: true },
];

/** What a port mapper has registered for one program, version and transport. */
export interface Registered {
  readonly program: number;
  readonly version: number;
  readonly netid: Netid;
  /** The address; absent in version 2, which knows ports only. */
  readonly address: string | undefined;
  readonly port: number;
}

export interface PortMapper extends AsyncDisposable {
  /** The transports that this port mapper can register. */
  readonly netids: readonly Netid[];
  dump(): Promise<Registered[]>;
  /**
   * Registers an entry. False if it is refused: something else is registered there, or this caller is not allowed to.
   */
  set(entry: PortEntry): Promise<boolean>;
  unset(entry: Registered | PortEntry): Promise<boolean>;
}

/** Whether `registered` is the same entry. */
export function isSame(registered: Registered, entry: PortEntry): boolean {
  return registered.port === entry.port && (registered.address ?? entry.address) === entry.address;
}

/**
 * Connects to the first of `targets` that answers, in version 4 or else version 2.
 * @throws {AggregateError} of one RpcError for each target
 */
export async function openMapper(
  targets: readonly RpcTarget[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<PortMapper> {
  const errors: unknown[] = [];
  for (const target of targets) {
    let client: RpcClient | undefined;
    try {
      client = await RpcClient.connect({ target, timeoutMs, signal });
      return await speak(client);
    } catch (error) {
      await client?.close();
      errors.push(error);
    }
  }
  const why = errors.map(error => (error as Error).message).join('; ');
  throw new AggregateError(errors, `no port mapper answers: ${why}`);
}

async function speak(client: RpcClient): Promise<PortMapper> {
  try {
    await client.ask(NULL4, undefined);
    return rpcbind4(client);
  } catch (error) {
    if (!(error instanceof RpcError) || error.code !== 'PROG_MISMATCH') throw error;
    await client.ask(NULL2, undefined);
    return portmap2(client);
  }
}

const of4 = { prog: RPCB_PROGRAM, vers: RPCB_V4 } as const;
const NULL4 = { ...of4, name: 'rpcbind 4 NULL', proc: RPCBPROC4.NULL, args: nothing, res: nothing };
const SET4 = { ...of4, name: 'rpcbind 4 SET', proc: RPCBPROC4.SET, args: rpcb, res: bool };
const UNSET4 = { ...of4, name: 'rpcbind 4 UNSET', proc: RPCBPROC4.UNSET, args: rpcb, res: bool };
const DUMP4 = { ...of4, name: 'rpcbind 4 DUMP', proc: RPCBPROC4.DUMP, args: nothing, res: rpcblist_ptr };

function rpcbind4(client: RpcClient): PortMapper {
  return {
    netids: ['tcp', 'udp', 'tcp6', 'udp6'],
    async dump() {
      const found = await client.ask(DUMP4, undefined);
      return found.flatMap(({ r_prog, r_vers, r_netid, r_addr }) => {
        const at = decodeUaddr(r_addr);
        if (!at || !isNetid(r_netid)) return [];
        return [{ program: r_prog, version: r_vers, netid: r_netid, address: at.host, port: at.port }];
      });
    },
    set: ({ program, version, netid, address, port, owner }) =>
      client.ask(SET4, {
        r_prog: program,
        r_vers: version,
        r_netid: netid,
        r_addr: encodeUaddr({ host: address, port }),
        r_owner: owner,
      }),
    // An empty netid would unregister all transports (RFC 1833, 2.2.1).
    unset: ({ program, version, netid }) =>
      client.ask(UNSET4, { r_prog: program, r_vers: version, r_netid: netid, r_addr: '', r_owner: '' }),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

const of2 = { prog: PMAP_PROGRAM, vers: PMAP_VERSION } as const;
const NULL2 = { ...of2, name: 'portmap 2 NULL', proc: PMAPPROC.NULL, args: nothing, res: nothing };
const SET2: RemoteProcedure<mapping, boolean> = {
  ...of2,
  name: 'portmap 2 SET',
  proc: PMAPPROC.SET,
  args: mapping,
  res: bool,
};
const UNSET2 = { ...SET2, name: 'portmap 2 UNSET', proc: PMAPPROC.UNSET };
const DUMP2 = { ...of2, name: 'portmap 2 DUMP', proc: PMAPPROC.DUMP, args: nothing, res: pmaplist };

const protOf = (netid: Netid) => (NETIDS[netid].proto === 'tcp' ? IPPROTO.TCP : IPPROTO.UDP);

function portmap2(client: RpcClient): PortMapper {
  return {
    netids: ['tcp', 'udp'],
    async dump() {
      const found = await client.ask(DUMP2, undefined);
      return found.flatMap(({ prog, vers, prot, port }): Registered[] => {
        if (prot !== IPPROTO.TCP && prot !== IPPROTO.UDP) return [];
        const netid = prot === IPPROTO.TCP ? 'tcp' : 'udp';
        return [{ program: prog, version: vers, netid, address: undefined, port }];
      });
    },
    set: ({ program, version, netid, port }) =>
      client.ask(SET2, { prog: program, vers: version, prot: protOf(netid), port }),
    // Version 2 ignores prot and unregisters both transports (RFC 1833, 3.2).
    unset: ({ program, version }) => client.ask(UNSET2, { prog: program, vers: version, prot: 0, port: 0 }),
    [Symbol.asyncDispose]: () => client.close(),
  };
}
