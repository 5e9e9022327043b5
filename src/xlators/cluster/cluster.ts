import type { GraphEvent } from '../../graph/event.ts';
import type { OptionTable } from '../../graph/options.ts';
import { FsError } from '../../errno.ts';
import { Xlator } from '../../graph/xlator.ts';

/** How long a child is waited for that does not say whether it is up, in milliseconds. */
const HEARD_MS = 3000;

/**
 * A layer over several children. It knows which of them are up, and is up itself when enough of them are. At the start
 * it waits until each has said how it is: a child that comes a moment later than the others would miss what they are
 * asked to do before.
 */
export abstract class Cluster<O extends OptionTable = OptionTable> extends Xlator<O> {
  static readonly children: readonly [number, number] = [1, Infinity];

  /** Whether each child is up, in the order of the children. */
  protected readonly up: boolean[] = this.children.map(() => false);
  /** `undefined` until it has told those above. */
  #serves: boolean | undefined;
  readonly #heard = new Set<number>();
  #timer: NodeJS.Timeout | undefined;

  /** Whether calls can be answered by the children that are up now. */
  protected abstract enough(): boolean;

  /** Called when a child has come up, again perhaps, or gone down. What is cached of its state no longer holds. */
  protected childChanged(_child: number): void {}

  /** All children belong to the same volume, so any of them can tell which it is. */
  override volumeId(): Promise<Buffer> {
    const child = this.children.find((_, i) => this.up[i]);
    if (child === undefined) return Promise.reject(new FsError('ENOTCONN', `ENOTCONN: no child of ${this.name} is up`));
    return child.volumeId();
  }

  /** Passes on what is of no single child. Of `child-up` and `child-down` it sends its own. */
  override notify(event: GraphEvent, from?: Xlator): void {
    const child = from === undefined ? -1 : this.children.indexOf(from);
    if (child < 0 || (event.kind !== 'child-up' && event.kind !== 'child-down')) {
      super.notify(event, from);
      if (event.kind === 'parent-up') this.#waitForAll();
      return;
    }
    this.up[child] = event.kind === 'child-up';
    this.#heard.add(child);
    this.childChanged(child);
    if (this.#heard.size === this.children.length || this.#serves !== undefined) this.#tell();
  }

  /** A layer that overrides this must call it. */
  override async fini(): Promise<void> {
    clearTimeout(this.#timer);
  }

  #waitForAll(): void {
    if (this.#serves === undefined) this.#timer ??= setTimeout(() => this.#tell(), HEARD_MS).unref();
  }

  #tell(): void {
    clearTimeout(this.#timer);
    const serves = this.enough();
    if (serves === this.#serves) return;
    this.#serves = serves;
    super.notify({ kind: serves ? 'child-up' : 'child-down' });
  }

  /** Makes a call to several children at the same time. Each has a result of its own, in the order of `children`. */
  protected ask<R>(
    children: readonly number[],
    call: (child: Xlator, i: number) => Promise<R>,
  ): Promise<PromiseSettledResult<R>[]> {
    // A child that throws in place of rejecting must not keep the answers of the others from being awaited.
    return Promise.allSettled(children.map(async i => call(this.children[i]!, i)));
  }
}
