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
  /** Which of the server's stages this graph belongs to, from 0. */
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

/** Every fop, and how many arguments it takes, optional ones included: its method below is made from this. */
// prettier-ignore
const ARITY = {
  lookup: 3, discover: 3, stat: 2, fstat: 2, readlink: 2, access: 3, mknod: 6, mkdir: 4, symlink: 5, create: 4, link: 4,
  unlink: 3, rmdir: 3, rename: 5, setattr: 4, fsetattr: 3, truncate: 3, ftruncate: 3, open: 3, readv: 4, writev: 5,
  flush: 2, fsync: 3, fallocate: 5, discard: 4, zerofill: 4, seek: 4, opendir: 2, readdir: 4, readdirp: 4, fsyncdir: 3,
  statfs: 2, getxattr: 3, fgetxattr: 3, setxattr: 4, fsetxattr: 4, removexattr: 3, fremovexattr: 3, xattrop: 4,
  fxattrop: 4, inodelk: 5, finodelk: 5, entrylk: 5, fentrylk: 5, lk: 4,
} as const satisfies { readonly [F in Fop]: Required<Parameters<Fops[F]>>['length'] };

export const ALL_FOPS = Object.keys(ARITY) as readonly Fop[];

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
  protected wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]>;
  protected wind(fop: Fop, a?: unknown, b?: unknown, c?: unknown, d?: unknown, e?: unknown, f?: unknown): any {
    const child = this.#first;
    if (child === undefined) {
      return Promise.reject(new FsError('EOPNOTSUPP', `${this.type} has no ${fop}, and no child to ask`));
    }
    return (child as any)[fop](a, b, c, d, e, f); // six are the most that any takes; spreading costs 30 ns a layer
  }

  static {
    for (const [fop, arity] of Object.entries(ARITY)) {
      const args = Array.from({ length: arity }, (_, i) => `a${i}`).join(', ');
      // Where nobody watches the seam, straight to the child: a call whose name is known costs 5 ns.
      const source = `return function ${fop}(${args}) {
        const child = this.children[0];
        return child !== undefined && this.wind === wind ? child.${fop}(${args}) : this.wind('${fop}', ${args});
      };`;
      // oxlint-disable-next-line typescript/no-implied-eval, typescript/unbound-method -- made of our own table; compared
      (Xlator.prototype as any)[fop] = new Function('wind', source)(Xlator.prototype.wind);
    }
  }
}
