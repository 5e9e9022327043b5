/** What is asked of a glusterd, over a connection to it. */
import { AUTH_GLUSTERFS, auth_glusterfs_parms_v2 } from '#protocols/gluster/credentials.ts';
import { GET_VOLUME, GF_CLI_GET_VOLUME, GLUSTERD_STATUS, LIST_VOLUME } from '#protocols/gluster/cli.ts';
import { GETSPEC } from '#protocols/gluster/handshake.ts';
import type { OldDictValue } from '#protocols/gluster/old-dict.ts';
import { encode } from '#protocols/xdr/codec.ts';
import type { opaque_auth } from '#protocols/rpc.ts';
import { FsError } from '../errno.ts';
import type { RpcClient } from '../rpcclnt/client.ts';
import { VOLFILE_CHARS_MAX } from '../volfile/volfile.ts';
import { fromWire, toWire } from '../wire-text.ts';
import { GlusterdError } from './error.ts';
import { type GlusterdAddress, parseServer } from './servers.ts';

/** The greatest answer is a volfile. */
export const ANSWER_BYTES_MAX = VOLFILE_CHARS_MAX + 64 * 1024;

/** glusterd holds one lock for all it does, and may be busy with another command. */
const ANSWER_MS = 30_000;
/** What only improves a message is not worth a long wait. */
const ASIDE_MS = 2000;

/** The credential of a process, as GlusterFS's clients send it to glusterd. */
export function processCredential(): opaque_auth {
  const lk_owner = Buffer.alloc(4);
  lk_owner.writeUInt32LE(process.pid);
  const parms = { pid: process.pid, uid: 0, gid: 0, groups: [], lk_owner };
  return { flavor: AUTH_GLUSTERFS.V2, body: encode(auth_glusterfs_parms_v2, parms) };
}

/** The versions of GlusterFS that a volume may need. glusterd refuses a client that does not say. */
const OP_VERSIONS: ReadonlyMap<string, OldDictValue> = new Map([
  ['min-op-version', '1'],
  ['max-op-version', '100000'],
]);
/** Asks also for the names of the other servers. */
const WITH_SERVERS = 1;
const ENOENT = 2;
/** The most peers that are read of an answer. */
const PEERS_MAX = 64;

export interface Spec {
  /** The volfile. */
  readonly text: string;
  readonly peers: readonly GlusterdAddress[];
}

/**
 * Asks for the volfile of a volume. glusterd then tells over this connection when volfiles may have changed.
 * @throws {RpcError}
 * @throws {GlusterdError}
 */
export async function getSpec(client: RpcClient, volume: string): Promise<Spec> {
  const args = { flags: WITH_SERVERS, key: toWire(volume), xdata: OP_VERSIONS };
  const { op_ret, op_errno, spec, xdata } = await client.ask(GETSPEC, args, { timeoutMs: ANSWER_MS });
  if (op_ret < 0 && op_errno === ENOENT) {
    throw new GlusterdError('NO_VOLUME', `there is no volume ${volume}${await otherVolumes(client)}`);
  }
  if (op_ret < 0) {
    throw new GlusterdError('REFUSED', `glusterd refuses the volfile of ${volume} (${FsError.of(op_errno, '').code})`);
  }
  if (spec === '') throw new GlusterdError('REFUSED', `glusterd has an empty volfile for ${volume}`);
  return { text: fromWire(spec), peers: peersOf(xdata.get('servers-list')) };
}

/** Peers come as `host:port host:port `. What is not of this form is passed over. */
function peersOf(list: OldDictValue | undefined): GlusterdAddress[] {
  if (typeof list !== 'string') return [];
  const words = list.split(' ', PEERS_MAX).filter(word => word !== '');
  return words.map(word => parseServer(fromWire(word))).filter(server => server !== undefined);
}

/** How many volumes a message names. */
const SHOWN_MAX = 10;

/** Says which volumes there are, as far as glusterd tells. */
async function otherVolumes(client: RpcClient): Promise<string> {
  try {
    const { op_ret, dict } = await client.ask(LIST_VOLUME, { dict: new Map() }, { timeoutMs: ASIDE_MS });
    const count = Number(dict.get('count'));
    if (op_ret < 0 || !Number.isInteger(count)) return '';
    if (count === 0) return ' (glusterd has no volumes)';
    const names = Array.from({ length: Math.min(count, SHOWN_MAX) }, (_, i) => dict.get(`volume${i}`));
    const known = names.filter(name => typeof name === 'string').map(name => name.replace(/[^\w.-]/g, '?'));
    return ` (glusterd has ${known.join(', ')}${count > SHOWN_MAX ? `, and ${count - SHOWN_MAX} more` : ''})`;
  } catch {
    return '';
  }
}

/** Whether a volume has been stopped, as far as glusterd tells. */
export async function isStopped(client: RpcClient, volume: string): Promise<boolean> {
  try {
    const dict = new Map([
      ['flags', `${GF_CLI_GET_VOLUME}`],
      ['volname', toWire(volume)],
    ]);
    const answer = await client.ask(GET_VOLUME, { dict }, { timeoutMs: ASIDE_MS });
    const status = Number(answer.dict.get('volume0.status'));
    return answer.op_ret >= 0 && (status === GLUSTERD_STATUS.STOPPED || status === GLUSTERD_STATUS.NONE);
  } catch {
    return false;
  }
}
