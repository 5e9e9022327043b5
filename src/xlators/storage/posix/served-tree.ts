/** The tree that a brick serves: the directory at the path of its option, in place of which another may come. */
import type { Log } from '../../../log.ts';
import { silent } from '../../../log.ts';
import type { Brick } from './brick.ts';
import { RootWatch } from './objects/root-watch.ts';
import { type OpenBrick, pathBytes } from './start.ts';

export interface ServedTreeOptions {
  readonly directory: string;
  /** Whether this is the first stage, which logs what all stages see. */
  readonly isFirst: boolean;
  readonly log: Log;
  /** Opens the directory that is at the path now. */
  open(): Promise<OpenBrick>;
  /** Called when another tree is served from now on. Calls under way in the previous one end as stale. */
  replaced(brick: Brick): void;
}

export class ServedTree {
  readonly #options: ServedTreeOptions;
  readonly #watch: RootWatch;
  #open: OpenBrick;

  private constructor(options: ServedTreeOptions, open: OpenBrick) {
    const { directory, isFirst, log } = options;
    this.#options = options;
    this.#open = open;
    this.#watch = new RootWatch({
      directory,
      path: pathBytes(directory),
      log: isFirst ? log : silent,
      isFirst,
      rootFd: () => this.#open.rootFd,
      replace: () => this.#replace(),
    });
    this.#watch.start();
  }

  static async start(options: ServedTreeOptions): Promise<ServedTree> {
    return new ServedTree(options, await options.open());
  }

  get brick(): Brick {
    return this.#open.brick;
  }

  /** See `Xlator.trouble`. */
  get trouble(): string | undefined {
    return this.#watch.trouble;
  }

  /** See `Xlator.volumeId`. */
  async id(): Promise<Buffer> {
    await this.#watch.look();
    return this.#open.treeId;
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
    await this.#open.close();
  }

  async #replace(): Promise<void> {
    const before = this.#open;
    this.#open = await this.#options.open();
    const closed = before.close();
    this.#options.replaced(this.#open.brick);
    await closed;
  }
}
