import type { GraphEvent } from '../../graph/event.ts';
import type { OptionTable } from '../../graph/options.ts';
import { FsError } from '../../errno.ts';
import { Xlator } from '../../graph/xlator.ts';

/** A layer over several children. It knows which of them are up, and is up itself when enough of them are. */
export abstract class Cluster<O extends OptionTable = OptionTable> extends Xlator<O> {
  static readonly children: readonly [number, number] = [1, Infinity];

  /** Whether each child is up, in the order of the children. */
  protected readonly up: boolean[] = this.children.map(() => false);
  #serves = false;

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
      return;
    }
    this.up[child] = event.kind === 'child-up';
    this.childChanged(child);
    if (this.enough() === this.#serves) return;
    this.#serves = !this.#serves;
    super.notify({ kind: this.#serves ? 'child-up' : 'child-down' });
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
