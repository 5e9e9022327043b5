/**
 * A worker that goes on while servers are killed. It keeps what is not committed, and sends it again when the verifier
 * changes.
 */
import { nfsstat3 as S, stable_how } from '#protocols/nfs3/constants.ts';
import { holds, same } from '../../soak/model/answer.ts';
import { FILE_BYTES_MAX, type Node, type Tree, written } from '../../soak/model/tree.ts';
import { stepsOf, type User, type Weights, Worker } from '../../soak/model/worker.ts';
import { NFS3 } from '../../soak/procedures.ts';
import type { SurvivingCaller } from './caller.ts';
import type { Verifiers } from './verifiers.ts';

const WEIGHTS: Weights = {
  getattr: 8,
  gone: 2,
  setattr: 6,
  lookup: 8,
  access: 3,
  readlink: 2,
  read: 12,
  write: 20,
  commit: 8,
  create: 8,
  createExclusively: 4,
  mkdir: 3,
  symlink: 3,
  mknod: 2,
  remove: 13,
  rmdir: 3,
  rename: 8,
  link: 4,
  readdir: 3,
  readdirplus: 3,
  fileSystem: 1,
  stranger: 1,
};
const STEPS = stepsOf(WEIGHTS);
const WRITE_BYTES_MAX = 8192;

/** The range of a file that was written but not committed, and the verifier of these writes. */
interface Uncommitted {
  readonly offset: number;
  readonly length: number;
  verf: string;
}

/** The counts of all workers together. */
export class Rewrites {
  commits = 0;
  /** Commits with another verifier than the writes before them. */
  refused = 0;
  /** Writes that were sent again because of that. */
  rewritten = 0;
  /** The greatest number of such rounds in a row for one file. */
  roundsMax = 0;
}

export class SurvivingWorker extends Worker {
  declare readonly caller: SurvivingCaller;
  readonly #verifiers: Verifiers;
  readonly #rewrites: Rewrites;
  readonly #uncommitted = new WeakMap<Node, Uncommitted[]>();

  constructor(
    caller: SurvivingCaller,
    tree: Tree,
    owner: User,
    hasOthers: boolean,
    verifiers: Verifiers,
    rewrites: Rewrites,
  ) {
    super(caller, tree, owner, hasOthers);
    this.#verifiers = verifiers;
    this.#rewrites = rewrites;
  }

  override step(): Promise<void> {
    return this.random.pick(STEPS)(this);
  }

  override async write(): Promise<void> {
    const file = this.tree.file();
    if (file === undefined) return;
    const offset = this.random.between(0, Math.min(file.data.length + 4096, FILE_BYTES_MAX - 1));
    const data = this.random.bytes(this.random.between(0, Math.min(WRITE_BYTES_MAX, FILE_BYTES_MAX - offset)));
    const stable = this.random.pick([
      stable_how.UNSTABLE,
      stable_how.UNSTABLE,
      stable_how.UNSTABLE,
      stable_how.DATA_SYNC,
      stable_how.FILE_SYNC,
    ]);
    await this.#put(file, offset, data, stable);
  }

  override verifier(verf: Buffer): void {
    this.#verifiers.saw(verf, this.caller.sentTo, this.caller.answeredBy);
  }

  override async commit(): Promise<void> {
    const file = this.tree.file();
    if (file !== undefined) await this.#commit(file);
  }

  /** Commits everything that the worker has written. @throws {Mismatch} */
  async commitAll(): Promise<void> {
    for (const file of this.tree.files()) await this.#commit(file);
  }

  /** Removes everything that the worker has made. @throws {Mismatch} */
  async clear(): Promise<void> {
    const { home } = this.tree;
    for (const dir of this.tree.dirs().reverse()) {
      for (const [name, node] of Array.from(dir.entries)) {
        const procedure = this.tree.dirs().includes(node) ? NFS3.RMDIR : NFS3.REMOVE;
        await this.caller.expect(procedure, { object: { dir: dir.handle, name } }, S.NFS3_OK);
        this.tree.drop(dir, name);
      }
    }
    same(home.entries.size, 0, 'names left');
  }

  async #put(file: Node, offset: number, data: Buffer, stable: stable_how): Promise<void> {
    const args = { file: file.handle, offset, count: data.length, stable, data };
    const done = await this.caller.expect(NFS3.WRITE, args, S.NFS3_OK);
    if (done.status !== S.NFS3_OK) return;
    same(done.count, data.length, 'WRITE: count');
    holds(done.committed >= stable, `WRITE: asked for ${stable}, committed ${done.committed}`);
    this.verifier(done.verf);
    written(file, offset, data);
    this.wcc(done.file_wcc, file, 'WRITE');
    if (done.committed !== stable_how.UNSTABLE || data.length === 0) return;
    const kept = this.#uncommitted.get(file) ?? [];
    kept.push({ offset, length: data.length, verf: done.verf.toString('hex') });
    this.#uncommitted.set(file, kept);
  }

  /**
   * Commits a file as the Linux client does. Data written under another verifier than that of the commit are sent
   * again, as the file is now, and committed again. Each such round requires the end of another server.
   */
  async #commit(file: Node): Promise<void> {
    let first: number | undefined;
    for (let rounds = 0; ; rounds++) {
      const args = { file: file.handle, offset: 0, count: 0 };
      const done = await this.caller.expect(NFS3.COMMIT, args, S.NFS3_OK);
      if (done.status !== S.NFS3_OK) return;
      first ??= this.caller.sentTo;
      this.verifier(done.verf);
      this.wcc(done.file_wcc, file, 'COMMIT');
      this.#rewrites.commits++;
      const verf = done.verf.toString('hex');
      const lost = (this.#uncommitted.get(file) ?? []).filter(one => one.verf !== verf);
      this.#uncommitted.delete(file);
      if (lost.length === 0) return;
      const ends = this.caller.answeredBy - first;
      holds(rounds <= ends, `COMMIT refused the written data ${rounds + 1} times in a row, with ${ends} servers ended`);
      this.#rewrites.refused++;
      this.#rewrites.roundsMax = Math.max(this.#rewrites.roundsMax, rounds + 1);
      for (const { offset, length } of lost) {
        this.#rewrites.rewritten++;
        const data = Buffer.from(file.data.subarray(offset, offset + length));
        if (data.length > 0) await this.#put(file, offset, data, stable_how.UNSTABLE);
      }
    }
  }
}
