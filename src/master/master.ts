import type { GraphEvent } from '../graph/event.ts';
import type { OptionTable } from '../graph/options.ts';
import { Xlator, type XlatorConfig } from '../graph/xlator.ts';
import type { Program } from '../rpcsvc/actor.ts';
import { Host } from './host.ts';
import { Subvolume } from './subvolume.ts';

/** How many unused inodes of each volume are remembered, unless an option says otherwise. */
const INODES = 15 * 32_768;

/**
 * Where calls come into a graph: nfs/server, and whatever else serves volumes. Its children are the volumes. A graph may
 * have several masters.
 */
export abstract class Master<O extends OptionTable = OptionTable> extends Xlator<O> {
  static readonly children: readonly [number, number] = [1, Infinity];
  static readonly isMaster = true;

  /** The volumes by their names. */
  readonly subvolumes = new Map<string, Subvolume>();
  protected readonly host: Host;

  constructor(config: XlatorConfig<O>) {
    super(config);
    const { host } = config.env;
    if (!(host instanceof Host)) throw new Error('expected an environment with a host for masters');
    this.host = host;
  }

  /** What it answers over RPC. */
  programs(): Program[] {
    return this.host.programsOf(this);
  }

  /** How many unused inodes of each volume are remembered. */
  protected get inodes(): number {
    return INODES;
  }

  override async init(): Promise<void> {
    const { host } = this;
    for (const child of this.children) {
      // The first that fails, in the volfile's order.
      const { stages = 1 } = this.env;
      const subvolume = await Subvolume.of(child, { host, log: this.log, inodes: this.inodes, stages });
      this.subvolumes.set(child.name, subvolume);
    }
  }

  override async ready(): Promise<void> {
    await Promise.all([...this.subvolumes.values()].map(subvolume => subvolume.ready()));
  }

  override notify(event: GraphEvent, from?: Xlator): void {
    const subvolume = from === undefined ? undefined : this.subvolumes.get(from.name);
    if (subvolume === undefined) super.notify(event, from);
    else subvolume.notify(event);
  }
}
