import { FsError } from '../errno.ts';
import type { Inode } from '../inode/inode.ts';
import type { Log } from '../log.ts';
import type { Fd } from './fd.ts';
import type { Fop, Fops } from './fops.ts';
import type { OptionTable, OptionValues } from './options.ts';

/** What an xlator may use of the process around it. */
export interface GraphEnv {
  readonly log: Log;
  /** A folder of the server's own that survives restarts. */
  readonly stateDir: string;
  /** Which event loop this graph belongs to: 0 for the main thread's. */
  readonly stage: number;
}

export interface XlatorConfig<O extends OptionTable = OptionTable> {
  /** The volume's name in the volfile. */
  readonly name: string;
  readonly type: string;
  /** Where the volfile declares it, as `file:line`. */
  readonly where: string;
  readonly options: OptionValues<O>;
  /** Where each option that is set was set, as `file:line`, by its name in the volfile. */
  readonly origins?: ReadonlyMap<string, string>;
  readonly children: readonly Xlator[];
  /** Its own index into `Inode.slots` and `Fd.slots`. */
  readonly slot: number;
  readonly env: GraphEnv;
}

/**
 * Events between the xlators of a graph: `parent-up` passes down, the others up. `unstable-lost`: data written UNSTABLE
 * may be gone (a sync failed, a brick has reconnected), so clients must be made to send it again.
 */
export type GraphEvent = 'parent-up' | 'child-up' | 'child-down' | 'unstable-lost';

export interface XlatorClass {
  new (config: XlatorConfig<any>): Xlator;
  /** The options it takes; anything else in the volfile is reported. */
  readonly options?: OptionTable;
  /** How many subvolumes it takes, at least and at most: [1, 1] unless it says otherwise. */
  readonly children?: readonly [number, number];
}

/** Every fop passes to the first child: see below, where they are made from this list. */
// prettier-ignore
const FOPS = [
  'lookup', 'discover', 'stat', 'fstat', 'readlink', 'access', 'mknod', 'mkdir', 'symlink', 'create', 'link',
  'unlink', 'rmdir', 'rename', 'setattr', 'fsetattr', 'truncate', 'ftruncate', 'open', 'readv', 'writev', 'flush',
  'fsync', 'fallocate', 'discard', 'zerofill', 'seek', 'opendir', 'readdir', 'readdirp', 'fsyncdir', 'statfs',
  'getxattr', 'fgetxattr', 'setxattr', 'fsetxattr', 'removexattr', 'fremovexattr', 'xattrop', 'fxattrop',
  'inodelk', 'finodelk', 'entrylk', 'fentrylk', 'lk',
] as const satisfies readonly Fop[];

export const ALL_FOPS: readonly Fop[] = FOPS;

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the prototype gets every fop below
export interface Xlator extends Fops {}

/**
 * One node of the graph. A fop that a subclass does not override goes on to the first child, unchanged. Override a fop
 * to change that operation; override `wind` to see all of them.
 */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export abstract class Xlator<O extends OptionTable = OptionTable> {
  readonly name: string;
  readonly type: string;
  readonly where: string;
  readonly children: readonly Xlator[];
  readonly parents: Xlator[] = [];
  protected readonly options: OptionValues<O>;
  protected readonly origins: ReadonlyMap<string, string>;
  protected readonly slot: number;
  protected readonly env: GraphEnv;
  protected readonly log: Log;
  readonly #first: Xlator | undefined;
  #parentUp = false;

  constructor(config: XlatorConfig<O>) {
    this.name = config.name;
    this.type = config.type;
    this.where = config.where;
    this.options = config.options;
    this.origins = config.origins ?? new Map();
    this.children = config.children;
    this.slot = config.slot;
    this.env = config.env;
    this.log = config.env.log.child({ xlator: config.name });
    this.#first = config.children[0];
    for (const child of config.children) child.parents.push(this);
  }

  /** Bottom-up, after the children's. What it throws stops the start. */
  async init(): Promise<void> {}

  /** In the reverse order of init; no call is under way any more. */
  async fini(): Promise<void> {}

  /** An event from a parent (`parent-up`) or a child (`child-up`, `child-down`). Unless overridden it passes on. */
  notify(event: GraphEvent, _from?: Xlator): void {
    if (event !== 'parent-up') {
      for (const parent of this.parents) parent.notify(event, this);
      return;
    }
    if (this.#parentUp) return; // there are several ways from the top to here
    this.#parentUp = true;
    if (this.children.length === 0) {
      this.notify('child-up');
    } else {
      for (const child of this.children) child.notify(event, this);
    }
  }

  /** The inode has left the table: whatever `inode.slots[this.slot]` holds is to be let go. */
  forget(_inode: Inode): void {}

  /** The fd that `open` or `opendir` gave is used no more. */
  release(fd: Fd): void {
    this.#first?.release(fd);
  }

  /** The seam through which every fop goes on to the first child. */
  protected wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    const child = this.#first;
    if (child === undefined) {
      const error = new FsError('EOPNOTSUPP', `${this.type} has no ${fop}, and no child to ask`);
      return Promise.reject(error) as ReturnType<Fops[F]>;
    }
    return (child as any)[fop](...args);
  }
}

for (const fop of FOPS) {
  (Xlator.prototype as any)[fop] = function (this: Xlator, ...args: unknown[]) {
    return (this as any).wind(fop, ...args);
  };
}
