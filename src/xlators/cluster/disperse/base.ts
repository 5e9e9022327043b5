/** The parts of `cluster/disperse` and how they are made, and what it does when bricks come and go. */
import type { GraphEvent } from '../../../graph/event.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import type { ForeignTable } from '../../../graph/options.ts';
import { subtree } from '../../../graph/subtree.ts';
import type { DumpValues, Xlator, XlatorClass, XlatorConfig } from '../../../graph/xlator.ts';
import { VolfileError } from '../../../volfile/volfile-error.ts';
import { Cluster } from '../cluster.ts';
import { Attributes } from './attributes.ts';
import { brick, countOf, indexes } from './bricks.ts';
import { Data } from './data/data.ts';
import { Finder } from './find.ts';
import { Locks } from './lock/locks.ts';
import { DisperseListings } from './names/listings.ts';
import { Names } from './names/names.ts';
import { options } from './options.ts';
import { Volume } from './volume.ts';

const unused = (reason: string) => ({ unused: reason });
const HEALS = unused('the self-heal daemon heals what a brick has missed');

export abstract class DisperseBase extends Cluster<typeof options> {
  static readonly doc =
    "Keeps a fragment of each file on each brick. Any redundancy of the bricks may be lost. What a brick has missed is marked, and GlusterFS's self-heal daemon heals it.";
  static readonly options = options;
  static readonly foreign: ForeignTable = {
    'self-heal-daemon': HEALS,
    'iam-self-heal-daemon': HEALS,
    'background-heals': HEALS,
    'heal-wait-qlength': HEALS,
    'heal-timeout': HEALS,
    'shd-*': HEALS,
    'self-heal-window-size': HEALS,
    'cpu-extensions': unused('the arithmetic is compiled to WebAssembly'),
    'stripe-cache': unused('stripes are read again when only a part of them is written'),
    'ec-read-mask': unused('any brick that has the data may be read'),
  };
  static override readonly children = [3, 31] as const;
  protected readonly volume: Volume;
  protected readonly locks: Locks;
  protected readonly finder: Finder;
  protected readonly data: Data;
  protected readonly names: Names;
  protected readonly listings: DisperseListings;
  protected readonly attributes: Attributes;

  constructor(config: XlatorConfig<typeof options>) {
    super(config);
    const { name, children, log } = this;
    const redundancy = config.options.redundancy;
    if (redundancy * 2 >= children.length || children.length - redundancy > 16) {
      throw new VolfileError(
        this.where,
        `expected redundancy to be less than half of the subvolumes, and at most 16 more subvolumes than that, found ${redundancy} of ${children.length}`,
      );
    }
    this.volume = new Volume({
      name,
      children,
      redundancy,
      log,
      settings: () => this.options,
      missed: bricks => {
        for (const index of indexes(bricks)) this.listings.healthy.missed(index);
      },
      lost: () => super.notify({ kind: 'unstable-lost' }),
    });
    this.locks = new Locks(this.volume);
    this.finder = new Finder(this.volume, this.locks);
    this.data = new Data(this.volume, this.locks, this.slot);
    this.names = new Names(this.volume, this.locks, this.slot);
    this.listings = new DisperseListings(this.volume, this.locks, this.slot);
    this.attributes = new Attributes(this.volume, this.locks, this.finder);
  }

  override async init(): Promise<void> {
    const leaf = subtree(this).find(({ children, constructor }) => {
      const { namesItself } = constructor as unknown as XlatorClass;
      return children.length === 0 && namesItself === true;
    });
    if (leaf === undefined) return;
    throw new VolfileError(
      this.where,
      `expected bricks that take the gfids chosen for them, found ${leaf.name} of type ${leaf.type}`,
    );
  }

  override async fini(): Promise<void> {
    await super.fini();
    this.listings.close();
    await this.locks.close();
  }

  protected override enough(): boolean {
    return countOf(this.volume.up) >= this.volume.k;
  }

  protected override childChanged(child: number): void {
    const volume = this.volume;
    const wasUp = (volume.up & brick(child)) !== 0;
    const isUp = this.up[child]!;
    volume.up = isUp ? volume.up | brick(child) : volume.up & ~brick(child);
    if (isUp) void this.listings.healthy.cameUp(child);
    else this.listings.healthy.changed(child);
    // A brick that comes up again has dropped the locks of the connection before.
    if (wasUp) this.locks.changed(child, false);
    if (!isUp) return;
    this.locks.changed(child, true);
    this.data.bytes.completeAll();
  }

  override notify(event: GraphEvent, from?: Xlator): void {
    if (event.kind === 'upcall' && event.about === 'contention') this.locks.contention(event.gfid);
    super.notify(event, from);
  }

  override get cookieBits(): number {
    return this.listings.cookieBits;
  }

  override get trouble(): string | undefined {
    const { up, n } = this.volume;
    const down = n - countOf(up);
    return down === 0 ? undefined : `${down} of ${n} bricks are down`;
  }

  override dump(): DumpValues {
    const { up, n, k } = this.volume;
    return { bricks: n, enough: k, up: countOf(up), locks: this.locks.count, incomplete: this.data.bytes.incomplete };
  }

  override forget(inode: Inode): void {
    inode.slots[this.slot] = undefined;
  }

  override release(fd: Fd): void {
    fd.slots[this.slot] = undefined;
  }
}
