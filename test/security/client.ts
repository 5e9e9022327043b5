/**
 * A client for tests of promises about access. It speaks NFS3 and MOUNT3 from an address and as a user of its choice.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { authsys_parms } from '#protocols/auth-sys.ts';
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { auth_flavor, NO_AUTH } from '#protocols/rpc.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { type RemoteProcedure, RpcClient } from '#src/rpcclnt/client.ts';
import { asServer } from '#src/sys/process/identity.ts';
import { MOUNT3, NFS3 } from '../soak/procedures.ts';

export interface Who {
  /** The address of this machine that the calls come from. The default is `127.0.0.1`. */
  readonly address?: string;
  /** The uid of the caller. `none` stands for AUTH_NONE. */
  readonly uid?: number | 'none';
  readonly gid?: number;
}

/** What LOOKUP, READDIRPLUS and MNT tell about an object. */
export interface Listed {
  readonly name: string;
  readonly fileid: bigint;
  readonly handle: Buffer | undefined;
}

export class NfsClient {
  readonly #rpc: RpcClient;

  private constructor(rpc: RpcClient) {
    this.#rpc = rpc;
  }

  static async connect(t: Test, { port }: { port: number }, { address, uid = 0, gid = 0 }: Who = {}) {
    const socket = connect({ host: '127.0.0.1', port, localAddress: address ?? '127.0.0.1' });
    await once(socket, 'connect');
    const body = uid === 'none' ? undefined : encode(authsys_parms, { stamp: 0, machinename: '', uid, gid, gids: [] });
    const cred = body === undefined ? NO_AUTH : { flavor: auth_flavor.AUTH_SYS, body };
    const rpc = new RpcClient(socket, { target: { host: '127.0.0.1', port }, timeoutMs: 30_000, cred });
    t.teardown(() => rpc[Symbol.asyncDispose]());
    return new NfsClient(rpc);
  }

  /** The whole result of a procedure. Like the kernel of a client, it asks again when it is told to (JUKEBOX). */
  async call<A, R>(procedure: RemoteProcedure<A, R>, args: A): Promise<R> {
    for (;;) {
      const result = (await this.#rpc.ask(procedure, args)) as R & { status?: number };
      asServer(); // A service in this thread leaves it with the caller's identity. The test reads its files as itself.
      if (result?.status !== nfsstat3.NFS3ERR_JUKEBOX) return result;
      await sleep(20);
    }
  }

  /** The handle of a path, or the status (RFC 1813, 5.1.5) with which MNT refuses it. */
  async mount(path: string): Promise<Buffer | number> {
    const result = await this.call(MOUNT3.MNT, path);
    return result.fhs_status === 0 ? Buffer.from(result.fhandle) : result.fhs_status;
  }

  /** The handle of a path that can be mounted. */
  async mounted(path: string): Promise<Buffer> {
    const handle = await this.mount(path);
    if (typeof handle === 'number') throw new Error(`MNT of ${path}: status ${handle}`);
    return handle;
  }

  /** The handle of a name, or the status with which LOOKUP refuses it. */
  async lookup(dir: Buffer, ...names: string[]): Promise<Buffer | number> {
    let at = dir;
    for (const name of names) {
      const result = await this.call(NFS3.LOOKUP, { what: { dir: at, name } });
      if (result.status !== 0) return result.status;
      at = Buffer.from((result as { object: Buffer }).object);
    }
    return at;
  }

  /** The handle of names that exist. */
  async found(dir: Buffer, ...names: string[]): Promise<Buffer> {
    const handle = await this.lookup(dir, ...names);
    if (typeof handle === 'number') throw new Error(`LOOKUP of ${names.join('/')}: status ${handle}`);
    return handle;
  }

  async getattr(object: Buffer): Promise<number> {
    return (await this.call(NFS3.GETATTR, { object })).status;
  }

  /** All entries by READDIRPLUS, or the status with which it is refused. */
  async list(dir: Buffer): Promise<Listed[] | number> {
    const args = { dir, cookie: 0n, cookieverf: Buffer.alloc(8), dircount: 65_536, maxcount: 65_536 };
    const result = await this.call(NFS3.READDIRPLUS, args);
    if (result.status !== 0) return result.status;
    const { entries } = (result as { reply: { entries: { name: string; fileid: bigint; name_handle?: Buffer }[] } })
      .reply;
    return entries.map(({ name, fileid, name_handle: handle }) => ({
      name,
      fileid,
      handle: handle && Buffer.from(handle),
    }));
  }
}
