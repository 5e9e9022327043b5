import { randomGfid } from '../../../graph/gfid.ts';
import { errnoOf, FsError } from '../../../errno.ts';
import type { Made, NewAttr, Xdata } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType } from '../../../graph/iatt.ts';
import { Inode } from '../../../graph/inode.ts';
import { keepNotes, type Note } from '../../../graph/note.ts';
import { ownFrame } from '../../../graph/own-frame.ts';
import { releaseUnused } from '../../../graph/subtree.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { type Children, has, listOf, only } from './children.ts';
import type { DataChanges } from './data.ts';
import { Directories } from './directories/directories.ts';
import { ended } from './ended.ts';
import { type Known, knownOf, readableOf } from './known.ts';
import { inOrder, kindsOf, type Lockee, type New, type Place, takeBack, type Undo } from './names.ts';
import type { Reads } from './reads.ts';
import { chosen, type Replicas, type Replies } from './replicas.ts';
import { type Consequences, newOwner, Runner, type Target } from './transaction/runner.ts';
import type { Call, Setting } from './transaction/steps.ts';

/** What follows from the answers to a change of names. */
interface How<R> {
  readonly made?: New | undefined;
  readonly undo?: Undo;
  readonly unused?: (answer: R, i: number) => void;
}

/** Changes of names, each in a transaction of its own. */
export class EntryChanges {
  readonly #replicas: Replicas;
  readonly #reads: Reads;
  readonly #then: Consequences;
  readonly #data: DataChanges;
  readonly #directories: Directories;

  constructor(replicas: Replicas, reads: Reads, then: Consequences, data: DataChanges) {
    this.#replicas = replicas;
    this.#directories = new Directories(replicas);
    this.#reads = reads;
    this.#then = then;
    this.#data = data;
  }

