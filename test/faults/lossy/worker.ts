/** A worker over a bad network. Hardly any of its calls may be done twice, and it knows the result of each. */
import { lstatSync } from 'node:fs';
import { nfsstat3 as S, stable_how } from '#protocols/nfs3/constants.ts';
import type { fattr3, nfstime3 } from '#protocols/nfs3/types.ts';
import { holds, same } from '../../soak/model/answer.ts';
import { compareWithDisk, FILE_BYTES_MAX, isDir, type Node, written } from '../../soak/model/tree.ts';
import { stepsOf, type Weights, Worker } from '../../soak/model/worker.ts';
import { NFS3 } from '../../soak/procedures.ts';

const APPENDED_BYTES_MAX = 300;
const COUNTER_BYTES = 4;

const WEIGHTS: Weights = {
  create: 10,
  createExclusively: 3,
  mkdir: 4,
  symlink: 4,
  mknod: 3,
  link: 8,
  rename: 10,
  remove: 13,
  rmdir: 4,
  setattr: 8,
  write: 10,
  lookup: 2,
  getattr: 2,
  read: 2,
  readdirplus: 1,
  commit: 1,
};
const STEPS = stepsOf(WEIGHTS);
const APPEND = 0.1;
const INCREMENT = 0.07;

const ns = ({ seconds, nseconds }: nfstime3): bigint => BigInt(seconds) * 1_000_000_000n + BigInt(nseconds);

export class LossyWorker extends Worker {
  /** When each object was last written to, according to the last answer about it. */
  readonly #mtimes = new WeakMap<Node, nfstime3>();
  steps = 0;

  override step(): Promise<void> {
    this.steps++;
    if (this.random.chance(APPEND)) return this.append();
    if (this.random.chance(INCREMENT)) return this.increment();
    return this.random.pick(STEPS)(this);
  }

  override attributes(found: fattr3, node: Node, what: string): void {
    super.attributes(found, node, what);
    this.#mtimes.set(node, found.mtime);
  }

  /** Appends a line at the current end of a file. Done twice, the line is there twice. */
  async append(): Promise<void> {
    const file = this.tree.file();
    if (file === undefined) return;
    const found = await this.caller.expect(NFS3.GETATTR, { object: file.handle }, S.NFS3_OK);
    const { size } = (found as { obj_attributes: fattr3 }).obj_attributes;
    same(size, file.data.length, 'GETATTR before an append: size');
    if (size + APPENDED_BYTES_MAX > FILE_BYTES_MAX) return;
    await this.put(file, size, this.random.bytes(this.random.between(1, APPENDED_BYTES_MAX)));
  }

  /** Reads a counter in a file, and writes it back increased by one. */
  async increment(): Promise<void> {
    const file = this.tree.file();
    if (file === undefined || file.data.length < COUNTER_BYTES) return;
    const offset = this.random.below(file.data.length - COUNTER_BYTES + 1);
    const args = { file: file.handle, offset, count: COUNTER_BYTES };
    const found = await this.caller.expect(NFS3.READ, args, S.NFS3_OK);
    if (found.status !== S.NFS3_OK) return;
    const data = Buffer.from(found.data);
    holds(data.equals(file.data.subarray(offset, offset + COUNTER_BYTES)), 'READ of a counter: another value');
    data.writeUInt32BE((data.readUInt32BE() + 1) >>> 0);
    await this.put(file, offset, data);
  }

  async put(file: Node, offset: number, data: Buffer): Promise<void> {
    const args = { file: file.handle, offset, count: data.length, stable: stable_how.UNSTABLE, data };
    const done = await this.caller.expect(NFS3.WRITE, args, S.NFS3_OK);
    if (done.status !== S.NFS3_OK) return;
    same(done.count, data.length, 'WRITE: count');
    written(file, offset, data);
    this.wcc(done.file_wcc, file, 'WRITE');
  }

  /**
   * Compares the worker's directory at `path` on the disk with what it must hold. The last object written to must have
   * the mtime of the answer: a call that was done again later with the same result would show in nothing else. @throws
   * {Mismatch}
   */
  compareWithDisk(path: string): void {
    compareWithDisk(this.tree.home, Buffer.from(path));
    this.#compareTimes(this.tree.home, Buffer.from(path));
  }

  #compareTimes(node: Node, path: Buffer): void {
    const answered = this.#mtimes.get(node);
    if (answered !== undefined) {
      same(lstatSync(path, { bigint: true }).mtimeNs, ns(answered), `mtime of ${path.toString('latin1')}`);
    }
    if (!isDir(node)) return;
    for (const [name, child] of node.entries) {
      this.#compareTimes(child, Buffer.concat([path, Buffer.from(`/${name}`, 'latin1')]));
    }
  }
}
