/**
 * An NFSv3 client over TCP for tests: many calls at the same time, JUKEBOX and broken connections are waited out as a hard
 * mount does, and any other status is an error with its name.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { dirpath, MNT3, MOUNT_PROGRAM, MOUNT_V3, MOUNTPROC3, mountres3 } from '#protocols/mount.ts';
import { createmode3, NFSPROC3, nfsstat3, stable_how, time_how } from '#protocols/nfs3/constants.ts';
import { type entryplus3, READDIRPLUS3args, READDIRPLUS3res } from '#protocols/nfs3/directory.ts';
import * as file from '#protocols/nfs3/file.ts';
import { FSSTAT3args, FSSTAT3res } from '#protocols/nfs3/filesystem.ts';
import * as names from '#protocols/nfs3/names.ts';
import * as object from '#protocols/nfs3/object.ts';
import type { fattr3, sattr3 } from '#protocols/nfs3/types.ts';
import { accept_stat, reply_header } from '#protocols/rpc.ts';
import type { Codec } from '#protocols/xdr/codec.ts';
import { XdrReader } from '#protocols/xdr/stream.ts';
import { credentialsOf, nfsRecord, record, ROOT } from '../../bench/session.ts';
import { type Address, RpcLine } from './rpc-line.ts';

export type Status = keyof typeof nfsstat3;

/** A status of the server other than NFS3_OK. */
export class NfsError extends Error {
  readonly status: Status;
  /** Whether the call was sent more than once. */
  readonly again: boolean;
  constructor(procedure: string, status: Status, again = false) {
    super(`${procedure}: ${status}`);
    this.status = status;
    this.again = again;
  }
}

const JUKEBOX_MS = 100;
/** A hard mount would wait for ever; a test says after this time that nothing comes. */
const CALL_MAX_MS = 120_000;
const MOUNT_MAX_MS = 20_000;
const BLOCK = 1024 * 1024;

const named = (values: Readonly<Record<string, number>>, value: number): string =>
  Object.keys(values).find(key => values[key] === value) ?? String(value);

const DONT_CHANGE = { set_it: time_how.DONT_CHANGE } as const;
/** Attributes to set: those that are absent stay. */
export const attributes = (attr: Partial<sattr3>): sattr3 => ({
  mode: undefined,
  uid: undefined,
  gid: undefined,
  size: undefined,
  atime: DONT_CHANGE,
  mtime: DONT_CHANGE,
  ...attr,
});

async function replyOf<R>(line: RpcLine, call: Buffer, what: string, res: Codec<R>) {
  const stop = new AbortController();
  const late = sleep(CALL_MAX_MS, undefined, { signal: stop.signal, ref: false }).then(
    () => Promise.reject(new Error(`${what}: no answer after ${CALL_MAX_MS} ms`)),
    () => undefined as never,
  );
  const answer = await Promise.race([line.call(call), late]);
  stop.abort();
  const from = new XdrReader(answer.bytes);
  const { reply } = reply_header.decode(from);
  if (!('verf' in reply) || reply.data.stat !== accept_stat.SUCCESS) {
    throw new Error(`${what}: the server refused it: ${JSON.stringify(reply)}`);
  }
  return { result: res.decode(from), again: answer.again };
}

export class NfsClient {
  /** The handle of the volume's root. */
  root: Buffer = Buffer.alloc(0);
  /** How often the server said to try again later. */
  jukeboxes = 0;
  /** How many calls had been done before they were sent again to a server that did not know of it. */
  repeated = 0;
  readonly line: RpcLine;
  readonly #credentials: typeof ROOT;

  private constructor(line: RpcLine, credentials = ROOT) {
    this.line = line;
    this.#credentials = credentials;
  }

  /** Another user on the same mount. */
  as(uid: number, gid: number): NfsClient {
    const other = new NfsClient(this.line, credentialsOf(uid, gid));
    other.root = this.root;
    return other;
  }

