/**
 * A user who works in a directory of its own. The worker knows what the directory holds, and checks every answer
 * against that.
 */
import { ACCESS3, createmode3, ftype3, nfsstat3 as S, stable_how, time_how } from '#protocols/nfs3/constants.ts';
import type { fattr3, post_op_attr, sattr3, wcc_data } from '#protocols/nfs3/types.ts';
import type { RemoteProcedure } from '#src/rpcclnt/client.ts';
import { holds, Mismatch, same, sameStatus } from './answer.ts';
import type { Caller } from './caller.ts';
import { authSys } from './line.ts';
import { NFS3 } from '../procedures.ts';
import { FILE_BYTES_MAX, isDir, isFile, type Node, resized, type Tree, written } from './tree.ts';

export interface User {
  readonly uid: number;
  readonly gid: number;
}

const KEEP = { set_it: time_how.DONT_CHANGE } as const;
export const NOTHING: sattr3 = {
  mode: undefined,
  uid: undefined,
  gid: undefined,
  size: undefined,
  atime: KEEP,
  mtime: KEEP,
};

const FILE_MODES = [0o600, 0o644, 0o640, 0o755, 0o400, 0o444, 0o200];
const DIR_MODES = [0o700, 0o755, 0o750];
const STRANGER = { uid: 33_333, gid: 33_333 };
const COOKIEVERF = Buffer.alloc(8);
const FILLING = 48;

/** Whether the mode gives other users this bit: 4 to read, 2 to write, 1 to execute or search. */
const others = ({ mode }: Node, bit: number) => (mode & bit) !== 0;

export class Worker {
  readonly caller: Caller;
  readonly tree: Tree;
  /** The owner of what the worker makes. */
  readonly #owner: User;
  /** Whether the server can act as other users. A server that does not run as root acts as its own user only. */
  readonly #hasOthers: boolean;
  #verf: Buffer | undefined;

  constructor(caller: Caller, tree: Tree, owner: User, hasOthers: boolean) {
    this.caller = caller;
    this.tree = tree;
    this.#owner = owner;
    this.#hasOthers = hasOthers;
  }

  /** Makes a random well-formed call. @throws {Mismatch} */
  step(): Promise<void> {
    return this.caller.random.pick(STEPS)(this);
  }

  /** Lets the tree grow to about the size that it will keep. @throws {Mismatch} */
  async fill(): Promise<void> {
    const grow = ['mkdir', 'create', 'create', 'symlink', 'mknod', 'link'] as const;
    for (let i = 0; i < FILLING; i++) await this[grow[i % grow.length]!]();
  }

  get random() {
    return this.caller.random;
  }

  get superuser(): boolean {
    return this.#owner.uid === 0;
  }

  // Compares what an answer shows of a node.

