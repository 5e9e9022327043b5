/**
 * The calls before a measurement, one at a time: mounting, making files, looking them up. They suit any NFSv3 server.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { authsys_parms } from '#protocols/auth-sys.ts';
import { dirpath, MNT3, MOUNT_PROGRAM, MOUNT_V3, MOUNTPROC3, mountres3 } from '#protocols/mount.ts';
import { createmode3, NFS_PROGRAM, NFS_V3, NFSPROC3, nfsstat3, stable_how } from '#protocols/nfs3/constants.ts';
import { READDIRPLUS3args, READDIRPLUS3res } from '#protocols/nfs3/directory.ts';
import { WRITE3args, WRITE3res } from '#protocols/nfs3/file.ts';
import { CREATE3args, CREATE3res, LOOKUP3args, LOOKUP3res, MKDIR3args, MKDIR3res } from '#protocols/nfs3/names.ts';
import type { sattr3 } from '#protocols/nfs3/types.ts';
import { accept_stat, auth_flavor, call_header, msg_type, NO_AUTH, reply_header, RPC_VERSION } from '#protocols/rpc.ts';
import type { Codec } from '#protocols/xdr/codec.ts';
import { XdrReader, XdrWriter } from '#protocols/xdr/stream.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly mountport: number;
  readonly export: string;
}

const LAST_FRAGMENT = 0x8000_0000;

/** The credentials of a user. */
export function credentialsOf(uid: number, gid: number) {
  const to = new XdrWriter();
  authsys_parms.encode(to, { stamp: 0, machinename: 'bench', uid, gid, gids: [] });
  return { flavor: auth_flavor.AUTH_SYS, body: to.toBuffer() };
}
export const ROOT = credentialsOf(0, 0);

/** A call as it is sent: record mark, header with xid 0, arguments. The xid is at byte 4. */
export function record<A>(
  prog: number,
  vers: number,
  proc: number,
  args: Codec<A> | undefined,
  value?: A,
  cred = ROOT,
): Buffer {
  const to = new XdrWriter();
  to.uint32(0);
  const rpcvers = RPC_VERSION;
  call_header.encode(to, { xid: 0, mtype: msg_type.CALL, rpcvers, prog, vers, proc, cred, verf: NO_AUTH });
  args?.encode(to, value!);
  const bytes = to.toBuffer();
  bytes.writeUInt32BE((LAST_FRAGMENT | (bytes.length - 4)) >>> 0, 0);
  return bytes;
}

export const nfsRecord = <A>(proc: number, args?: Codec<A>, value?: A, cred = ROOT) =>
  record(NFS_PROGRAM, NFS_V3, proc, args, value, cred);

export function plainFile(mode: number): sattr3 {
  const time = { set_it: 0 } as const;
  return { mode, uid: undefined, gid: undefined, size: undefined, atime: time, mtime: time };
}