  /** Mounts an export. `address` is asked anew whenever the connection has ended. MOUNT's port is NFS's unless it is given. */
  static async mount(
    t: Test,
    address: Address | (() => Address),
    path: string,
    mountport?: number,
  ): Promise<NfsClient> {
    const at = typeof address === 'function' ? address : () => address;
    const client = new NfsClient(await RpcLine.open(at));
    const mountd = mountport === undefined ? client.line : await RpcLine.open(() => ({ ...at(), port: mountport }));
    t.teardown(() => {
      client.line.close();
      mountd.close();
    });
    const until = Date.now() + MOUNT_MAX_MS;
    for (;;) {
      const mnt = record(MOUNT_PROGRAM, MOUNT_V3, MOUNTPROC3.MNT, dirpath, path);
      const { result: answer } = await replyOf(mountd, mnt, `MNT ${path}`, mountres3);
      if (answer.fhs_status === MNT3.OK) {
        client.root = Buffer.from(answer.fhandle);
        return client;
      }
      // So it is while the server connects to the bricks.
      const isLater = answer.fhs_status === MNT3.ERR_IO || answer.fhs_status === MNT3.ERR_SERVERFAULT;
      if (!isLater || Date.now() > until) throw new Error(`MNT ${path}: ${named(MNT3, answer.fhs_status)}`);
      await sleep(JUKEBOX_MS);
    }
  }

  async call<A, R extends { status: number }>(proc: number, args: Codec<A>, value: A, res: Codec<R>) {
    const what = named(NFSPROC3, proc);
    const until = Date.now() + CALL_MAX_MS;
    for (let wasLater = false; ; wasLater = true) {
      const { result: answer, again } = await replyOf(
        this.line,
        nfsRecord(proc, args, value, this.#credentials),
        what,
        res,
      );
      if (answer.status === nfsstat3.NFS3_OK) return answer as Extract<R, { status: 0 }>;
      const isJukebox = answer.status === nfsstat3.NFS3ERR_JUKEBOX;
      if (!isJukebox || Date.now() > until) {
        throw new NfsError(what, named(nfsstat3, answer.status) as Status, again || wasLater);
      }
      this.jukeboxes++;
      await sleep(JUKEBOX_MS);
    }
  }

  /**
   * Makes a call that is not idempotent. If it was sent again, `status` says that it had been done before: replies to such
   * calls are kept by one server and not by another head of the same volume, and where all bricks went away in the middle, the
   * server does not know whether they had done it before it said "try again later".
   */
  async #once<R>(call: Promise<R>, status: Status): Promise<R | undefined> {
    try {
      return await call;
    } catch (error) {
      if (!(error instanceof NfsError && error.again && error.status === status)) throw error;
      this.repeated++;
      return undefined;
    }
  }

  async lookup(dir: Buffer, name: Name): Promise<Buffer> {
    const value = { what: { dir, name: latin1(name) } };
    const answer = await this.call(NFSPROC3.LOOKUP, names.LOOKUP3args, value, names.LOOKUP3res);
    return Buffer.from(answer.object);
  }

  /** The handle of a path below the root. */
  async walk(path: string): Promise<Buffer> {
    let at = this.root;
    for (const name of path.split('/').filter(part => part !== '')) at = await this.lookup(at, name);
    return at;
  }

  async getattr(handle: Buffer): Promise<fattr3> {
    const value = { object: handle };
    const answer = await this.call(NFSPROC3.GETATTR, object.GETATTR3args, value, object.GETATTR3res);
    return answer.obj_attributes;
  }

  async setattr(handle: Buffer, attr: Parameters<typeof attributes>[0]): Promise<void> {
    const value = { object: handle, new_attributes: attributes(attr), guard: undefined };
    await this.call(NFSPROC3.SETATTR, object.SETATTR3args, value, object.SETATTR3res);
  }

  async create(dir: Buffer, name: Name, mode = 0o644): Promise<Buffer> {
    const how = { mode: createmode3.UNCHECKED, obj_attributes: attributes({ mode }) };
    const value = { where: { dir, name: latin1(name) }, how };
    const answer = await this.call(NFSPROC3.CREATE, names.CREATE3args, value, names.CREATE3res);
    return answer.obj === undefined ? this.lookup(dir, name) : Buffer.from(answer.obj);
  }

