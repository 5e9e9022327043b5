/** What a tree looks like through GlusterFS's own client and through NFS, in the same words, to be compared. */
import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { ftype3, time_how } from '#protocols/nfs3/constants.ts';
import type { fattr3, set_time } from '#protocols/nfs3/types.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '#src/sys/constants.ts';
import * as call from '../../suites/posix/support/calls.ts';
import { attributes, type NfsClient } from './nfs-client.ts';

/** An object that both clients can make. Times are in nanoseconds. */
export interface Made {
  readonly type: keyof typeof NFS_TYPES;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly atime: bigint;
  readonly mtime: bigint;
  /** Of a file. */
  readonly data?: Buffer;
  /** Of a symlink. */
  readonly target?: string;
  /** Of a device: major and minor. */
  readonly device?: readonly [major: number, minor: number];
  /** Another name of the same object, beside it. */
  readonly link?: string;
}

/** Objects by their names. */
export type Tree = ReadonlyMap<Buffer, Made>;

const NFS_TYPES = {
  file: ftype3.NF3REG,
  directory: ftype3.NF3DIR,
  symlink: ftype3.NF3LNK,
  fifo: ftype3.NF3FIFO,
  socket: ftype3.NF3SOCK,
  block: ftype3.NF3BLK,
  character: ftype3.NF3CHR,
} as const;
const SECOND = 1_000_000_000n;

/** What is seen of an object. */
export interface Seen {
  readonly type: string;
  readonly mode: string;
  readonly owner: string;
  readonly nlink: number;
  readonly size: bigint;
  /** The space that a file takes. GlusterFS's client says now this and now that of other objects in a dispersed volume. */
  readonly used: bigint | undefined;
  readonly fileid: bigint;
  readonly device: string;
  readonly atime: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
  readonly content: string;
}
export type View = Readonly<Record<string, Seen>>;

const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex');
const S_IFMTS = {
  file: S_IFREG,
  directory: S_IFDIR,
  symlink: S_IFLNK,
  fifo: S_IFIFO,
  socket: S_IFSOCK,
  block: S_IFBLK,
  character: S_IFCHR,
} as const;
const TYPES = new Map<number, string>(Object.entries(S_IFMTS).map(([name, bits]) => [bits, name]));
/** Names are compared as bytes. */
const latin1 = (name: Buffer) => name.toString('latin1');
const under = (dir: Buffer, name: Buffer) => Buffer.concat([dir, Buffer.from('/'), name]);

/** What GlusterFS's client sees below a directory; the attributes of everything are asked for before anything is read. */
export function fuseView(dir: string): View {
  const seen = new Map<string, { path: Buffer; attributes: Omit<Seen, 'content'> }>();
  const visit = (path: Buffer, name: string) => {
    const stat = lstatSync(path, { bigint: true });
    const type = TYPES.get(Number(stat.mode) & S_IFMT)!;
    const isDevice = type === 'block' || type === 'character';
    const attributes = {
      type,
      mode: (Number(stat.mode) & 0o7777).toString(8),
      owner: `${stat.uid}:${stat.gid}`,
      nlink: Number(stat.nlink),
      size: stat.size,
      used: type === 'file' ? stat.blocks * 512n : undefined,
      fileid: BigInt.asUintN(64, stat.ino),
      device: isDevice ? `${(stat.rdev >> 8n) & 0xfffn}:${(stat.rdev & 0xffn) | ((stat.rdev >> 12n) & 0xfff00n)}` : '',
      atime: stat.atimeNs,
      mtime: stat.mtimeNs,
      ctime: stat.ctimeNs,
    };
    seen.set(name, { path, attributes });
    if (type !== 'directory') return;
    const names = readdirSync(path, { encoding: 'buffer' }) as unknown as Buffer[];
    for (const entry of names) visit(under(path, entry), name === '' ? latin1(entry) : `${name}/${latin1(entry)}`);
  };
  visit(Buffer.from(dir), '');
  const contentOf = (path: Buffer, type: string) =>
    type === 'file' ? digest(readFileSync(path)) : type === 'symlink' ? readlinkSync(path, 'latin1') : '';
  return Object.fromEntries(
    [...seen].sort(byName).map(([name, { path, attributes }]) => {
      return [name, { ...attributes, content: contentOf(path, attributes.type) }];
    }),
  );
}

