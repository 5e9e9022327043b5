/** Distributed volumes of bricks in memory, and what their bricks hold. */
import type { Test } from 'tap';
import { errnoOf } from '#src/errno.ts';
import type { Inode } from '#src/graph/inode.ts';
import { FileType } from '#src/graph/iatt.ts';
import { hashOf } from '#src/xlators/cluster/distribute/layout/hash.ts';
import { Layout, parseRange } from '#src/xlators/cluster/distribute/layout/layout.ts';
import { type Content, contentsOf } from '../../../support/memory/contents.ts';
import { Failing } from '../../../support/memory/failing.ts';
import { Memory } from '../../../support/memory/memory.ts';
import { volumeOf, xlatorOf } from '../../../support/graph.ts';
import { Hand } from '../../../suites/xlator/hand.ts';

/** The volfile of a distributed volume over so many bricks, each behind a connection that can break. */
export function distributed(
  count: number,
  kind: 'distribute' | 'nufa' | 'switch' = 'distribute',
  options: readonly string[] = [],
  store = '',
): string {
  const numbers = Array.from({ length: count }, (_, i) => i);
  const bricks = numbers.map(i =>
    [
      `volume m${i}`,
      '    type test/memory',
      ...(store === '' ? [] : [`    option store ${store}-${i}`]),
      'end-volume',
      `volume b${i}`,
      '    type test/failing',
      `    subvolumes m${i}`,
      'end-volume\n',
    ].join('\n'),
  );
  const top = [
    'volume dht',
    `    type cluster/${kind}`,
    ...options.map(option => `    option ${option}`),
    `    subvolumes ${numbers.map(i => `b${i}`).join(' ')}`,
    'end-volume\n',
  ];
  return [...bricks, ...top].join('\n');
}

let stores = 0;
/** A name for bricks that several graphs are clients of. */
export const newStore = (): string => `distribute-${process.pid}-${stores++}`;

/** One client of a distributed volume. */
export class Client {
  readonly hand: Hand;
  readonly count: number;
  readonly #stop: () => Promise<void>;

  constructor(hand: Hand, count: number, stop: () => Promise<void>) {
    this.hand = hand;
    this.count = count;
    this.#stop = stop;
  }

  static async of(t: Test, store: string, count = 3, options: readonly string[] = []): Promise<Client> {
    const volume = await volumeOf(t, distributed(count, 'distribute', options, store));
    await volume.top.ready();
    return new Client(new Hand(volume), count, () => volume.graph.stop());
  }

  brick(child: number): Failing {
    return xlatorOf(this.hand.top, `b${child}`, Failing);
  }

  /** The name of a child, which linkto files have in them. */
  childName(child: number): string {
    return `b${child}`;
  }

  get bricks(): Failing[] {
    return Array.from({ length: this.count }, (_, i) => this.brick(i));
  }

  /** All that a brick holds, by its paths. */
  contents(child: number): Record<string, Content> {
    return contentsOf(xlatorOf(this.hand.top, `m${child}`, Memory));
  }

  /** The layout of a directory, as the bricks have it. */
  layout(path: string): Layout {
    const parts = this.bricks.map((_, i) => {
      const content = this.contents(i)[path];
      if (content === undefined) return 'missing';
      const value = content.xattrs['trusted.glusterfs.dht'];
      return (value === undefined ? undefined : parseRange(Buffer.from(value, 'hex'))) ?? 'bare';
    });
    return new Layout(parts);
  }

  /** The first names of the form `PREFIXn` that belong to the child in that directory. */
  names(path: string, child: number, prefix: string, count = 1): string[] {
    const layout = this.layout(path);
    const found: string[] = [];
    for (let i = 0; found.length < count; i++) {
      if (layout.childFor(hashOf(`${prefix}${i}`)) === child) found.push(`${prefix}${i}`);
    }
    return found;
  }

  name(path: string, child: number, prefix: string): string {
    return this.names(path, child, prefix)[0]!;
  }

  /** The connections break all at once, as when the client is killed. */
  vanish(): void {
    for (const brick of this.bricks) brick.disconnect();
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  /** All below a directory by path: the text of a file, the target of a link, `undefined` for a directory. */
  async tree(inode: Inode, path = ''): Promise<Map<string, string | undefined>> {
    const { hand } = this;
    const found = new Map<string, string | undefined>();
    for (const { name } of await hand.names('readdirp', inode, 4096)) {
      if (name === '.' || name === '..') continue;
      const at = `${path}/${name}`;
      if (found.has(at)) throw new Error(`${at} is listed twice`);
      const child = await hand.lookup(inode, name);
      if (child.type === FileType.DIR) {
        found.set(at, undefined);
        for (const [below, text] of await this.tree(child, at)) found.set(below, text);
      } else if (child.type === FileType.LNK) {
        found.set(at, (await hand.top.readlink(hand.frame, child)).target);
      } else {
        found.set(at, await hand.content(child));
      }
    }
    return found;
  }

  /** Removes all below a directory. */
  async clear(inode: Inode): Promise<void> {
    const { top, frame } = this.hand;
    for (const { name } of await this.hand.names('readdirp', inode, 4096)) {
      if (name === '.' || name === '..') continue;
      const child = await this.hand.lookup(inode, name);
      if (child.type !== FileType.DIR) {
        await top.unlink(frame, inode, name);
        continue;
      }
      await this.remove(inode, name);
    }
  }

  /**
   * Removes a directory with all that is in it. A file that a vanished client was to overwrite may come to light when the
   * other one of its name is removed.
   */
  async remove(parent: Inode, name: string): Promise<void> {
    const { top, frame } = this.hand;
    const inode = await this.hand.lookup(parent, name);
    await this.clear(inode);
    try {
      await top.rmdir(frame, parent, name);
    } catch (error) {
      if (errnoOf(error) !== 'ENOTEMPTY') throw error;
      await this.clear(inode);
      await top.rmdir(frame, parent, name);
    }
  }
}