  async mkdir(dir: Buffer, name: Name, mode = 0o755): Promise<Buffer> {
    const value = { where: { dir, name: latin1(name) }, attributes: attributes({ mode }) };
    const answer = await this.#once(
      this.call(NFSPROC3.MKDIR, names.MKDIR3args, value, names.MKDIR3res),
      'NFS3ERR_EXIST',
    );
    return answer?.obj === undefined ? this.lookup(dir, name) : Buffer.from(answer.obj);
  }

  async symlink(dir: Buffer, name: Name, target: string): Promise<void> {
    const symlink = { symlink_attributes: attributes({ mode: 0o777 }), symlink_data: latin1(target) };
    const value = { where: { dir, name: latin1(name) }, symlink };
    await this.#once(this.call(NFSPROC3.SYMLINK, names.SYMLINK3args, value, names.SYMLINK3res), 'NFS3ERR_EXIST');
  }

  async mknod(dir: Buffer, name: Name, what: names.mknoddata3): Promise<void> {
    const value = { where: { dir, name: latin1(name) }, what };
    await this.call(NFSPROC3.MKNOD, names.MKNOD3args, value, names.MKNOD3res);
  }

  async readlink(handle: Buffer): Promise<string> {
    const value = { symlink: handle };
    const answer = await this.call(NFSPROC3.READLINK, object.READLINK3args, value, object.READLINK3res);
    return Buffer.from(answer.data, 'latin1').toString();
  }

  async link(handle: Buffer, dir: Buffer, name: Name): Promise<void> {
    const value = { file: handle, link: { dir, name: latin1(name) } };
    await this.#once(this.call(NFSPROC3.LINK, names.LINK3args, value, names.LINK3res), 'NFS3ERR_EXIST');
  }

  async remove(dir: Buffer, name: Name): Promise<void> {
    const value = { object: { dir, name: latin1(name) } };
    await this.#once(this.call(NFSPROC3.REMOVE, names.REMOVE3args, value, names.REMOVE3res), 'NFS3ERR_NOENT');
  }

  async rmdir(dir: Buffer, name: Name): Promise<void> {
    const value = { object: { dir, name: latin1(name) } };
    await this.#once(this.call(NFSPROC3.RMDIR, names.RMDIR3args, value, names.RMDIR3res), 'NFS3ERR_NOENT');
  }

  async rename(dir: Buffer, name: Name, toDir: Buffer, toName: Name): Promise<void> {
    const value = { from: { dir, name: latin1(name) }, to: { dir: toDir, name: latin1(toName) } };
    await this.#once(this.call(NFSPROC3.RENAME, names.RENAME3args, value, names.RENAME3res), 'NFS3ERR_NOENT');
  }

  /** Writes all of `data` and answers with the write verifier. */
  async write(handle: Buffer, data: Buffer, offset = 0, stable: stable_how = stable_how.UNSTABLE): Promise<Buffer> {
    let verf: Buffer = Buffer.alloc(8);
    for (let at = 0; at < data.length;) {
      const part = data.subarray(at, at + BLOCK);
      const value = { file: handle, offset: offset + at, count: part.length, stable, data: part };
      const answer = await this.call(NFSPROC3.WRITE, file.WRITE3args, value, file.WRITE3res);
      if (answer.count === 0) throw new Error('WRITE wrote nothing');
      at += answer.count;
      verf = Buffer.from(answer.verf);
    }
    return verf;
  }

  async commit(handle: Buffer): Promise<Buffer> {
    const value = { file: handle, offset: 0, count: 0 };
    return Buffer.from((await this.call(NFSPROC3.COMMIT, file.COMMIT3args, value, file.COMMIT3res)).verf);
  }

  /** Reads `length` bytes, or up to the end of the file. */
  async read(handle: Buffer, length = Infinity, offset = 0): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let at = 0; at < length;) {
      const value = { file: handle, offset: offset + at, count: Math.min(BLOCK, length - at) };
      const { data, eof, count } = await this.call(NFSPROC3.READ, file.READ3args, value, file.READ3res);
      parts.push(Buffer.from(Buffer.isBuffer(data) ? data : Buffer.from(data as unknown as Uint8Array)));
      at += count;
      if (eof) break;
      if (count === 0) throw new Error('READ read nothing before the end of the file');
    }
    return Buffer.concat(parts);
  }

  /** All entries of a directory, `.` and `..` too, from replies of about `bytes` bytes. */
  async list(dir: Buffer, bytes = 64 * 1024): Promise<entryplus3[]> {
    const entries: entryplus3[] = [];
    let [cookie, cookieverf] = [0n, Buffer.alloc(8)];
    for (;;) {
      const value = { dir, cookie, cookieverf, dircount: bytes, maxcount: bytes };
      const answer = await this.call(NFSPROC3.READDIRPLUS, READDIRPLUS3args, value, READDIRPLUS3res);
      entries.push(...answer.reply.entries);
      cookieverf = Buffer.from(answer.cookieverf);
      cookie = entries.at(-1)?.cookie ?? cookie;
      if (answer.reply.eof) return entries;
      if (answer.reply.entries.length === 0) throw new Error('READDIRPLUS listed nothing before the end');
    }
  }

  fsstat() {
    return this.call(NFSPROC3.FSSTAT, FSSTAT3args, { fsroot: this.root }, FSSTAT3res);
  }
}

/** Names are bytes on the wire, which the codecs take as latin1; text is UTF-8. */
type Name = string | Buffer;
const latin1 = (name: Name): string => Buffer.from(name as string).toString('latin1');