/** What an NFS client sees below a directory, by READDIRPLUS, LOOKUP, READ and READLINK. */
export async function nfsView(client: NfsClient, dir: Buffer): Promise<View> {
  const seen = new Map<string, { handle: Buffer; attributes: Omit<Seen, 'content'> }>();
  const visit = async (handle: Buffer, name: string) => {
    const attributes = shown(await client.getattr(handle));
    seen.set(name, { handle, attributes });
    if (attributes.type !== 'directory') return;
    for (const { name: entry } of await client.list(handle)) {
      if (entry === '.' || entry === '..') continue;
      const child = await client.lookup(handle, Buffer.from(entry, 'latin1'));
      await visit(child, name === '' ? entry : `${name}/${entry}`);
    }
  };
  await visit(dir, '');
  const view: Record<string, Seen> = {};
  for (const [name, { handle, attributes }] of [...seen].sort(byName)) {
    const { type } = attributes;
    const target = async () => Buffer.from(await client.readlink(handle)).toString('latin1');
    const content = type === 'file' ? digest(await client.read(handle)) : type === 'symlink' ? await target() : '';
    view[name] = { ...attributes, content };
  }
  return view;
}

const byName = ([one]: [string, unknown], [other]: [string, unknown]) => (one < other ? -1 : 1);
const nanoseconds = ({ seconds, nseconds }: fattr3['mtime']) => BigInt(seconds) * SECOND + BigInt(nseconds);

function shown(attr: fattr3): Omit<Seen, 'content'> {
  const type = Object.entries(NFS_TYPES).find(([, value]) => value === attr.type)![0];
  const isDevice = type === 'block' || type === 'character';
  return {
    type,
    mode: (attr.mode & 0o7777).toString(8),
    owner: `${attr.uid}:${attr.gid}`,
    nlink: attr.nlink,
    size: BigInt(attr.size),
    used: type === 'file' ? BigInt(attr.used) : undefined,
    fileid: attr.fileid,
    device: isDevice ? `${attr.rdev.specdata1}:${attr.rdev.specdata2}` : '',
    atime: nanoseconds(attr.atime),
    mtime: nanoseconds(attr.mtime),
    ctime: nanoseconds(attr.ctime),
  };
}

/** Makes objects through GlusterFS's client. */
export function fuseMake(dir: string, tree: Tree): void {
  for (const [name, made] of tree) {
    const path = `${dir}/${latin1(name)}`;
    fuseMakeOne(path, made);
    if (made.link !== undefined) done(call.link(path, `${dir}/${made.link}`));
    done(call.lchown(path, made.uid, made.gid));
    if (made.type !== 'symlink') done(call.chmod(path, made.mode));
    done(call.utimens(path, [made.atime, made.mtime], false));
  }
}

function fuseMakeOne(path: string, made: Made): void {
  const { type, device: [major, minor] = [0, 0] } = made;
  if (type === 'directory') return done(call.mkdir(path));
  if (type === 'symlink') return done(call.symlink(latin1(Buffer.from(made.target!)), path));
  if (type !== 'file') return done(call.mknod(path, S_IFMTS[type] | 0o600, (major << 8) | minor));
  const fd = openSync(Buffer.from(path, 'latin1'), 'wx');
  writeFileSync(fd, made.data!);
  closeSync(fd);
}

function done(outcome: call.Outcome): void {
  if (outcome !== 'OK') throw new Error(outcome);
}

/** Makes objects through NFS. */
export async function nfsMake(client: NfsClient, dir: Buffer, tree: Tree): Promise<void> {
  for (const [name, made] of tree) {
    if (made.type === 'file') {
      const handle = await client.create(dir, name);
      await client.write(handle, made.data!);
      await client.commit(handle);
    } else if (made.type === 'directory') await client.mkdir(dir, name);
    else if (made.type === 'symlink') await client.symlink(dir, name, made.target!);
    else await client.mknod(dir, name, nodeOf(made));
    const handle = await client.lookup(dir, name);
    if (made.link !== undefined) await client.link(handle, dir, made.link);
    const { uid, gid, mode } = made;
    await client.setattr(handle, { uid, gid });
    if (made.type !== 'symlink') await client.setattr(handle, { mode });
    await client.setattr(handle, { atime: timeOf(made.atime), mtime: timeOf(made.mtime) });
  }
}

function nodeOf({ type, device: [specdata1, specdata2] = [0, 0] }: Made) {
  const attr = attributes({ mode: 0o600 });
  const spec = { specdata1, specdata2 };
  if (type === 'block' || type === 'character') return { type: NFS_TYPES[type], dev_attributes: attr, spec };
  if (type === 'fifo' || type === 'socket') return { type: NFS_TYPES[type], pipe_attributes: attr };
  throw new Error(`MKNOD makes no ${type}`);
}

const timeOf = (ns: bigint): set_time => ({
  set_it: time_how.SET_TO_CLIENT_TIME,
  time: { seconds: Number(ns / SECOND), nseconds: Number(ns % SECOND) },
});
