/**
 * One directory, what is in it, and random calls on it, one at a time. Since nobody else works in it, the status and the
 * content of each reply are known beforehand.
 */
import assert from 'node:assert/strict';
import { createmode3, ftype3, NFSPROC3, nfsstat3, stable_how, time_how } from '#protocols/nfs3/constants.ts';
import { READDIR3args, READDIR3res, READDIRPLUS3args, READDIRPLUS3res } from '#protocols/nfs3/directory.ts';
import { COMMIT3args, COMMIT3res, READ3args, READ3res, WRITE3args, WRITE3res } from '#protocols/nfs3/file.ts';
import * as filesystem from '#protocols/nfs3/filesystem.ts';
import * as names from '#protocols/nfs3/names.ts';
import * as object from '#protocols/nfs3/object.ts';
import type { sattr3 } from '#protocols/nfs3/types.ts';
import { type Codec, nothing } from '#protocols/xdr/codec.ts';
import { XdrWriter } from '#protocols/xdr/stream.ts';
import type { Random } from './random.ts';

/** A call, and what must come back. */
export interface Planned<A = any, R = any> {
  readonly proc: NFSPROC3;
  readonly args: Codec<A>;
  readonly value: A;
  readonly res: Codec<R>;
  readonly status: nfsstat3;
  /** Looks at a successful reply, and notes what the call has changed. */
  check?(res: R): void;
}

const NAMES = Array.from({ length: 12 }, (_, i) => `name-${i}`);
const FILE_BYTES_MAX = 48 * 1024;
const TYPES = { file: ftype3.NF3REG, dir: ftype3.NF3DIR, link: ftype3.NF3LNK, fifo: ftype3.NF3FIFO } as const;

/** An object, which may have several names. */
interface Thing {
  readonly kind: keyof typeof TYPES;
  readonly handle: Buffer;
  links: number;
  data: Buffer;
}

const S = nfsstat3;
const notSet = { set_it: time_how.DONT_CHANGE } as const;
const none: sattr3 = { mode: undefined, uid: undefined, gid: undefined, size: undefined, atime: notSet, mtime: notSet };

export function encoded({ args, value }: Planned): Buffer {
  const to = new XdrWriter();
  args.encode(to, value);
  return to.toBuffer();
}

export class Place {
  readonly dir: Buffer;
  readonly #random: Random;
  readonly #things = new Map<string, Thing>();
  /** The handle of something that is no more. */
  #gone: Buffer | undefined;
  #verifier = 0;

  constructor(dir: Buffer, random: Random) {
    this.dir = dir;
    this.#random = random;
  }