  attributes(found: fattr3, node: Node, what: string): void {
    same(found.type, node.type, `${what}: type`);
    same(found.fileid, node.fileid, `${what}: fileid`);
    same(found.uid, this.#owner.uid, `${what}: uid`);
    same(found.gid, this.#owner.gid, `${what}: gid`);
    if (node.type !== ftype3.NF3LNK) same(found.mode, node.mode, `${what}: mode`);
    if (!isDir(node)) same(found.nlink, node.nlink, `${what}: nlink`);
    if (isFile(node)) same(found.size, node.data.length, `${what}: size`);
    if (node.type === ftype3.NF3LNK) same(found.size, node.target.length, `${what}: size`);
  }

  after(found: post_op_attr, node: Node, what: string): void {
    holds(found !== undefined, `${what}: no attributes`);
    this.attributes(found, node, what);
  }

  wcc({ before, after }: wcc_data, node: Node, what: string): void {
    if (before && isFile(node)) holds(before.size <= FILE_BYTES_MAX, `${what}: a size of ${before.size} before`);
    this.after(after, node, what);
  }

  // The steps of a worker.

  async make<R extends { status: number }>(
    procedure: RemoteProcedure<any, R>,
    dir: Node,
    name: string,
    more: object,
    like: Pick<Node, 'type' | 'mode'> & Partial<Node>,
  ): Promise<void> {
    const there = dir.entries.get(name);
    const args = { where: { dir: dir.handle, name }, ...more };
    if (there !== undefined || !this.tree.hasRoom(dir)) {
      if (there === undefined) return;
      const refused = await this.caller.expect(procedure, args, S.NFS3ERR_EXIST);
      this.wcc((refused as unknown as { dir_wcc: wcc_data }).dir_wcc, dir, procedure.name);
      return;
    }
    const made = await this.caller.expect(procedure, args, S.NFS3_OK);
    this.enter(dir, name, made as unknown as Made, like, procedure.name);
  }

  enter(dir: Node, name: string, made: Made, like: Pick<Node, 'type' | 'mode'> & Partial<Node>, what: string): Node {
    const { obj, obj_attributes, dir_wcc } = made;
    holds(obj !== undefined && obj_attributes !== undefined, `${what}: no handle or no attributes`);
    const node: Node = {
      handle: Buffer.from(obj),
      fileid: obj_attributes.fileid,
      nlink: 1,
      data: Buffer.alloc(0),
      target: '',
      entries: new Map(),
      ...like,
    };
    this.attributes(obj_attributes, node, what);
    dir.entries.set(name, node);
    this.wcc(dir_wcc, dir, what);
    return node;
  }

  async getattr(): Promise<void> {
    const node = this.tree.any();
    const found = await this.caller.expect(NFS3.GETATTR, { object: node.handle }, S.NFS3_OK);
    this.attributes((found as { obj_attributes: fattr3 }).obj_attributes, node, 'GETATTR');
  }

  async gone(): Promise<void> {
    const { stale } = this.tree;
    if (stale.length === 0) return;
    const object = this.random.pick(stale);
    const found = await this.caller.call(NFS3.GETATTR, { object });
    // While its last bytes are being flushed, the kernel still has the object, without a name.
    if (found.status === S.NFS3_OK && found.obj_attributes.nlink === 0) return;
    sameStatus(found, S.NFS3ERR_STALE, 'GETATTR of an object that is gone');
    await this.caller.expect(NFS3.READ, { file: object, offset: 0, count: 1 }, S.NFS3ERR_STALE);
  }

  async setattr(): Promise<void> {
    const node = this.tree.any();
    if (node.type === ftype3.NF3LNK) return;
    const next: { -readonly [K in keyof sattr3]: sattr3[K] } = { ...NOTHING };
    const size = this.random.between(0, FILE_BYTES_MAX);
    const mode = this.random.pick(isDir(node) ? DIR_MODES : FILE_MODES);
    if (this.random.chance(0.5)) next.mode = mode;
    if (isFile(node) && this.random.chance(0.5)) next.size = size;
    const seconds = this.random.between(1, 2_000_000_000);
    const time = { seconds, nseconds: this.random.below(1_000_000_000) };
    if (this.random.chance(0.5)) next.mtime = { set_it: time_how.SET_TO_CLIENT_TIME, time };
    const args = { object: node.handle, new_attributes: next };
    if (this.random.chance(0.2)) {
      const guard = { seconds: 1, nseconds: 1 };
      const refused = await this.caller.expect(NFS3.SETATTR, { ...args, guard }, S.NFS3ERR_NOT_SYNC);
      this.wcc((refused as { obj_wcc: wcc_data }).obj_wcc, node, 'SETATTR');
      return;
    }
    let guard: fattr3['ctime'] | undefined;
    if (this.random.chance(0.2)) {
      const found = await this.caller.expect(NFS3.GETATTR, { object: node.handle }, S.NFS3_OK);
      guard = (found as { obj_attributes: fattr3 }).obj_attributes.ctime;
    }
    const { obj_wcc } = await this.caller.expect(NFS3.SETATTR, { ...args, guard }, S.NFS3_OK);
    if (next.mode !== undefined) node.mode = mode;
    if (next.size !== undefined) resized(node, size);
    this.wcc(obj_wcc, node, 'SETATTR');
    if (next.mtime !== KEEP) same(obj_wcc.after!.mtime.nseconds, time.nseconds, 'SETATTR: mtime');
  }

  async lookup(): Promise<void> {
    const dir = this.tree.dir();
    const name = this.random.chance(0.7) ? (this.tree.taken(dir) ?? '.') : this.tree.name();
    const node = name === '.' ? dir : dir.entries.get(name);
    const found = await this.caller.call(NFS3.LOOKUP, { what: { dir: dir.handle, name } });
    sameStatus(found, node === undefined ? S.NFS3ERR_NOENT : S.NFS3_OK, `LOOKUP ${JSON.stringify(name)}`);
    if (found.status === S.NFS3_OK) {
      holds(found.object.equals(node!.handle), 'LOOKUP: not the same handle as before');
      this.after(found.obj_attributes, node!, 'LOOKUP');
    }
    this.after(found.dir_attributes, dir, 'LOOKUP: the directory');
  }

  async access(): Promise<void> {
    const node = this.tree.any();
    if (node.type === ftype3.NF3LNK) return;
    const asked = this.random.below(64);
    const found = await this.caller.expect(NFS3.ACCESS, { object: node.handle, access: asked }, S.NFS3_OK);
    const { access, obj_attributes } = found as { access: number; obj_attributes: post_op_attr };
    same(access, asked & this.granted(node), `ACCESS ${asked} with mode ${node.mode.toString(8)}`);
    this.after(obj_attributes, node, 'ACCESS');
  }

  granted(node: Node): number {
    const { READ, LOOKUP, MODIFY, EXTEND, DELETE, EXECUTE } = ACCESS3;
    const may = (bit: number) => this.superuser || (node.mode & (bit << 6)) !== 0;
    const executes = this.superuser ? (node.mode & 0o111) !== 0 : may(1);
    if (isDir(node)) {
      return (may(4) ? READ : 0) | (may(1) ? LOOKUP : 0) | (may(2) && may(1) ? MODIFY | EXTEND | DELETE : 0);
    }
    return (may(4) ? READ : 0) | (may(2) ? MODIFY | EXTEND : 0) | (executes ? EXECUTE : 0);
  }

  async readlink(): Promise<void> {
    const node = this.tree.any();
    const found = await this.caller.call(NFS3.READLINK, { symlink: node.handle });
    const isLink = node.type === ftype3.NF3LNK;
    sameStatus(found, isLink ? S.NFS3_OK : S.NFS3ERR_INVAL, 'READLINK');
    if (found.status === S.NFS3_OK) same(found.data, node.target, 'READLINK');
    this.after(found.symlink_attributes, node, 'READLINK');
  }

  async read(): Promise<void> {
    const file = this.tree.file();
    if (file === undefined) return;
    const offset = this.random.between(0, Math.ceil(file.data.length * 1.2));
    const count = this.random.between(0, FILE_BYTES_MAX);
    const found = await this.caller.expect(NFS3.READ, { file: file.handle, offset, count }, S.NFS3_OK);
    if (found.status !== S.NFS3_OK) return;
    const expected = file.data.subarray(offset, offset + count);
    same(found.count, expected.length, 'READ: count');
    holds(found.data.equals(expected), `READ ${count} at ${offset} gave bytes that were not written`);
    same(found.eof, offset + count >= file.data.length, 'READ: eof');
    this.after(found.file_attributes, file, 'READ');
  }

  async write(): Promise<void> {
    const file = this.tree.file();
    if (file === undefined) return;
    const offset = this.random.between(0, Math.min(file.data.length + 4096, FILE_BYTES_MAX - 1));
    const data = this.random.bytes(this.random.between(0, Math.min(8192, FILE_BYTES_MAX - offset)));
    const stable = this.random.chance(0.9) ? stable_how.UNSTABLE : this.random.pick(Object.values(stable_how));
    const args = { file: file.handle, offset, count: data.length, stable, data };
    const done = await this.caller.expect(NFS3.WRITE, args, S.NFS3_OK);
    if (done.status !== S.NFS3_OK) return;
    same(done.count, data.length, 'WRITE: count');
    holds(done.committed >= stable, `WRITE: asked for ${stable}, committed ${done.committed}`);
    this.verifier(done.verf);
    written(file, offset, data);
    this.wcc(done.file_wcc, file, 'WRITE');
  }

  verifier(verf: Buffer): void {
    this.#verf ??= Buffer.from(verf);
    holds(this.#verf.equals(verf), 'the write verifier changed although the server did not restart');
  }

  async commit(): Promise<void> {
    const file = this.tree.file();
    if (file === undefined) return;
    const done = await this.caller.expect(NFS3.COMMIT, { file: file.handle, offset: 0, count: 0 }, S.NFS3_OK);
    if (done.status !== S.NFS3_OK) return;
    this.verifier(done.verf);
    this.wcc(done.file_wcc, file, 'COMMIT');
  }

  async create(): Promise<void> {
    const dir = this.tree.dir();
    const name = this.tree.name();
    const mode = this.random.pick(FILE_MODES);
    const size = this.random.chance(0.3) ? this.random.between(0, 5000) : undefined;
    const obj_attributes = { ...NOTHING, mode, size };
    const there = dir.entries.get(name);
    const guarded = this.random.chance(0.5);
    const how = { mode: guarded ? createmode3.GUARDED : createmode3.UNCHECKED, obj_attributes };
    if (guarded || there === undefined) {
      const data = Buffer.alloc(size ?? 0);
      return this.make(NFS3.CREATE, dir, name, { how }, { type: ftype3.NF3REG, mode, data });
    }
    const found = await this.caller.call(NFS3.CREATE, { where: { dir: dir.handle, name }, how });
    sameStatus(found, S.NFS3_OK, 'CREATE of an existing name');
    const { obj, obj_attributes: shown } = found as unknown as Made;
    holds(obj?.equals(there.handle) === true, 'CREATE of an existing name: not the same handle');
    if (!isFile(there)) {
      // The object is left as it was, as knfsd does.
      this.attributes(shown!, there, 'CREATE over an object that is not a file');
      return;
    }
    if (size !== undefined) resized(there, size);
    // RFC 1813, 3.3.8 leaves open whether an UNCHECKED create of an existing file sets more than its size.
    there.mode = shown!.mode;
    this.attributes(shown!, there, 'CREATE of an existing file');
  }

  async createExclusively(): Promise<void> {
    const dir = this.tree.dir();
    if (!this.tree.hasRoom(dir)) return;
    const name = this.tree.free(dir);
    const where = { dir: dir.handle, name };
    const verf = this.random.bytes(8);
    const how = { mode: createmode3.EXCLUSIVE, verf };
    const made = (await this.caller.expect(NFS3.CREATE, { where, how }, S.NFS3_OK)) as unknown as Made;
    const mode = made.obj_attributes?.mode ?? 0;
    const node = this.enter(dir, name, made, { type: ftype3.NF3REG, mode }, 'CREATE EXCLUSIVE');
    const again = (await this.caller.expect(NFS3.CREATE, { where, how }, S.NFS3_OK)) as unknown as Made;
    holds(again.obj?.equals(node.handle) === true, 'CREATE EXCLUSIVE, again: not the same handle');
    const other = { mode: createmode3.EXCLUSIVE, verf: this.random.bytes(8) };
    await this.caller.expect(NFS3.CREATE, { where, how: other }, S.NFS3ERR_EXIST);
    const new_attributes = { ...NOTHING, mode: 0o644 };
    await this.caller.expect(NFS3.SETATTR, { object: node.handle, new_attributes, guard: undefined }, S.NFS3_OK);
    node.mode = 0o644;
  }

  async mkdir(): Promise<void> {
    if (this.tree.dirs().length > 4) return;
    const mode = this.random.pick(DIR_MODES);
    const attributes = { ...NOTHING, mode };
    await this.make(NFS3.MKDIR, this.tree.home, this.tree.name(), { attributes }, { type: ftype3.NF3DIR, mode });
  }

  async symlink(): Promise<void> {
    const target = `${'../'.repeat(this.random.below(20))}target \xfe`;
    const symlink = { symlink_attributes: NOTHING, symlink_data: target };
    await this.make(
      NFS3.SYMLINK,
      this.tree.dir(),
      this.tree.name(),
      { symlink },
      { type: ftype3.NF3LNK, mode: 0, target },
    );
  }

  async mknod(): Promise<void> {
    const mode = this.random.pick(FILE_MODES);
    const what = { type: ftype3.NF3FIFO, pipe_attributes: { ...NOTHING, mode } };
    await this.make(NFS3.MKNOD, this.tree.dir(), this.tree.name(), { what }, { type: ftype3.NF3FIFO, mode });
  }

  async remove(): Promise<void> {
    const dir = this.tree.dir();
    const name = this.random.chance(0.8) ? (this.tree.taken(dir) ?? 'x') : this.tree.name();
    const node = dir.entries.get(name);
    const status = node === undefined ? S.NFS3ERR_NOENT : isDir(node) ? S.NFS3ERR_ISDIR : S.NFS3_OK;
    const { dir_wcc } = await this.caller.expect(NFS3.REMOVE, { object: { dir: dir.handle, name } }, status);
    if (status === S.NFS3_OK) this.tree.drop(dir, name);
    this.wcc(dir_wcc, dir, 'REMOVE');
  }

  async rmdir(): Promise<void> {
    const { home } = this.tree;
    const name = this.tree.taken(home);
    if (name === undefined) return;
    const node = home.entries.get(name)!;
    const status = !isDir(node) ? S.NFS3ERR_NOTDIR : node.entries.size > 0 ? S.NFS3ERR_NOTEMPTY : S.NFS3_OK;
    const { dir_wcc } = await this.caller.expect(NFS3.RMDIR, { object: { dir: home.handle, name } }, status);
    if (status === S.NFS3_OK) this.tree.drop(home, name);
    this.wcc(dir_wcc, home, 'RMDIR');
  }

  async rename(): Promise<void> {
    const [from, to] = [this.tree.dir(), this.tree.dir()];
    const name = this.random.chance(0.9) ? (this.tree.taken(from) ?? 'x') : this.tree.name();
    const as = this.tree.name();
    const node = from.entries.get(name);
    const there = to.entries.get(as);
    // No directory may be deeper than this.
    if (node !== undefined && isDir(node) && to !== this.tree.home && to !== node) return;
    if (there === undefined && from !== to && !this.tree.hasRoom(to)) return;
    const status = renameStatus(node, from, to, there);
    const args = { from: { dir: from.handle, name }, to: { dir: to.handle, name: as } };
    const done = await this.caller.expect(NFS3.RENAME, args, status);
    // Both are names of one object, and rename(2) leaves both.
    if (status === S.NFS3_OK && node !== there) {
      if (there !== undefined) this.tree.drop(to, as);
      from.entries.delete(name);
      to.entries.set(as, node!);
    }
    this.wcc(done.fromdir_wcc, from, 'RENAME');
    this.wcc(done.todir_wcc, to, 'RENAME');
  }

  async link(): Promise<void> {
    const file = this.tree.file();
    const dir = this.tree.dir();
    const name = this.tree.name();
    if (file === undefined) return;
    const there = dir.entries.has(name);
    if (!there && (!this.tree.hasRoom(dir) || file.nlink > 4)) return;
    const args = { file: file.handle, link: { dir: dir.handle, name } };
    const done = await this.caller.expect(NFS3.LINK, args, there ? S.NFS3ERR_EXIST : S.NFS3_OK);
    if (!there) {
      dir.entries.set(name, file);
      file.nlink++;
    }
    this.after(done.file_attributes, file, 'LINK');
    this.wcc(done.linkdir_wcc, dir, 'LINK');
  }

  async readdir(): Promise<void> {
    const dir = this.tree.dir();
    const count = this.random.between(512, 4096);
    const found = new Set<string>();
    for (let cookie = 0n, eof = false; !eof;) {
      const args = { dir: dir.handle, cookie, cookieverf: COOKIEVERF, count };
      const page = await this.caller.expect(NFS3.READDIR, args, S.NFS3_OK);
      if (page.status !== S.NFS3_OK) return;
      this.after(page.dir_attributes, dir, 'READDIR');
      for (const { name, fileid } of page.reply.entries) this.listed(dir, found, name, fileid);
      ({ eof } = page.reply);
      cookie = page.reply.entries.at(-1)?.cookie ?? cookie;
    }
    same(found.size, dir.entries.size + 2, 'READDIR: the number of names');
  }

  async readdirplus(): Promise<void> {
    const dir = this.tree.dir();
    const maxcount = this.random.between(1024, 8192);
    const found = new Set<string>();
    for (let cookie = 0n, eof = false; !eof;) {
      const args = { dir: dir.handle, cookie, cookieverf: COOKIEVERF, dircount: maxcount, maxcount };
      const page = await this.caller.expect(NFS3.READDIRPLUS, args, S.NFS3_OK);
      if (page.status !== S.NFS3_OK) return;
      this.after(page.dir_attributes, dir, 'READDIRPLUS');
      for (const { name, fileid, name_attributes, name_handle } of page.reply.entries) {
        const node = this.listed(dir, found, name, fileid);
        if (node === undefined) continue;
        if (name_attributes !== undefined) this.attributes(name_attributes, node, 'READDIRPLUS');
        if (name_handle !== undefined) holds(name_handle.equals(node.handle), 'READDIRPLUS: not the same handle');
      }
      ({ eof } = page.reply);
      cookie = page.reply.entries.at(-1)?.cookie ?? cookie;
    }
    same(found.size, dir.entries.size + 2, 'READDIRPLUS: the number of names');
  }

  listed(dir: Node, found: Set<string>, name: string, fileid: bigint): Node | undefined {
    holds(!found.has(name), `${JSON.stringify(name)} is listed twice`);
    found.add(name);
    if (name === '..') return undefined;
    const node = name === '.' ? dir : dir.entries.get(name);
    if (node === undefined) throw new Mismatch(`${JSON.stringify(name)} is listed, but does not exist`);
    same(fileid, node.fileid, `the file id of ${JSON.stringify(name)}`);
    return name === '.' ? undefined : node;
  }

  async fileSystem(): Promise<void> {
    const object = this.tree.any();
    const { handle } = object;
    const stat = await this.caller.expect(NFS3.FSSTAT, { fsroot: handle }, S.NFS3_OK);
    if (stat.status === S.NFS3_OK) holds(stat.tbytes >= stat.fbytes && stat.fbytes >= stat.abytes, 'FSSTAT: bytes');
    const info = await this.caller.expect(NFS3.FSINFO, { fsroot: handle }, S.NFS3_OK);
    if (info.status === S.NFS3_OK) holds(info.rtmax >= 65_536 && info.wtmax >= 65_536, 'FSINFO: sizes');
    const conf = await this.caller.expect(NFS3.PATHCONF, { object: handle }, S.NFS3_OK);
    if (conf.status === S.NFS3_OK) holds(conf.name_max === 255 && conf.no_trunc, 'PATHCONF: names');
    for (const { obj_attributes } of [stat, info, conf]) this.after(obj_attributes, object, 'FSSTAT, FSINFO, PATHCONF');
  }

  /** Asks for listings of files and reads of directories. */
  async wrongType(): Promise<void> {
    const file = this.tree.file();
    const dir = this.tree.dir();
    const at = { offset: 0, count: 1 };
    await this.caller.expect(NFS3.READ, { file: dir.handle, ...at }, S.NFS3ERR_ISDIR);
    const data = Buffer.from('x');
    await this.caller.expect(NFS3.WRITE, { file: dir.handle, ...at, stable: 0, data }, S.NFS3ERR_ISDIR);
    if (file === undefined) return;
    const listing = { dir: file.handle, cookie: 0n, cookieverf: COOKIEVERF, count: 4096 };
    await this.caller.expect(NFS3.READDIR, listing, S.NFS3ERR_NOTDIR);
    await this.caller.expect(NFS3.LOOKUP, { what: { dir: file.handle, name: 'x' } }, S.NFS3ERR_NOTDIR);
    const target = { from: { dir: file.handle, name: 'x' }, to: { dir: dir.handle, name: 'x' } };
    await this.caller.expect(NFS3.RENAME, target, S.NFS3ERR_NOTDIR);
  }

  /** Asks what another user may do, which must agree with the modes. */
  async stranger(): Promise<void> {
    if (!this.#hasOthers) return;
    const cred = authSys(STRANGER.uid, STRANGER.gid, [1, 2, 3]);
    const dir = this.tree.dir();
    const where = { dir: dir.handle, name: 'strange' };
    const attributes = { ...NOTHING, mode: 0o755 };
    await this.caller.expect(NFS3.MKDIR, { where, attributes }, S.NFS3ERR_ACCES, cred);
    const passes = others(dir, 1) ? S.NFS3ERR_NOENT : S.NFS3ERR_ACCES;
    await this.caller.expect(NFS3.LOOKUP, { what: where }, passes, cred);
    const file = this.tree.file();
    if (file === undefined) return;
    const reads = others(file, 4) ? S.NFS3_OK : S.NFS3ERR_ACCES;
    await this.caller.expect(NFS3.READ, { file: file.handle, offset: 0, count: 100 }, reads, cred);
    const args = { object: file.handle, new_attributes: attributes, guard: undefined };
    await this.caller.expect(NFS3.SETATTR, args, S.NFS3ERR_PERM, cred);
    await this.caller.expect(NFS3.GETATTR, { object: file.handle }, S.NFS3_OK, cred);
  }

  async nothing(): Promise<void> {
    await this.caller.call(NFS3.NULL, undefined);
  }
}

interface Made {
  readonly obj: Buffer | undefined;
  readonly obj_attributes: post_op_attr;
  readonly dir_wcc: wcc_data;
}

/** The status of RENAME. A directory that holds the object to be moved is not empty, whatever that object is. */
function renameStatus(node: Node | undefined, from: Node, to: Node, there: Node | undefined): number {
  if (node === undefined) return S.NFS3ERR_NOENT;
  if (node === there) return S.NFS3_OK;
  if (there === from) return S.NFS3ERR_NOTEMPTY;
  if (isDir(node)) {
    if (to === node) return S.NFS3ERR_INVAL;
    if (there === undefined) return S.NFS3_OK;
    if (!isDir(there)) return S.NFS3ERR_NOTDIR;
    return there.entries.size > 0 ? S.NFS3ERR_NOTEMPTY : S.NFS3_OK;
  }
  return there !== undefined && isDir(there) ? S.NFS3ERR_ISDIR : S.NFS3_OK;
}

export type Weights = Partial<Record<keyof Worker, number>>;

const WEIGHTS: Weights = {
  getattr: 12,
  gone: 2,
  setattr: 5,
  lookup: 12,
  access: 8,
  readlink: 3,
  read: 12,
  write: 12,
  commit: 1,
  create: 7,
  createExclusively: 1,
  mkdir: 2,
  symlink: 2,
  mknod: 1,
  remove: 12,
  rmdir: 2,
  rename: 5,
  link: 3,
  readdir: 3,
  readdirplus: 3,
  fileSystem: 2,
  wrongType: 1,
  stranger: 2,
  nothing: 2,
};

/** A list of steps to pick from, in which each step stands as often as its weight says. */
export function stepsOf(weights: Weights): readonly ((worker: Worker) => Promise<void>)[] {
  return Object.entries(weights).flatMap(([name, weight]) =>
    Array<(worker: Worker) => Promise<void>>(weight).fill(worker =>
      (worker[name as keyof Worker] as () => Promise<void>).call(worker),
    ),
  );
}

const STEPS = stepsOf(WEIGHTS);
