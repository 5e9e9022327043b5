/** The top of a volume for one of its masters, which tells the others of what this one changes. */
import type { Fop, Fops, SetAttr } from '../graph/fops.ts';
import type { Frame } from '../graph/frame.ts';
import type { Fd, Inode } from '../graph/inode.ts';
import { Xlator, type XlatorConfig } from '../graph/xlator.ts';
import type { InodeTable } from '../inode/table.ts';
import type { ChangeListener, Listeners } from './listeners.ts';

type Told = (listener: ChangeListener) => void;
/** Finds what a fop with these arguments changes, before it does so. */
type Teller<F extends Fop> = (table: InodeTable, ...args: Parameters<Fops[F]>) => Told;

const object =
  (data: boolean) =>
  (_: InodeTable, _frame: Frame, { gfid }: Inode): Told =>
  listener =>
    listener.objectChanged(gfid, data);

const openObject =
  (data: boolean) =>
  (_: InodeTable, _frame: Frame, { inode: { gfid } }: Fd): Told =>
  listener =>
    listener.objectChanged(gfid, data);

const attributes = ({ gfid }: Inode, { size }: SetAttr): Told => {
  const data = size !== undefined;
  return listener => listener.objectChanged(gfid, data);
};

/** A name that is made or removed, and what is known to have it: CREATE empties a file that exists, others take a link. */
function named(table: InodeTable, directory: Inode, name: string, isNew: boolean): Told {
  const known = table.lookup(directory, name)?.gfid;
  return listener => {
    listener.nameChanged(directory, name, isNew);
    listener.objectChanged(directory.gfid, false);
    if (known !== undefined) listener.objectChanged(known, isNew);
  };
}

const made = (table: InodeTable, _: Frame, parent: Inode, name: string): Told => named(table, parent, name, true);
const removed = (table: InodeTable, _: Frame, parent: Inode, name: string): Told => named(table, parent, name, false);

const TELLERS: { readonly [F in Fop]?: Teller<F> } = {
  mknod: made,
  mkdir: made,
  symlink: made,
  create: made,
  link: (table, _, { gfid }, parent, name) => {
    const told = named(table, parent, name, true);
    return listener => {
      told(listener);
      listener.objectChanged(gfid, false);
    };
  },
  unlink: removed,
  rmdir: removed,
  rename: (table, _, from, fromName, to, toName) => {
    const told = [named(table, from, fromName, false), named(table, to, toName, false)];
    return listener => told.forEach(one => one(listener));
  },
  setattr: (_, _frame, inode, attr) => attributes(inode, attr),
  fsetattr: (_, _frame, { inode }, attr) => attributes(inode, attr),
  truncate: object(true),
  ftruncate: openObject(true),
  writev: openObject(true),
  fallocate: openObject(true),
  discard: openObject(true),
  zerofill: openObject(true),
  setxattr: object(false),
  fsetxattr: openObject(false),
  removexattr: object(false),
  fremovexattr: openObject(false),
};

export interface TellingTopOptions {
  readonly child: Xlator;
  readonly table: InodeTable;
  readonly listeners: Listeners;
  /** Which of the listeners belongs to the master. */
  readonly by: ChangeListener;
}

/**
 * Passes all fops to the volume. When one that changes something is answered, all listeners but the master's own are told
 * before the master; also if it fails, since a part of it may have been done.
 */
export class TellingTop extends Xlator {
  readonly #table: InodeTable;
  readonly #listeners: Listeners;
  readonly #by: ChangeListener;

  constructor({ child, table, listeners, by }: TellingTopOptions, env: XlatorConfig['env']) {
    const { name, type, where, readOnlyBy } = child;
    super({ name, type, where, readOnlyBy, options: {}, children: [child], childNames: [name], slot: -1, env });
    this.#table = table;
    this.#listeners = listeners;
    this.#by = by;
  }

  protected override wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    const teller: Teller<F> | undefined = TELLERS[fop];
    const told = teller?.(this.#table, ...args);
    const done = super.wind(fop, ...args) as Promise<unknown>;
    if (told === undefined) return done as ReturnType<Fops[F]>;
    return done.finally(() => this.#listeners.tell(this.#by, told)) as ReturnType<Fops[F]>;
  }
}
