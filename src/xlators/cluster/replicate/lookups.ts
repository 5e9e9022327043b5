import { gfidKey, gfidText } from '../../../graph/gfid.ts';
import { FsError, isGone } from '../../../errno.ts';
import type { Found, Xdata } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import { keepNotes, type Note } from '../../../graph/note.ts';
import { ownFrame } from '../../../graph/own-frame.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { type Children, has, listOf, only } from './children.ts';
import { type Known, knownOf, readableOf } from './known.ts';
import { codeOf, errorOf, type Replicas } from './replicas.ts';
import type { Kind } from './transaction/steps.ts';
import { Answers, verdictOf } from './transaction/verdict.ts';

const INODELKS = 'glusterfs.inodelk-count';
const ENTRYLKS = 'glusterfs.parent-entrylk';
const INDEX = 'link-count';

const WHAT: Readonly<Record<Kind, string>> = { data: 'data', metadata: 'attributes', entry: 'names' };

/** What the children answered to a lookup. */
interface Looked {
  readonly generation: number;
  readonly found: readonly (Found | undefined)[];
  /** The children that have found it, and those that say that it does not exist. */
  having: Children;
  readonly gone: Children;
  readonly errors: readonly unknown[];
}

/** Finds objects on all children, and learns from that which children can be read. */
export class Lookups {
  readonly #replicas: Replicas;
  readonly #own: Xdata;
  readonly #questions = new WeakMap<Xdata, Xdata>();
  readonly #refreshes = new Map<Inode, Promise<Known>>();
  /** The gfids of which it has been said that they are in split brain. */
  readonly #reported = new Set<string>();

