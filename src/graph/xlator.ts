import { FsError } from '../errno.ts';
import type { Fd, Inode } from './inode.ts';
import type { GraphEvent } from './event.ts';
import type { Log } from '../log.ts';
import type { Fop, Fops } from './fops.ts';
import { ARITY } from './fops/arity.ts';
import type { ForeignTable, OptionTable, OptionValues } from './options.ts';
import type { BrickWatch, WatchMemory } from './live/brick-watch.ts';

/** What the process offers to an xlator. */
export interface GraphEnv {
  readonly log: Log;
  /** The server's state directory, which survives restarts. */
  readonly stateDir: string;
  /** Which of the server's stages this graph belongs to, from 0. */
  readonly stage: number;
  /** How many stages there are; 1 unless it says otherwise. */
  readonly stages?: number;
  /** Where calls into bricks are noted; absent where no other thread watches. */
  readonly watch?: WatchMemory;
  /** What the process gives to the masters of the graph (`src/master/host.ts`). The layers below have no use for it. */
  readonly host?: object;
}

/** A layer of a graph, as a message names it. */
export interface Layer {
  readonly name: string;
  readonly type: string;
  /** Where the volfile declares it, as `file:line`. */
  readonly where: string;
}

/** What a reload can change of an xlator that runs. */
export interface XlatorSettings<O extends OptionTable = OptionTable> {
  /** Where the volfile declares it, as `file:line`. */
  readonly where: string;
  readonly options: OptionValues<O>;
  /** Where each option that is set was set, as `file:line`, by its name in the volfile. */
  readonly origins?: ReadonlyMap<string, string>;
  /** See {@link Xlator.readOnlyBy}. */
  readonly readOnlyBy?: Layer | undefined;
}

export interface XlatorConfig<O extends OptionTable = OptionTable> extends XlatorSettings<O> {
  /** The volume's name in the volfile. */
  readonly name: string;
  readonly type: string;
  readonly children: readonly Xlator[];
  /** See {@link Xlator.childNames}. */
  readonly childNames: readonly string[];
  /** The index of this xlator's slot in `Inode.slots` and `Fd.slots`. */
  readonly slot: number;
  readonly env: GraphEnv;
}

/** A part of a state dump. It is plain data, since it is posted between threads. */
export type DumpValues = Readonly<Record<string, string | number | boolean>>;

export interface XlatorClass {
  new (config: XlatorConfig<any>): Xlator;
  /** What the xlator does, in whole sentences, for docs. */
  readonly doc?: string;
  /** The options that the xlator takes; any other option in the volfile is reported. */
  readonly options?: OptionTable;
  /** Options of other software with what becomes of them here. */
  readonly foreign?: ForeignTable;
  /**
   * The layer's purpose is to limit access. An option that it does not take then stops the start instead of being
   * reported.
   */
  readonly limitsAccess?: boolean;
  /** Whether a layer with these options refuses every change, so that what is above it is called read-only. */
  readonly readOnly?: (options: any) => boolean;
  /**
   * The brick gives its objects gfids of its own and refuses one that is chosen for it ({@link NewAttr}), so that it
   * cannot be one of several replicas.
   */
  readonly namesItself?: boolean;
  /** Calls come into the graph here. Every master of a volfile that is a subvolume of no other volume is started. */
  readonly isMaster?: boolean;
  /** The xlator uses {@link Xlator.childNames}, so that with other names there it is another layer. */
  readonly usesChildNames?: boolean;
  /** The least and the greatest number of subvolumes; [1, 1] by default. */
  readonly children?: readonly [number, number];
}

export { ALL_FOPS } from './fops/arity.ts';

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the prototype gets every fop below
export interface Xlator extends Fops {}

/**
 * One node of the graph. A fop that a subclass does not override passes to the first child unchanged. Override a fop to
 * change that operation, or `wind` to see all of them.
 */
export abstract class Xlator<O extends OptionTable = OptionTable> {
  readonly name: string;
  readonly type: string;
  where: string;
  readonly children: readonly Xlator[];
  /**
   * The names that the volfile has for the children. GlusterFS writes names of subvolumes to the bricks, so where a layer
   * was left out below this one (`options/left-out.ts`), its name counts and not that of the child.
   */
  readonly childNames: readonly string[];
  readonly parents: Xlator[] = [];
  /** The layer that refuses every change, if there is one: this one, or one below that every path down leads to. */
  readOnlyBy: Layer | undefined;
  protected options: OptionValues<O>;
  protected origins: ReadonlyMap<string, string>;
  protected readonly slot: number;
  protected readonly env: GraphEnv;
  protected readonly log: Log;
  /** Where calls into a brick are noted (`live/brick-watch.ts`); set before {@link init}, and for watched bricks only. */
  watch: BrickWatch | undefined;
  readonly #first: Xlator | undefined;
  #parentUp = false;

  constructor(config: XlatorConfig<O>) {
    this.name = config.name;
    this.type = config.type;
    this.where = config.where;
    this.options = config.options;
    this.origins = config.origins ?? new Map();
    this.children = config.children;
    this.childNames = config.childNames;
    this.readOnlyBy = config.readOnlyBy;
    this.slot = config.slot;
    this.env = config.env;
    this.log = config.env.log.child({ xlator: config.name });
    this.#first = config.children[0];
    for (const child of config.children) child.parents.push(this);
  }

