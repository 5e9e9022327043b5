/** The brick as fops see it: something that answers calls. */
import { createHash } from 'node:crypto';
import { encodeCredential, GF_CLIENT_PID_NO_ROOT_SQUASH } from '#protocols/gluster/credentials.ts';
import type { XdrWriter } from '#protocols/xdr/stream.ts';
import { type Errno, FsError } from '../../../errno.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Fd } from '../../../graph/inode.ts';
import type { CallOptions } from '../../../rpcclnt/options.ts';
import type { RpcError, RpcErrorCode } from '../../../rpcclnt/error.ts';
import type { RemoteProcedure, RpcClient } from '../../../rpcclnt/client.ts';
import type { RemoteReply } from '../../../rpcclnt/reply.ts';
import type { Credential } from '../../../rpcclnt/credential.ts';
import { OWN } from '../../../graph/own-frame.ts';
import { BusyFiles, type Opener } from './busy-files.ts';
import { RemoteFds } from './fds.ts';
import { FOPS } from './fops.ts';
import { requireDone } from './replies.ts';

export interface RemoteSettings {
  /** Names the brick in messages. */
  readonly name: string;
  /** For how long an answer is waited for. */
  readonly timeoutMs: () => number;
  /** Whether the brick is told the groups of the caller. */
  readonly sendsGroups: () => boolean;
  /** The slot of the xlator. */
  readonly slot: number;
}

const NO_GROUPS: number[] = [];
const NO_TIMES = { flags: 0, sec: 0, nsec: 0 };

/**
 * By this pid a brick knows an NFS server: it lets the owner of a file truncate it, whatever the mode says, and answers ACCESS
 * with the bits that are granted. It checks the mode at no READ or WRITE of any caller.
 */
const NFS_PID = 1;

/** The credential of the frame's caller. One is enough, since it is written before anything else runs. */
class FrameCredential implements Credential {
  frame: Frame | undefined;
  readonly #sendsGroups: () => boolean;

  constructor(sendsGroups: () => boolean) {
    this.#sendsGroups = sendsGroups;
  }

  writeTo(to: XdrWriter): void {
    const { identity, internal, pid = NFS_PID, times = NO_TIMES, lkOwner } = this.frame!;
    const groups = this.#sendsGroups() ? (identity.groups as number[]) : NO_GROUPS;
    encodeCredential(to, {
      // Pids that are negative on the wire switch all checks of the brick off, so none comes from a caller.
      pid: internal ? GF_CLIENT_PID_NO_ROOT_SQUASH : (pid | 0) < 0 ? NFS_PID : pid | 0,
      uid: identity.uid,
      gid: identity.gid,
      flags: times.flags,
      ctime_sec: times.sec,
      ctime_nsec: times.nsec,
      groups,
      lk_owner: lkOwner === undefined ? NO_OWNER : ownerOf(lkOwner),
    });
  }
}

/** The owner of no lock, as GlusterFS's own client sends it. */
const NO_OWNER = Buffer.alloc(4);
/** A longer owner leaves less room for groups in the credential. */
const OWNER_BYTES_MAX = 32;

/** The owner as the brick is told; a hash if it is long. */
const ownerOf = (owner: Buffer): Buffer =>
  owner.length <= OWNER_BYTES_MAX ? owner : createHash('sha256').update(owner).digest();

export class Remote {
  readonly name: string;
  readonly slot: number;
  /** What is open and locked at the brick. */
  readonly fds: RemoteFds;
  /** The files that are open for calls which have not opened them. */
  readonly busy: BusyFiles;
  /** Identifies the volume, for the attributes of its objects. */
  fsid = 0n;
  /**
   * Whether something was written since the brick's process was last seen to start that it may not have synced. At first
   * it may have been, by the graph that this one has taken over from.
   */
  hasUnsynced = true;
  readonly #settings: RemoteSettings;
  #client: RpcClient | undefined;
  readonly #timeoutMs: () => number;
  readonly #credential: FrameCredential;
  readonly #how: { cred: Credential; timeoutMs: number; viewless: boolean; unhurried: boolean };