  constructor(replicas: Replicas) {
    this.#replicas = replicas;
    this.#own = new Map([
      ...replicas.changelog.questions,
      [INODELKS, 0],
      [ENTRYLKS, 0],
      [INDEX, 'glusterfs.xattrop_index_count'],
    ]);
  }

  /**
   * A name that is removed and made again may lead to another object on each child for a moment. The children tell of locks
   * on the name, but not of one on all names of the directory: so they are asked once more.
   */
  async lookup(frame: Frame, parent: Inode, name: string, xdata?: Xdata): Promise<Found> {
    const looked = await this.#look(frame, parent, name, xdata);
    const isUndecided = this.#differ(looked) && this.#agreedOn(looked) === undefined;
    return this.#combined(isUndecided ? await this.#look(frame, parent, name, xdata) : looked, xdata);
  }

  async #look(frame: Frame, parent: Inode, name: string, xdata: Xdata | undefined): Promise<Looked> {
    const looked = await this.#ask(child => child.lookup(frame, parent, name, this.#asking(xdata)));
    if (looked.gone !== 0 && looked.having !== 0) {
      const { data } = await this.known(frame, parent);
      this.#settle(looked, data);
    } else if (this.#differ(looked)) {
      const { data } = await this.known(frame, parent);
      looked.having = (looked.having & data) === 0 ? looked.having : looked.having & data;
    }
    return looked;
  }

  async discover(frame: Frame, gfid: Buffer, hint: Buffer | undefined, xdata?: Xdata): Promise<Found> {
    const looked = await this.#ask(child => child.discover(frame, gfid, hint, this.#asking(xdata)));
    if (looked.gone !== 0 && looked.having !== 0) this.#settle(looked, ~0);
    return this.#combined(looked, xdata);
  }

  /** What is known of an inode. If that has been overtaken by events, the children are asked. */
  known(frame: Frame, inode: Inode): Promise<Known> {
    const known = knownOf(this.#replicas, inode);
    if (known !== undefined) return Promise.resolve(known);
    return this.refresh(frame, inode);
  }

  /** Asks all children about an inode. */
  refresh(frame: Frame, inode: Inode): Promise<Known> {
    const running = this.#refreshes.get(inode);
    if (running !== undefined) return running;
    const refresh = this.#refresh(frame, inode).finally(() => this.#refreshes.delete(inode));
    this.#refreshes.set(inode, refresh);
    return refresh;
  }

  async #refresh(frame: Frame, inode: Inode): Promise<Known> {
    const { iatt } = await this.discover(ownFrame(frame), inode.gfid, inode.hint);
    keepNotes(inode.slots, iatt.notes);
    return inode.slots[this.#replicas.slot] as Known;
  }

  /** The error for an object of which the children have counted failures of each other. */
  splitBrain(gfid: Buffer, kind: Kind): FsError {
    return this.unreadable(gfid, WHAT[kind]);
  }

  /** The error for an object that no child can be read of. */
  unreadable(gfid: Buffer, what: string): FsError {
    const { all, up, arbiters, log, name, children } = this.#replicas;
    const id = gfidText(gfid);
    const isWhole = (all & ~up & ~arbiters) === 0;
    if (!isWhole)
      return new FsError('ENOTCONN', `ENOTCONN: ${name}: no subvolume that is up can be trusted with ${id}`);
    if (!this.#reported.has(id) && this.#reported.size < 10_000) {
      this.#reported.add(id);
      const volume = /^(.+)-replicate-\d+$/.exec(name)?.[1] ?? 'VOL';
      const subvolumes = children.map(child => child.name).join(', ');
      log.error(
        { gfid: id, subvolumes: children.map(child => child.name) },
        `the replicas ${subvolumes} blame each other for the ${what} of gfid:${id}, or differ: \`gluster volume heal ${volume} info split-brain\` shows its path, and \`gluster volume heal ${volume} split-brain source-brick HOST:BRICK PATH\` takes one replica for all`,
      );
    }
    return new FsError('EIO', `EIO: ${name}: ${what} of ${id} in split brain`);
  }

  /** The caller's questions and those of this layer. */
  #asking(xdata: Xdata | undefined): Xdata {
    if (xdata === undefined) return this.#own;
    const known = this.#questions.get(xdata);
    if (known !== undefined) return known;
    const both = new Map([...this.#own, ...xdata]);
    this.#questions.set(xdata, both);
    return both;
  }

  /** The answers that the caller has asked for. */
  #asked(answers: Xdata, asked: Xdata): Xdata {
    return new Map([...answers].filter(([key]) => asked.has(key) || !this.#own.has(key)));
  }

  async #ask(call: (child: Xlator) => Promise<Found>): Promise<Looked> {
    this.#replicas.checkQuorum();
    const { children, up, generation } = this.#replicas;
    const found: (Found | undefined)[] = [];
    const errors: unknown[] = [];
    const looked = { generation, found, errors, having: 0, gone: 0 };
    const ask = async (i: number) => {
      try {
        found[i] = await call(children[i]!);
        looked.having |= only(i);
      } catch (error) {
        errors[i] = error;
        if (isGone(error)) looked.gone |= only(i);
      }
    };
    await Promise.all(listOf(up).map(ask));
    // A few that have it may be those that others blame.
    if (looked.having === 0 || !this.#replicas.isQuorum(looked.having | looked.gone)) this.#fail(looked);
    return looked;
  }

  #fail({ errors }: Looked): never {
    const answers = new Answers();
    for (const [i, error] of errors.entries()) if (error !== undefined) answers.add(i, codeOf(error));
    throw errorOf(verdictOf(answers, this.#replicas.isQuorum).code ?? 'ENOTCONN', errors);
  }

  /**
   * Some children have the name and some have not. Those with a directory that is not blamed are believed; if these
   * differ too, a quorum of them is. Without one, the name is being made or removed if another client has locked it.
   */
  #settle(looked: Looked, believed: Children): void {
    const { isQuorum } = this.#replicas;
    const isAnswered = ((looked.having | looked.gone) & believed) !== 0;
    const trusted = isAnswered ? believed : ~0;
    const [having, gone] = [looked.having & trusted, looked.gone & trusted];
    const isLocked = looked.found.some(found => Number(found?.xdata?.get(ENTRYLKS) ?? 0) > 0);
    const exists = having !== 0 && (gone === 0 || isQuorum(having) || (!isQuorum(gone) && !isLocked));
    if (!exists) throw looked.errors.find(isGone);
    looked.having = having;
  }

  /** Whether the children found different objects. */
  #differ({ found, having }: Looked): boolean {
    const [first, ...rest] = listOf(having);
    const { gfid } = found[first!]!.iatt;
    return rest.some(i => !found[i]!.iatt.gfid.equals(gfid));
  }

  #combined(looked: Looked, asked: Xdata | undefined): Found {
    this.#chooseOne(looked);
    const { found, having, generation } = looked;
    const { type, gfid } = found[listOf(having)[0]!]!.iatt;
    const accused = { data: 0, metadata: 0, entry: 0 };
    for (const i of listOf(having)) {
      const { data, metadata, entry } = this.#replicas.changelog.accused(found[i]!.xdata);
      accused.data |= data;
      accused.metadata |= metadata;
      accused.entry |= entry;
    }
    if (type === FileType.REG) accused.data |= this.#tooSmall(looked, accused.data);
    this.#notice(looked);
    const known = readableOf(this.#replicas, generation, type, having, accused);
    const both = known.data & known.metadata;
    const at = this.#replicas.preferred(both === 0 ? known.metadata : both, gfid);
    if (at < 0) throw this.unreadable(gfid, 'attributes');
    const { xdata, ...answer } = found[at]!;
    const iatt = both === 0 ? this.#withSize(answer.iatt, found, known.data) : answer.iatt;
    const told = { ...answer, iatt: { ...iatt, notes: this.#notes(looked, known) } };
    return asked === undefined || xdata === undefined ? told : { ...told, xdata: this.#asked(xdata, asked) };
  }

  /** If the children found different objects by one name, a quorum must have found the same. */
  #chooseOne(looked: Looked): void {
    if (!this.#differ(looked)) {
      const types = new Set(listOf(looked.having).map(i => looked.found[i]!.iatt.type));
      if (types.size > 1) throw this.unreadable(looked.found[listOf(looked.having)[0]!]!.iatt.gfid, 'type');
      return;
    }
    const chosen = this.#agreedOn(looked);
    if (chosen !== undefined) looked.having = chosen;
    else if (looked.found.some(found => Number(found?.xdata?.get(ENTRYLKS) ?? 0) > 0)) throw new FsError('EJUKEBOX');
    else throw this.unreadable(looked.found[listOf(looked.having)[0]!]!.iatt.gfid, 'gfid');
  }

  /** The children that have found the same object, if a quorum has. */
  #agreedOn({ found, having }: Looked): Children | undefined {
    const byGfid = new Map<string, Children>();
    for (const i of listOf(having)) {
      const key = gfidKey(found[i]!.iatt.gfid);
      byGfid.set(key, (byGfid.get(key) ?? 0) | only(i));
    }
    return [...byGfid.values()].find(children => this.#replicas.isQuorum(children));
  }

  /** While no client holds a lock on it, a file that is smaller than on another child lacks something. */
  #tooSmall({ found, having }: Looked, accused: Children): Children {
    const children = listOf(having & ~this.#replicas.arbiters);
    if (children.some(i => Number(found[i]!.xdata?.get(INODELKS) ?? 1) > 0)) return 0;
    const largest = Math.max(...children.filter(i => !has(accused, i)).map(i => found[i]!.iatt.size));
    return children.reduce((small, i) => (found[i]!.iatt.size < largest ? small | only(i) : small), 0);
  }

  /** If no child has a failure in its index, all of them are clean. If one has, they are not. */
  #notice({ generation, found, having }: Looked): void {
    const { all, up, clean, arbiters, isQuorum } = this.#replicas;
    if (generation !== this.#replicas.generation || having !== up || !isQuorum(up)) return;
    const isEmpty = listOf(up).every(i => Number(found[i]!.xdata?.get(INDEX) ?? 1) === 0);
    if (isEmpty) this.#replicas.unblamed |= up;
    else if (clean === (all & ~arbiters)) this.#replicas.distrust(); // Another client has recorded a failure.
  }

  /** The attributes of one child with the size of another, whose data can be trusted. */
  #withSize(iatt: Iatt, found: Looked['found'], data: Children): Iatt {
    const at = this.#replicas.preferred(data, iatt.gfid);
    if (at < 0) return iatt;
    const { size, used, mtime, mtimeNsec } = found[at]!.iatt;
    return { ...iatt, size, used, mtime, mtimeNsec };
  }

  #notes({ found, having }: Looked, known: Known): Note {
    let next: Note | undefined;
    for (const i of listOf(having)) {
      for (let note = found[i]!.iatt.notes; note !== undefined; note = note.next) next = { ...note, next };
    }
    return { slot: this.#replicas.slot, value: known, next };
  }
}