  /**
   * Prepares to run on with other settings, in which only options differ that are live, or are read at the start of the
   * server. Returns what makes the change. It is called when all xlators of all stages are prepared, and must not fail.
   * An xlator that keeps something made from a live option overrides this and makes it anew.
   * @throws the settings cannot be used; nothing has changed
   */
  reconfigure({ where, options, origins = new Map(), readOnlyBy }: XlatorSettings<O>): () => void {
    return () => {
      this.where = where;
      this.options = options;
      this.origins = origins;
      this.readOnlyBy = readOnlyBy;
    };
  }

  /** Opens what the xlator needs. Called bottom-up, after the children's `init`; an error stops the start. */
  async init(): Promise<void> {}

  /** Closes what `init` opened. Called in the reverse order, when no call is under way. */
  async fini(): Promise<void> {}

  /**
   * Receives an event from a parent (`parent-up`) or from a child (the others). Unless overridden it passes the event
   * on.
   */
  notify(event: GraphEvent, _from?: Xlator): void {
    if (event.kind !== 'parent-up') {
      for (const parent of this.parents) parent.notify(event, this);
      return;
    }
    if (this.#parentUp) return; // several ways may lead from the top to this xlator
    this.#parentUp = true;
    if (this.children.length === 0) {
      this.notify({ kind: 'child-up' });
    } else {
      for (const child of this.children) child.notify(event, this);
    }
  }

  /**
   * Resolves when what is below answers, as far as that can be expected: a brick that is known to hang is not waited
   * for. A new graph takes the place of another when its top is ready, or after a while.
   */
  ready(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Returns 16 bytes that identify the tree below among all others. They stay the same for as long as it is that tree,
   * whatever its path and however often the brick or the machine is restarted (for a GlusterFS brick they are its
   * volume-id). File handles are bound to them. A brick checks whether its tree is still at the path in the volfile. If
   * another tree has taken its place, the brick serves that from then on and sends `child-up` again. A brick that does
   * not know its tree returns zeros.
   * @throws {FsError} ENOENT: there is no tree at the moment; ENOTCONN and others: the brick cannot be asked
   */
  volumeId(): Promise<Buffer> {
    return this.#first === undefined ? Promise.resolve(Buffer.alloc(16)) : this.#first.volumeId();
  }

  /**
   * How many of the lowest bits of cookies in listings are no part of a position, but say which child it is of. A layer
   * above that needs room in a cookie leaves them as they are.
   */
  get cookieBits(): number {
    return this.children.reduce((most, child) => Math.max(most, child.cookieBits), 0);
  }

  /** Whether what is below is on this machine, as far as is known while it is up. */
  get isLocal(): boolean {
    return this.#first?.isLocal ?? true;
  }

  /** Whether a brick below is another process, so that other work can be done while it is asked. */
  get isRemote(): boolean {
    return this.children.some(child => child.isRemote);
  }

  /** One line for `bricknfs status` about trouble that the operator should know of now. */
  get trouble(): string | undefined {
    return undefined;
  }

  /**
   * Called when the inode has left the table, to release what `inode.slots[this.slot]` holds. Each xlator of the graph
   * that overrides it is called, so that it need not pass the call on.
   */
  forget(_inode: Inode): void {}

  /**
   * Called when an fd is no longer used, to release what `fd.slots[this.slot]` holds. As with {@link forget}, it need
   * not be passed on. The anonymous fd of an inode is never released.
   */
  release(_fd: Fd): void {}

  /** Something waits now for fops whose frames are {@link Frame.unhurried}: they are sent to the bricks at once. */
  hurry(): void {
    for (const child of this.children) child.hurry();
  }

  /** The values that a state dump shows of this xlator, by name. Must be cheap and never wait for a disk. */
  dump(): DumpValues {
    return {};
  }

  /** Passes a fop to the first child. Every fop that is not overridden goes through here. */
  protected wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]>;
  // Seven arguments are the most that any fop takes; spreading would cost 30 ns a layer.
  protected wind(
    fop: Fop,
    a?: unknown,
    b?: unknown,
    c?: unknown,
    d?: unknown,
    e?: unknown,
    f?: unknown,
    g?: unknown,
  ): any {
    const child = this.#first;
    if (child === undefined) {
      return Promise.reject(new FsError('EOPNOTSUPP', `${this.type} implements no ${fop} and has no child`));
    }
    return (child as any)[fop](a, b, c, d, e, f, g);
  }

  static {
    for (const [fop, arity] of Object.entries(ARITY)) {
      const args = Array.from({ length: arity }, (_, i) => `a${i}`).join(', ');
      // If `wind` is not overridden, call the child directly: a call by a constant name costs 5 ns.
      const source = `return function ${fop}(${args}) {
        const child = this.children[0];
        return child !== undefined && this.wind === wind ? child.${fop}(${args}) : this.wind('${fop}', ${args});
      };`;
      // oxlint-disable-next-line typescript/no-implied-eval, typescript/unbound-method -- made of our own table; compared
      (Xlator.prototype as any)[fop] = new Function('wind', source)(Xlator.prototype.wind);
    }
  }
}