class Line {
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  #xid = 1;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(host: string, port: number): Promise<Line> {
    const socket = connect(port, host);
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new Line(socket);
  }

  close(): void {
    this.#socket.destroy();
  }

  async call<R>(call: Buffer, res: Codec<R>): Promise<R> {
    call.writeUInt32BE(this.#xid++, 4);
    this.#socket.write(call);
    const from = new XdrReader(await this.#reply());
    const { reply } = reply_header.decode(from);
    if (!('verf' in reply) || reply.data.stat !== accept_stat.SUCCESS) {
      throw new Error(`the server refused a call: ${JSON.stringify(reply)}`);
    }
    return res.decode(from);
  }

  async #reply(): Promise<Buffer> {
    const fragments: Buffer[] = [];
    for (;;) {
      const mark = (await this.#take(4)).readUInt32BE(0);
      fragments.push(await this.#take(mark % LAST_FRAGMENT));
      if (mark >= LAST_FRAGMENT) return Buffer.concat(fragments);
    }
  }

  async #take(count: number): Promise<Buffer> {
    while (this.#bytes.length < count) {
      const [chunk] = (await once(this.#socket, 'data')) as [Buffer];
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    }
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }
}

export class Session {
  readonly #nfs: Line;
  readonly root: Buffer;

  private constructor(nfs: Line, root: Buffer) {
    this.#nfs = nfs;
    this.root = root;
  }

  static async mount(target: Target): Promise<Session> {
    const line = await Line.open(target.host, target.mountport);
    const mnt = record(MOUNT_PROGRAM, MOUNT_V3, MOUNTPROC3.MNT, dirpath, target.export);
    const answer = await line.call(mnt, mountres3);
    line.close();
    if (answer.fhs_status !== MNT3.OK) throw new Error(`MNT ${target.export}: status ${answer.fhs_status}`);
    const root = Buffer.from(answer.fhandle);
    return new Session(await Line.open(target.host, target.port), root);
  }

  close(): void {
    this.#nfs.close();
  }

  /** Makes a call that must succeed. @throws {Error} with its status otherwise */
  async call<A, R extends { status: number }>(proc: number, args: Codec<A>, value: A, res: Codec<R>) {
    const answer = await this.#nfs.call(nfsRecord(proc, args, value), res);
    if (answer.status !== nfsstat3.NFS3_OK) {
      const name = Object.keys(NFSPROC3).find(key => NFSPROC3[key as keyof typeof NFSPROC3] === proc);
      throw new Error(`${name}: status ${answer.status}`);
    }
    return answer as Extract<R, { status: 0 }>;
  }

  async lookup(dir: Buffer, name: string): Promise<Buffer> {
    const { object } = await this.call(NFSPROC3.LOOKUP, LOOKUP3args, { what: { dir, name } }, LOOKUP3res);
    return Buffer.from(object);
  }

  async mkdir(dir: Buffer, name: string): Promise<Buffer> {
    const value = { where: { dir, name }, attributes: plainFile(0o755) };
    await this.call(NFSPROC3.MKDIR, MKDIR3args, value, MKDIR3res);
    return this.lookup(dir, name);
  }

  /** Makes a file of `bytes` bytes. */
  async file(dir: Buffer, name: string, bytes = 0): Promise<Buffer> {
    const how = { mode: createmode3.UNCHECKED, obj_attributes: plainFile(0o644) };
    await this.call(NFSPROC3.CREATE, CREATE3args, { where: { dir, name }, how }, CREATE3res);
    const file = await this.lookup(dir, name);
    const data = Buffer.alloc(Math.min(bytes, 256 * 1024), 'random enough ');
    for (let offset = 0; offset < bytes; offset += data.length) {
      const part = data.subarray(0, Math.min(data.length, bytes - offset));
      const value = { file, offset, count: part.length, stable: stable_how.UNSTABLE, data: part };
      const { count } = await this.call(NFSPROC3.WRITE, WRITE3args, value, WRITE3res);
      if (count !== part.length) throw new Error(`WRITE of ${part.length} bytes wrote ${count}`);
    }
    return file;
  }

  /**
   * The cookies and verifiers with which a listing continues: one for each reply of `maxcount` bytes, except for the
   * last.
   */
  async pages(dir: Buffer, dircount: number, maxcount: number) {
    const pages = [{ cookie: 0n, cookieverf: Buffer.alloc(8) }];
    for (;;) {
      const value = { dir, ...pages.at(-1)!, dircount, maxcount };
      const answer = await this.call(NFSPROC3.READDIRPLUS, READDIRPLUS3args, value, READDIRPLUS3res);
      if (answer.reply.eof || answer.reply.entries.length === 0) break;
      pages.push({ cookie: answer.reply.entries.at(-1)!.cookie, cookieverf: Buffer.from(answer.cookieverf) });
    }
    if (pages.length > 1) pages.pop();
    return pages;
  }
}
