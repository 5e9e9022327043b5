/** The model of a worker's directory, with which the server's answers are compared. */
import * as fs from 'node:fs';
import { ftype3 } from '#protocols/nfs3/constants.ts';
import { holds, same } from './answer.ts';
import type { Random } from './random.ts';

export interface Node {
  readonly type: ftype3;
  readonly handle: Buffer;
  readonly fileid: bigint;
  mode: number;
  nlink: number;
  /** The content of a regular file. */
  data: Buffer;
  /** The target of a symlink. */
  target: string;
  /** The entries of a directory. */
  readonly entries: Map<string, Node>;
}

const HOME_ENTRIES_MAX = 14;
const INNER_ENTRIES_MAX = 6;
export const FILE_BYTES_MAX = 24 * 1024;
const STALE_MAX = 8;

const NAMES = Array.from({ length: 28 }, (_, i) =>
  i % 7 === 0 ? `n${i} \x01\xff\xe4` : i % 7 === 1 ? `${i}${'l'.repeat(252)}` : `name-${i}`,
);

export const isDir = (node: Node): boolean => node.type === ftype3.NF3DIR;
export const isFile = (node: Node): boolean => node.type === ftype3.NF3REG;

export class Tree {
  readonly home: Node;
  /** Handles of objects that are gone. */
  readonly stale: Buffer[] = [];
  readonly #random: Random;

  constructor(home: Node, random: Random) {
    this.home = home;
    this.#random = random;
  }

  dirs(): Node[] {
    return [this.home, ...[...this.home.entries.values()].filter(isDir)];
  }

  dir(): Node {
    return this.#random.chance(0.5) ? this.home : this.#random.pick(this.dirs());
  }

  all(): Node[] {
    return this.dirs().flatMap(dir => [...dir.entries.values()]);
  }

  files(): Node[] {
    return this.all().filter(isFile);
  }

  file(): Node | undefined {
    const files = this.files();
    return files.length === 0 ? undefined : this.#random.pick(files);
  }

  any(): Node {
    return this.#random.pick([this.home, ...this.all()]);
  }

  /** A random name, which may be in use. */
  name(): string {
    return this.#random.pick(NAMES);
  }

  taken(dir: Node): string | undefined {
    const names = [...dir.entries.keys()];
    return names.length === 0 ? undefined : this.#random.pick(names);
  }

  free(dir: Node): string {
    return this.#random.pick(NAMES.filter(name => !dir.entries.has(name)));
  }

  hasRoom(dir: Node): boolean {
    return dir.entries.size < (dir === this.home ? HOME_ENTRIES_MAX : INNER_ENTRIES_MAX);
  }

  /** Removes a name, and with its last name the object. */
  drop(dir: Node, name: string): void {
    const node = dir.entries.get(name)!;
    dir.entries.delete(name);
    if (!isDir(node) && --node.nlink > 0) return;
    this.stale.push(node.handle);
    if (this.stale.length > STALE_MAX) this.stale.shift();
  }
}

/** Writes `data` into the content of a file, with zeros in the hole before it. */
export function written(file: Node, offset: number, data: Buffer): void {
  const end = offset + data.length;
  if (data.length === 0) return;
  if (end > file.data.length) resized(file, end);
  data.copy(file.data, offset);
}

export function resized(file: Node, size: number): void {
  if (size <= file.data.length) file.data = Buffer.from(file.data.subarray(0, size));
  else file.data = Buffer.concat([file.data, Buffer.alloc(size - file.data.length)]);
}

const TYPES = {
  0o100000: ftype3.NF3REG,
  0o040000: ftype3.NF3DIR,
  0o120000: ftype3.NF3LNK,
  0o010000: ftype3.NF3FIFO,
} as const;

/** Compares the directory at `path` on the disk with the model. */
export function compareWithDisk(dir: Node, path: Buffer): void {
  const where = path.toString('latin1');
  const found = fs.readdirSync(path, { encoding: 'latin1' }).sort();
  same(found.join('|'), [...dir.entries.keys()].sort().join('|'), `names in ${where}`);
  for (const [name, node] of dir.entries) {
    const at = Buffer.concat([path, Buffer.from(`/${name}`, 'latin1')]);
    const shown = `${where}/${JSON.stringify(name)}`;
    const stat = fs.lstatSync(at);
    same(TYPES[(stat.mode & 0o170000) as keyof typeof TYPES], node.type, `type of ${shown}`);
    if (node.type !== ftype3.NF3LNK) same(stat.mode & 0o7777, node.mode, `mode of ${shown}`);
    if (isDir(node)) compareWithDisk(node, at);
    else same(stat.nlink, node.nlink, `links of ${shown}`);
    if (isFile(node)) holds(contentsOf(at, stat.mode).equals(node.data), `${shown} has bytes that were not written`);
    if (node.type === ftype3.NF3LNK) same(fs.readlinkSync(at, 'latin1'), node.target, `target of ${shown}`);
  }
}

/** The content of a file. A user that is not root may lack the right to read it, and is given it for a moment. */
function contentsOf(path: Buffer, mode: number): Buffer {
  const hidden = process.geteuid!() !== 0 && (mode & fs.constants.S_IRUSR) === 0;
  if (hidden) fs.chmodSync(path, mode | fs.constants.S_IRUSR);
  try {
    return fs.readFileSync(path);
  } finally {
    if (hidden) fs.chmodSync(path, mode);
  }
}
