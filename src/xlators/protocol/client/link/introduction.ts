/** How a client introduces itself to a brick (SETVOLUME), and what the brick answers. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { GLUSTER_FOP4 } from '#protocols/gluster/constants.ts';
import type { gf_setvolume_rsp } from '#protocols/gluster/handshake.ts';
import { FsError } from '../../../../errno.ts';
import type { Introduction } from './state.ts';

export interface Introducing {
  /** The name of the xlator. */
  readonly name: string;
  /** The path of the brick on its host. */
  readonly subvolume: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** GlusterFS's number of the features that a client knows; a volume that needs more does not take it. */
const OP_VERSION = '100000';

/** Makes the arguments of SETVOLUME. */
export class Introducer {
  /** The brick takes each connection for that of another client, so each has a name of its own. */
  readonly #id = randomUUID();
  #connections = 0;

  next({ name, subvolume, username, password }: Introducing, volumeId: string | undefined): Map<string, string> {
    const { pid } = process;
    const host = hostname();
    const identity = `CTX_ID:${this.#id}-GRAPH_ID:0-PID:${pid}-HOST:${host}-PC_NAME:${name}-RECON_NO:-${this.#connections++}`;
    const dict = new Map([
      ['remote-subvolume', subvolume],
      ['process-uuid', identity],
      ['process-name', 'bricknfs'],
      ['fops-version', `${GLUSTER_FOP4.prog}`],
      ['client-version', 'bricknfs'],
      ['opversion', OP_VERSION],
      ['clnt-lk-version', '1'],
    ]);
    if (volumeId !== undefined) dict.set('volume-id', volumeId);
    if (username !== undefined) dict.set('username', username);
    if (password !== undefined) dict.set('password', password);
    return dict;
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What the answer of SETVOLUME says. It comes from another machine, so nothing of it is taken for granted. */
export function introductionOf({ op_ret, op_errno, dict }: gf_setvolume_rsp): Introduction {
  const text = (key: string): string => dict.get(key)?.toString('latin1') ?? '';
  if (op_ret < 0) {
    const { code } = FsError.of(op_errno, '');
    return { ok: false, code, text: text('ERROR').slice(0, TEXT_MAX) || 'no reason given' };
  }
  const volumeId = text('volume-id').toLowerCase();
  if (!UUID.test(volumeId)) return { ok: false, code: 'EINVAL', text: 'it does not tell which volume it belongs to' };
  return { ok: true, volumeId, process: text('process-uuid'), hasStorage: text('child_up') !== '0' };
}

/** How much of a brick's text goes into a log. */
const TEXT_MAX = 200;