  get #name(): string {
    return this.#random.pick(NAMES);
  }

  next(): Planned {
    const weighted = [...EVERY, ...EVERY, ...OFTEN, ...OFTEN, ...OFTEN];
    return this[this.#random.pick(weighted)]();
  }

  /** One call of each procedure, whatever comes back. */
  everyProcedure(): readonly (() => Planned)[] {
    return EVERY.map(name => () => this[name]());
  }

  #any(...kinds: Thing['kind'][]): Thing | undefined {
    const fitting = [...this.#things.values()].filter(({ kind }) => kinds.length === 0 || kinds.includes(kind));
    return fitting.length === 0 ? undefined : this.#random.pick(fitting);
  }

  #file(): Thing | undefined {
    return this.#any('file');
  }

  #drop(name: string): void {
    const thing = this.#things.get(name)!;
    this.#things.delete(name);
    if (--thing.links === 0) this.#gone = thing.handle;
  }

  #made(name: string, kind: Thing['kind'], data = Buffer.alloc(0)) {
    return ({ obj, obj_attributes }: { obj?: Buffer | undefined; obj_attributes?: { type: number } | undefined }) => {
      assert.ok(obj, 'a handle of what was made');
      assert.equal(obj_attributes?.type, TYPES[kind]);
      this.#things.set(name, { kind, handle: Buffer.from(obj), links: 1, data });
    };
  }

  ping(): Planned {
    return { proc: NFSPROC3.NULL, args: nothing, value: undefined, res: nothing, status: S.NFS3_OK };
  }

  getattr(): Planned<object.GETATTR3args, object.GETATTR3res> {
    const shared = { proc: NFSPROC3.GETATTR, args: object.GETATTR3args, res: object.GETATTR3res };
    if (this.#gone !== undefined && this.#random.below(8) === 0) {
      return { ...shared, value: { object: this.#gone }, status: S.NFS3ERR_STALE };
    }
    const thing = this.#any();
    return {
      ...shared,
      value: { object: thing?.handle ?? this.dir },
      status: S.NFS3_OK,
      check(res) {
        assert.ok(res.status === S.NFS3_OK);
        const { type, size, nlink } = res.obj_attributes;
        assert.equal(type, thing === undefined ? ftype3.NF3DIR : TYPES[thing.kind]);
        if (thing?.kind === 'file') assert.deepEqual({ size, nlink }, { size: thing.data.length, nlink: thing.links });
      },
    };
  }

  setattr(): Planned<object.SETATTR3args, object.SETATTR3res> {
    const shared = { proc: NFSPROC3.SETATTR, args: object.SETATTR3args, res: object.SETATTR3res };
    const file = this.#file();
    if (file === undefined || this.#random.below(4) === 0) {
      const value = { object: this.dir, new_attributes: { ...none, mode: 0o755 }, guard: undefined };
      if (this.#random.below(2) === 0) return { ...shared, value, status: S.NFS3_OK };
      return { ...shared, value: { ...value, guard: { seconds: 1, nseconds: 1 } }, status: S.NFS3ERR_NOT_SYNC };
    }
    const size = this.#random.below(FILE_BYTES_MAX);
    return {
      ...shared,
      value: { object: file.handle, new_attributes: { ...none, size }, guard: undefined },
      status: S.NFS3_OK,
      check() {
        file.data = resized(file.data, size);
      },
    };
  }

  lookup(): Planned<names.LOOKUP3args, names.LOOKUP3res> {
    const name = this.#name;
    const thing = this.#things.get(name);
    return {
      proc: NFSPROC3.LOOKUP,
      args: names.LOOKUP3args,
      value: { what: { dir: this.dir, name } },
      res: names.LOOKUP3res,
      status: thing === undefined ? S.NFS3ERR_NOENT : S.NFS3_OK,
      check(res) {
        assert.ok(res.status === S.NFS3_OK);
        assert.deepEqual(Buffer.from(res.object), thing!.handle, 'the same handle as before');
      },
    };
  }

  access(): Planned<object.ACCESS3args, object.ACCESS3res> {
    const value = { object: this.#any()?.handle ?? this.dir, access: this.#random.below(64) };
    return { proc: NFSPROC3.ACCESS, args: object.ACCESS3args, value, res: object.ACCESS3res, status: S.NFS3_OK };
  }

  readlink(): Planned<object.READLINK3args, object.READLINK3res> {
    const thing = this.#any('link', 'file');
    return {
      proc: NFSPROC3.READLINK,
      args: object.READLINK3args,
      value: { symlink: thing?.handle ?? this.dir },
      res: object.READLINK3res,
      status: thing?.kind === 'link' ? S.NFS3_OK : S.NFS3ERR_INVAL,
      check(res) {
        assert.ok(res.status === S.NFS3_OK);
        assert.equal(res.data, thing!.data.toString('latin1'));
      },
    };
  }

  read(): Planned<READ3args, READ3res> {
    const file = this.#file();
    const offset = this.#random.below(FILE_BYTES_MAX);
    const count = this.#random.below(FILE_BYTES_MAX);
    return {
      proc: NFSPROC3.READ,
      args: READ3args,
      value: { file: file?.handle ?? this.dir, offset, count },
      res: READ3res,
      status: file === undefined ? S.NFS3ERR_ISDIR : S.NFS3_OK,
      check(res) {
        assert.ok(res.status === S.NFS3_OK);
        const wanted = file!.data.subarray(offset, offset + count);
        assert.equal(res.count, wanted.length);
        assert.ok(wanted.equals(res.data), 'the bytes that were written');
        if (count > 0) assert.equal(res.eof, offset + count >= file!.data.length, 'eof');
      },
    };
  }

  write(): Planned<WRITE3args, WRITE3res> {
    const file = this.#file();
    const offset = this.#random.below(FILE_BYTES_MAX / 2);
    const data = Buffer.alloc(this.#random.below(FILE_BYTES_MAX / 2), `bytes ${this.#random.below(1e6)} `);
    const stable = this.#random.below(20) === 0 ? stable_how.FILE_SYNC : stable_how.UNSTABLE;
    return {
      proc: NFSPROC3.WRITE,
      args: WRITE3args,
      value: { file: file?.handle ?? this.dir, offset, count: data.length, stable, data },
      res: WRITE3res,
      status: file === undefined ? S.NFS3ERR_ISDIR : S.NFS3_OK,
      check(res) {
        assert.ok(res.status === S.NFS3_OK);
        assert.equal(res.count, data.length);
        assert.ok(res.committed >= stable, 'as stable as it was asked for');
        if (data.length === 0) return;
        if (file!.data.length < offset + data.length) file!.data = resized(file!.data, offset + data.length);
        data.copy(file!.data, offset);
      },
    };
  }

  commit(): Planned<COMMIT3args, COMMIT3res> {
    const value = { file: this.#file()?.handle ?? this.dir, offset: 0, count: 0 };
    const status = value.file === this.dir ? S.NFS3ERR_ISDIR : S.NFS3_OK;
    return { proc: NFSPROC3.COMMIT, args: COMMIT3args, value, res: COMMIT3res, status };
  }

  create(): Planned<names.CREATE3args, names.CREATE3res> {
    const name = this.#name;
    const thing = this.#things.get(name);
    const mode = this.#random.pick(Object.values(createmode3));
    const verf = Buffer.alloc(8);
    verf.writeUInt32BE(++this.#verifier, 4);
    const obj_attributes = { ...none, mode: 0o644 };
    const how = mode === createmode3.EXCLUSIVE ? { mode, verf } : { mode, obj_attributes };
    const again = thing?.kind === 'file' && mode === createmode3.UNCHECKED;
    return {
      proc: NFSPROC3.CREATE,
      args: names.CREATE3args,
      value: { where: { dir: this.dir, name }, how },
      res: names.CREATE3res,
      status: thing === undefined || again ? S.NFS3_OK : S.NFS3ERR_EXIST,
      check: res => {
        assert.ok(res.status === S.NFS3_OK);
        if (again) assert.deepEqual(Buffer.from(res.obj!), thing.handle);
        else this.#made(name, 'file')(res);
      },
    };
  }

  mkdir(): Planned<names.MKDIR3args, names.MKDIR3res> {
    const name = this.#name;
    return {
      proc: NFSPROC3.MKDIR,
      args: names.MKDIR3args,
      value: { where: { dir: this.dir, name }, attributes: { ...none, mode: 0o755 } },
      res: names.MKDIR3res,
      status: this.#things.has(name) ? S.NFS3ERR_EXIST : S.NFS3_OK,
      check: res => this.#made(name, 'dir')(res as never),
    };
  }

  symlink(): Planned<names.SYMLINK3args, names.SYMLINK3res> {
    const name = this.#name;
    const target = `target/${'x'.repeat(this.#random.below(200))}`;
    return {
      proc: NFSPROC3.SYMLINK,
      args: names.SYMLINK3args,
      value: { where: { dir: this.dir, name }, symlink: { symlink_attributes: none, symlink_data: target } },
      res: names.SYMLINK3res,
      status: this.#things.has(name) ? S.NFS3ERR_EXIST : S.NFS3_OK,
      check: res => this.#made(name, 'link', Buffer.from(target))(res as never),
    };
  }

  mknod(): Planned<names.MKNOD3args, names.MKNOD3res> {
    const name = this.#name;
    return {
      proc: NFSPROC3.MKNOD,
      args: names.MKNOD3args,
      value: {
        where: { dir: this.dir, name },
        what: { type: ftype3.NF3FIFO, pipe_attributes: { ...none, mode: 0o600 } },
      },
      res: names.MKNOD3res,
      status: this.#things.has(name) ? S.NFS3ERR_EXIST : S.NFS3_OK,
      check: res => this.#made(name, 'fifo')(res as never),
    };
  }

  remove(): Planned<names.REMOVE3args, names.REMOVE3res> {
    const name = this.#name;
    const thing = this.#things.get(name);
    const status = thing === undefined ? S.NFS3ERR_NOENT : thing.kind === 'dir' ? S.NFS3ERR_ISDIR : S.NFS3_OK;
    const value = { object: { dir: this.dir, name } };
    const check = () => this.#drop(name);
    return { proc: NFSPROC3.REMOVE, args: names.REMOVE3args, value, res: names.REMOVE3res, status, check };
  }

  rmdir(): Planned<names.RMDIR3args, names.RMDIR3res> {
    const name = this.#name;
    const thing = this.#things.get(name);
    const status = thing === undefined ? S.NFS3ERR_NOENT : thing.kind === 'dir' ? S.NFS3_OK : S.NFS3ERR_NOTDIR;
    const value = { object: { dir: this.dir, name } };
    const check = () => this.#drop(name);
    return { proc: NFSPROC3.RMDIR, args: names.RMDIR3args, value, res: names.RMDIR3res, status, check };
  }

  rename(): Planned<names.RENAME3args, names.RENAME3res> {
    const [from, to] = [this.#name, this.#name];
    const [thing, over] = [this.#things.get(from), this.#things.get(to)];
    let status: nfsstat3 = S.NFS3_OK;
    if (thing === undefined) status = S.NFS3ERR_NOENT;
    else if (over !== undefined && thing.kind === 'dir' && over.kind !== 'dir') status = S.NFS3ERR_NOTDIR;
    else if (over?.kind === 'dir' && thing.kind !== 'dir') status = S.NFS3ERR_ISDIR;
    return {
      proc: NFSPROC3.RENAME,
      args: names.RENAME3args,
      value: { from: { dir: this.dir, name: from }, to: { dir: this.dir, name: to } },
      res: names.RENAME3res,
      status,
      check: () => {
        if (thing === over) return; // two names of one object: rename(2) changes nothing
        if (over !== undefined) this.#drop(to);
        this.#things.delete(from);
        this.#things.set(to, thing!);
      },
    };
  }

  link(): Planned<names.LINK3args, names.LINK3res> {
    const name = this.#name;
    const file = this.#any('file', 'fifo');
    if (file === undefined) return this.create() as Planned;
    return {
      proc: NFSPROC3.LINK,
      args: names.LINK3args,
      value: { file: file.handle, link: { dir: this.dir, name } },
      res: names.LINK3res,
      status: this.#things.has(name) ? S.NFS3ERR_EXIST : S.NFS3_OK,
      check: () => {
        file.links++;
        this.#things.set(name, file);
      },
    };
  }

  #sameNames(entries: readonly { name: string }[]): void {
    const listed = entries.map(({ name }) => name).filter(name => name !== '.' && name !== '..');
    assert.deepEqual(listed.sort(), [...this.#things.keys()].sort());
  }

  readdir(): Planned<READDIR3args, READDIR3res> {
    return {
      proc: NFSPROC3.READDIR,
      args: READDIR3args,
      value: { dir: this.dir, cookie: 0n, cookieverf: Buffer.alloc(8), count: 8192 },
      res: READDIR3res,
      status: S.NFS3_OK,
      check: res => {
        assert.ok(res.status === S.NFS3_OK && res.reply.eof);
        this.#sameNames(res.reply.entries);
      },
    };
  }

  readdirplus(): Planned<READDIRPLUS3args, READDIRPLUS3res> {
    return {
      proc: NFSPROC3.READDIRPLUS,
      args: READDIRPLUS3args,
      value: { dir: this.dir, cookie: 0n, cookieverf: Buffer.alloc(8), dircount: 8192, maxcount: 32_768 },
      res: READDIRPLUS3res,
      status: S.NFS3_OK,
      check: res => {
        assert.ok(res.status === S.NFS3_OK && res.reply.eof);
        this.#sameNames(res.reply.entries);
        for (const { name, name_handle } of res.reply.entries) {
          const thing = this.#things.get(name);
          if (thing && name_handle) assert.deepEqual(Buffer.from(name_handle), thing.handle);
        }
      },
    };
  }

  fsstat(): Planned {
    const { FSSTAT3args: args, FSSTAT3res: res } = filesystem;
    return { proc: NFSPROC3.FSSTAT, args, value: { fsroot: this.dir }, res, status: S.NFS3_OK };
  }

  fsinfo(): Planned {
    const { FSINFO3args: args, FSINFO3res: res } = filesystem;
    return { proc: NFSPROC3.FSINFO, args, value: { fsroot: this.dir }, res, status: S.NFS3_OK };
  }

  pathconf(): Planned {
    const { PATHCONF3args: args, PATHCONF3res: res } = filesystem;
    return { proc: NFSPROC3.PATHCONF, args, value: { object: this.dir }, res, status: S.NFS3_OK };
  }
}

function resized(data: Buffer, size: number): Buffer {
  const other = Buffer.alloc(size);
  data.copy(other, 0, 0, size);
  return other;
}

const OFTEN = ['getattr', 'lookup', 'access', 'read', 'write', 'create', 'remove', 'readdirplus'] as const;
const EVERY = (
  'ping getattr setattr lookup access readlink read write create mkdir symlink mknod remove rmdir rename link ' +
  'readdir readdirplus fsstat fsinfo pathconf commit'
).split(' ') as readonly Exclude<keyof Place, 'dir' | 'next' | 'everyProcedure'>[];