  constructor(settings: RemoteSettings, fds = new RemoteFds(settings.slot)) {
    const { name, timeoutMs, sendsGroups, slot } = settings;
    this.#settings = settings;
    this.name = name;
    this.slot = slot;
    this.fds = fds;
    this.busy = new BusyFiles(slot, this.#opener());
    this.#timeoutMs = timeoutMs;
    this.#credential = new FrameCredential(sendsGroups);
    this.#how = { cred: this.#credential, timeoutMs: 0, viewless: false, unhurried: false };
  }

  /** Calls go to this connection; `undefined`: they fail. */
  attach(client: RpcClient | undefined): void {
    this.#client = client;
  }

  /** The brick by another connection, before calls go there. */
  by(client: RpcClient): Remote {
    const remote = new Remote(this.#settings, this.fds);
    remote.attach(client);
    return remote;
  }

  /** Opens as root, since the rights of callers are checked at each call above. */
  #opener(): Opener {
    return {
      open: async (gfid, flags) => {
        const reply = await this.ask(FOPS.OPEN, { gfid, flags, xdata: undefined }, OWN);
        requireDone(reply, 'open');
        return reply.fd;
      },
      close: (gfid, fd) => {
        // If it fails the connection has ended, and the brick has closed the file.
        this.ask(FOPS.RELEASE, { gfid, fd, xdata: undefined }, OWN).catch(() => {});
      },
    };
  }

  /** The number of `fd` at the brick. @throws {FsError} EBADF, EBADFD */
  fdOf(fd: Fd): number {
    return this.fds.numberOf(fd);
  }

  /**
   * Calls a procedure of the brick on behalf of the frame's caller. The answer may say that the fop has failed
   * (`op_ret`); its buffers are good until it is released.
   * @throws {FsError} ENOTCONN: the brick is not connected, or was lost before it answered
   */
  call<A, R>(procedure: RemoteProcedure<A, R>, args: A, frame: Frame): Promise<RemoteReply<R>> {
    if (this.#client === undefined) return Promise.reject(this.#down());
    return this.#client.call(procedure, args, this.#asked(frame, this.#timeoutMs(), false));
  }

  /** Calls a procedure as {@link call} does, where the codec of the results copies all that it decodes. */
  ask<A, R>(procedure: RemoteProcedure<A, R>, args: A, frame: Frame): Promise<R> {
    if (this.#client === undefined) return Promise.reject(this.#down());
    return this.#client.ask(procedure, args, this.#asked(frame, this.#timeoutMs(), true));
  }

  /**
   * Makes a call as {@link ask} does that waits for a lock, however long that takes. When the frame's signal is aborted it
   * fails with EINTR at once. A brick cannot be told so: a lock that it gives afterwards is given back by `undo`.
   */
  wait<A, R extends { readonly op_ret: number }>(
    procedure: RemoteProcedure<A, R>,
    args: A,
    frame: Frame,
    undo: () => Promise<unknown>,
  ): Promise<R> {
    if (this.#client === undefined) return Promise.reject(this.#down());
    const { signal } = frame;
    const interrupted = () => new FsError('EINTR', `EINTR: ${procedure.name} is not waited for any longer`);
    if (signal.aborted) return Promise.reject(interrupted());
    const answer = this.#client.ask(procedure, args, this.#asked(frame, Infinity, true));
    return new Promise((resolve, reject) => {
      const abort = () => reject(interrupted());
      signal.addEventListener('abort', abort, { once: true });
      answer.then(
        reply => {
          signal.removeEventListener('abort', abort);
          resolve(reply);
          if (signal.aborted && reply.op_ret >= 0) undo().catch(() => {}); // the lock goes with the connection
        },
        (error: unknown) => {
          signal.removeEventListener('abort', abort);
          reject(error as Error);
        },
      );
    });
  }

  #asked(frame: Frame, timeoutMs: number, viewless: boolean): CallOptions {
    this.#credential.frame = frame;
    this.#how.timeoutMs = timeoutMs;
    this.#how.viewless = viewless;
    this.#how.unhurried = frame.unhurried === true;
    return this.#how;
  }

  #down(): FsError {
    return new FsError('ENOTCONN', `ENOTCONN: ${this.name} is not connected`);
  }
}

/** What a fop fails with when its call does. */
export function fopErrorOf(name: string, why: RpcError): FsError {
  const code = CODES[why.code];
  return new FsError(code, `${code}: ${name}: ${why.message}`, { cause: why });
}

const CODES: Readonly<Record<RpcErrorCode, Errno>> = {
  CLOSED: 'ENOTCONN',
  TIMED_OUT: 'ENOTCONN',
  ABORTED: 'ENOTCONN',
  CANNOT_CONNECT: 'ENOTCONN',
  BUSY: 'EJUKEBOX',
  PROC_UNAVAIL: 'EOPNOTSUPP',
  PROG_UNAVAIL: 'EREMOTEIO',
  PROG_MISMATCH: 'EREMOTEIO',
  GARBAGE_ARGS: 'EREMOTEIO',
  SYSTEM_ERR: 'EREMOTEIO',
  RPC_MISMATCH: 'EREMOTEIO',
  AUTH_ERROR: 'EREMOTEIO',
  BAD_REPLY: 'EREMOTEIO',
};
