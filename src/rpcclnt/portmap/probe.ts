/** Finds out whether a registered program still answers, or has ended without unregistering. */
import { createSocket } from 'node:dgram';
import { call_header, msg_type, NO_AUTH, RPC_VERSION } from '#protocols/rpc.ts';
import { encode, nothing } from '#protocols/xdr/codec.ts';
import { RpcClient } from '../client.ts';
import { RpcError } from '../error.ts';
import { formatIp, isWildcard, parseIp } from '../../rpc/ip.ts';
import type { Registered } from './mapper.ts';
import { NETIDS } from '../../rpc/port-table.ts';

const NULL_PROCEDURE = 0;
const XID = 1;

/** Calls procedure 0. Any RPC reply, even a refusal, shows that a program is there. */
export async function answers(registered: Registered, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const { program, version, netid, port } = registered;
  const ip = parseIp(registered.address ?? '127.0.0.1');
  if (!ip || port === 0 || signal.aborted) return false;
  const loopback = ip.family === 4 ? '127.0.0.1' : '::1';
  const host = isWildcard(ip) ? loopback : formatIp(ip);
  if (NETIDS[netid].proto === 'udp') return answersUdp(host, registered, timeoutMs, signal);
  const procedure = { name: 'NULL', prog: program, vers: version, proc: NULL_PROCEDURE, args: nothing, res: nothing };
  try {
    await using client = await RpcClient.connect({ target: { host, port }, timeoutMs, signal });
    await client.ask(procedure, undefined);
    return true;
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return !GONE.has(error.code);
  }
}

const GONE: ReadonlySet<string> = new Set(['CANNOT_CONNECT', 'TIMED_OUT', 'CLOSED', 'ABORTED', 'BAD_REPLY']);

function answersUdp(host: string, { program, version, port }: Registered, timeoutMs: number, signal: AbortSignal) {
  const call = encode(call_header, {
    xid: XID,
    mtype: msg_type.CALL,
    rpcvers: RPC_VERSION,
    prog: program,
    vers: version,
    proc: NULL_PROCEDURE,
    cred: NO_AUTH,
    verf: NO_AUTH,
  });
  return new Promise<boolean>(resolve => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const end = (found: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', gone);
      socket.off('error', gone).on('error', () => {});
      socket.close();
      resolve(found);
    };
    const gone = () => end(false);
    const timer = setTimeout(gone, timeoutMs);
    signal.addEventListener('abort', gone, { once: true });
    socket.once('error', gone);
    socket.on('message', message => {
      if (isReply(message)) end(true);
    });
    // The socket is connected so that the kernel reports a port on which nothing listens.
    socket.connect(port, host, () => socket.send(call));
  });
}

/** Whether a datagram is the reply to the call above: it begins with the call's xid and the message type REPLY. */
function isReply(message: Buffer): boolean {
  return message.length >= 8 && message.readUInt32BE(0) === XID && message.readUInt32BE(4) === msg_type.REPLY;
}