  /** Makes an object, with the same gfid on all children. */
  async make(
    frame: Frame,
    parent: Inode,
    name: string,
    {
      type,
      attr,
      isNew = true,
    }: { readonly type: FileType; readonly attr: Pick<NewAttr, 'gfid'>; readonly isNew?: boolean },
    call: (child: Xlator, gfid: Buffer) => Promise<Made>,
  ): Promise<Made> {
    const gfid = attr.gfid ?? randomGfid();
    // As in GlusterFS, a symbolic link is marked when it is healed.
    const made = type === FileType.LNK ? undefined : { gfid, type };
    const place = { inode: parent, name };
    const undo: Undo = { gfid, place, isDir: type === FileType.DIR };
    // What one child has opened is closed if the file is not opened as a whole.
    const unused = ({ iatt, opened }: Made, i: number) => {
      if (opened !== undefined) releaseUnused(this.#replicas.children[i]!, new Inode(iatt.gfid, type), opened);
    };
    const how = isNew ? { made, undo, unused } : { made, unused };
    const trusted = await this.#reads.trusted(frame, parent);
    const replies = await this.#run(frame, [place], [place], child => call(child, gfid), how);
    if (type === FileType.REG && isNew) this.#data.made(frame, gfid);
    const { generation } = this.#replicas;
    // Of an object that may have been there before, it is not known who can be trusted with it.
    const known = isNew
      ? readableOf(this.#replicas, generation, type, replies.from, { data: 0, metadata: 0, entry: 0 })
      : undefined;
    return this.#made(replies, trusted, known);
  }

  async link(
    frame: Frame,
    inode: Inode,
    parent: Inode,
    name: string,
    call: (child: Xlator) => Promise<Made>,
  ): Promise<Made> {
    const place = { inode: parent, name };
    const undo: Undo = { gfid: inode.gfid, place, isDir: false };
    const trusted = await this.#reads.trusted(frame, inode);
    const replies = await this.#run(frame, [place], [place], call, { undo });
    return this.#made(replies, trusted, knownOf(this.#replicas, inode));
  }

  /** Removes a name, of a directory perhaps: then no name may be made in it at the same time. */
  async remove<R>(frame: Frame, place: Place, isDir: boolean, call: (child: Xlator) => Promise<R>): Promise<R> {
    const directory = isDir ? await this.#directoryAt(frame, place) : undefined;
    const locks = directory === undefined ? [place] : [place, { inode: directory, name: undefined }];
    const trusted = await this.#reads.trusted(frame, place.inode);
    return chosen(this.#replicas, await this.#run(frame, locks, [place], call), place.inode.gfid, trusted);
  }

  async rename<R>(frame: Frame, from: Place, to: Place, call: (child: Xlator) => Promise<R>): Promise<R> {
    const replaced = await this.#directoryAt(frame, to);
    const names = from.inode === to.inode && from.name === to.name ? [from] : [from, to];
    const locks = replaced === undefined ? names : [...names, { inode: replaced, name: undefined }];
    const trusted = await this.#reads.trusted(frame, from.inode);
    const doubted = await this.#doubted(frame, from.inode);
    let astray: Promise<Children> | undefined;
    const checked = async (child: Xlator, i: number) => {
      astray ??= this.#astray(frame, from, doubted);
      if (has(await astray, i)) throw new FsError('ESTALE', `ESTALE: ${child.name} has another object of this name`);
      return call(child);
    };
    const replies = await this.#run(frame, locks, [from, to], doubted === 0 ? call : checked);
    return chosen(this.#replicas, replies, from.inode.gfid, trusted);
  }

  /** Another client waits for the lock that is kept on the names of a directory. */
  giveUp(gfid: Buffer): void {
    this.#directories.contended(gfid);
  }

  /** Gives up the locks that are kept, as {@link ended} says. */
  end(): Promise<void> {
    return ended(this.#directories.end());
  }

  /** The children that may have other names in a directory than those that can be trusted with it. */
  async #doubted(frame: Frame, inode: Inode): Promise<Children> {
    const { all, arbiters } = this.#replicas;
    const trusted = await this.#reads.trusted(frame, inode, 'data');
    if (trusted === 0) return 0;
    // Arbiters are not read, so that it is known of them only if nothing at all is counted against them.
    return all & ~trusted & ~(arbiters & this.#replicas.unblamed);
  }

  /**
   * The children on which a name leads to another object, which must not get the new name: all children would have done
   * the rename, none of them would be blamed, and the daemon heals those names only that are recorded with a blame.
   */
  async #astray(frame: Frame, { inode, name }: Place, doubted: Children): Promise<Children> {
    const { children, up } = this.#replicas;
    const own = ownFrame(frame);
    const gfidOn = async (child: Xlator): Promise<Buffer | undefined> => {
      try {
        return (await child.lookup(own, inode, name)).iatt.gfid;
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
        return undefined;
      }
    };
    const expected = await this.#reads.read(own, inode, 'data', gfidOn);
    if (expected === undefined) return 0;
    const asked = listOf(doubted & up);
    const found = await Promise.all(asked.map(i => gfidOn(children[i]!)));
    return asked.reduce((astray, i, at) => (found[at]?.equals(expected) ? astray : astray | only(i)), 0);
  }

  /** The directory that has this name, if one has. */
  async #directoryAt(frame: Frame, { inode, name }: Place): Promise<Inode | undefined> {
    const own = ownFrame(frame);
    const iatt = await this.#reads.read(frame, inode, 'data', async child => {
      try {
        return (await child.lookup(own, inode, name)).iatt;
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined;
        throw error;
      }
    });
    if (iatt?.type !== FileType.DIR) return undefined;
    const directory = new Inode(iatt.gfid, iatt.type, iatt.hint);
    keepNotes(directory.slots, iatt.notes);
    return directory;
  }

  async #run<R>(
    frame: Frame,
    lockees: readonly Lockee[],
    places: readonly Place[],
    call: (child: Xlator, i: number) => Promise<R>,
    { made, undo, unused }: How<R> = {},
  ): Promise<Replies<R>> {
    const { children, isQuorum, arbiters } = this.#replicas;
    const locks = lockees.toSorted(inOrder);
    const { held, end } = await this.#directories.enter(locks);
    const setting: Setting = {
      kind: 'entry',
      count: children.length,
      isQuorum,
      arbiters,
      locks: held === undefined ? locks.length : 0,
      single: true,
      creates: made !== undefined,
      undoes: undo !== undefined,
      durable: false,
    };
    const target = this.#target(ownFrame(frame, newOwner()), locks, places, made, undo);
    const runner = new Runner(this.#replicas, setting, target, this.#then, held);
    void runner.over.then(end);
    return runner.do('durable', call, unused);
  }

  #target(
    frame: Frame,
    locks: readonly Lockee[],
    places: readonly Place[],
    made: New | undefined,
    undo: Undo | undefined,
  ): Target {
    const domain = this.#replicas.name;
    let wasMarked = false;
    const accused = places.map(() => 0);
    const lock = (child: Xlator, id: number, type: 'write' | 'unlock', wait: boolean) =>
      child.entrylk(frame, domain, locks[id]!.inode, locks[id]!.name, type, wait);
    return {
      lock: (child, id, wait) => {
        if (wait) for (const { inode } of locks) this.#directories.contended(inode.gfid);
        return lock(child, id, 'write', wait);
      },
      unlock: (child, id) => lock(child, id, 'unlock', false),
      mark: async (child, call) => {
        if (call.do === 'new-entry') return this.#markNew(frame, child, made!, call.whom);
        const isFirst = call.do !== 'doubt' && (!wasMarked || call.do === 'pre-op');
        if (call.do === 'pre-op') wasMarked = true;
        const found = await this.#markParents(frame, child, places, call, isFirst);
        for (const [i, children] of found.entries()) accused[i]! |= children;
        return found.reduce((all, children) => all | children, 0);
      },
      sync: () => Promise.resolve(),
      undo: async (child, isLocked) => {
        if (undo !== undefined) await takeBack(child, frame, undo, isLocked);
      },
      splitBrain: () => {
        const at = accused.findIndex(children => (this.#replicas.all & ~children) === 0);
        // Two directories may have different children that can be trusted, until both are healed.
        if (at < 0)
          return new FsError('ENOTCONN', `ENOTCONN: ${domain}: no subvolume can be trusted with both directories`);
        return this.#then.splitBrain(places[at]!.inode.gfid, 'entry');
      },
    };
  }

  async #markNew(frame: Frame, child: Xlator, { gfid, type }: New, whom: Children): Promise<Children> {
    const changes = this.#replicas.changelog.newEntry(kindsOf(type), whom);
    await child.xattrop(frame, new Inode(gfid, type), 'add32', changes);
    return 0;
  }

  /**
   * Counts in the directories. The index of names that are to be healed learns of the name with the first count, and
   * keeps it: even if no child has failed this time, one may have failed before.
   */
  async #markParents(
    frame: Frame,
    child: Xlator,
    places: readonly Place[],
    call: Call,
    isFirst: boolean,
  ): Promise<readonly Children[]> {
    const { changelog, options } = this.#replicas;
    const changes = changelog.change('entry', call);
    const isNamed = isFirst && options['granular-entry-heal'];
    const xdata = (name: string): Xdata | undefined =>
      isNamed ? new Map([['glusterfs.xattrop-entry-create', name]]) : undefined;
    const sums = await Promise.all(
      places.map(({ inode, name }) => child.xattrop(frame, inode, 'add32', changes, xdata(name))),
    );
    return sums.map(sum => changelog.accused(sum).entry);
  }

  /** One answer of all children that have made it, with the notes of each. */
  #made(replies: Replies<Made>, trusted: Children, known: Known | undefined): Made {
    const replicas = this.#replicas;
    const { from, of } = replies;
    const made = chosen(replicas, replies, of[listOf(from)[0]!]!.iatt.gfid, trusted);
    const { iatt } = made;
    const notes = {
      slot: replicas.slot,
      value: known,
      next: joined(
        from,
        of.map(one => one?.iatt.notes),
      ),
    };
    if (made.opened === undefined) return { ...made, iatt: { ...iatt, notes } };
    const below = joined(
      from,
      of.map(one => one?.opened?.notes),
    );
    const opened = { ...made.opened, notes: { slot: replicas.slot, value: from, next: below } };
    return { ...made, iatt: { ...iatt, notes }, opened };
  }
}

/** The notes of these children in one list. */
export function joined(children: Children, of: readonly (Note | undefined)[]): Note | undefined {
  let next: Note | undefined;
  for (const i of listOf(children))
    for (let note = of[i]; note !== undefined; note = note.next) next = { ...note, next };
  return next;
}
