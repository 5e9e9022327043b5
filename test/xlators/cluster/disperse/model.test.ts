/** Random writes, cuts and reads of a file while bricks go away and come back, compared with a plain buffer. */
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { Stable } from '#src/graph/fops.ts';
import type { Inode } from '#src/graph/inode.ts';
import { Codec } from '#src/xlators/cluster/disperse/codec/codec.ts';
import { volumeOf, xlatorOf } from '../../../support/graph.ts';
import { Failing, type Planned } from '../../../support/memory/failing.ts';
import { Memory } from '../../../support/memory/memory.ts';
import { guarded, Hand } from '../../../suites/xlator/hand.ts';
import { bricks } from './bricks.ts';

const SIZE = 6000;

type Step =
  | { readonly do: 'write'; readonly offset: number; readonly length: number; readonly fill: number }
  | { readonly do: 'truncate' | 'zero' | 'discard'; readonly offset: number; readonly length: number }
  | { readonly do: 'read'; readonly offset: number; readonly length: number }
  /** Two overlapping writes and a read at the same time. */
  | { readonly do: 'race'; readonly offset: number; readonly length: number; readonly fill: number }
  | { readonly do: 'down' | 'fails' | 'up' | 'heal' | 'release'; readonly brick: number };

const offset = fc.integer({ min: 0, max: SIZE });
const length = fc.integer({ min: 1, max: 2500 });
const fill = fc.integer({ min: 1, max: 255 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), offset, length, fill }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('truncate', 'zero', 'discard'), offset, length }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), offset, length }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('race' as const), offset, length, fill }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('down', 'fails', 'up', 'heal', 'release'), brick: fc.nat(2) }),
  },
);

class Subject {
  readonly hand: Hand;
  readonly memories: readonly Memory[];
  readonly connections: readonly Failing[];
  inode!: Inode;
  model = Buffer.alloc(0);
  /** The brick that is away, or that has missed something since it was. */
  weak: number | undefined;
  isDown = false;
  #plan: Planned | undefined;
  readonly #codec: Codec;
  readonly #k: number;

  constructor(
    volume: ConstructorParameters<typeof Hand>[0] & Awaited<ReturnType<typeof volumeOf>>,
    n: number,
    k: number,
  ) {
    this.hand = new Hand(volume);
    const indexes = Array.from({ length: n }, (_, i) => i);
    this.memories = indexes.map(i => xlatorOf(volume.top, `m${i}`, Memory));
    this.connections = indexes.map(i => xlatorOf(volume.top, `b${i}`, Failing));
    this.#codec = new Codec(n, k);
    this.#k = k;
  }

  async run(one: Step): Promise<void> {
    const { top, frame } = this.hand;
    const { fd } = this.inode;
    switch (one.do) {
      case 'write':
        await this.#write(one.offset, Buffer.alloc(one.length, one.fill));
        break;
      case 'truncate':
        await top.truncate(frame, this.inode, one.offset);
        this.model = Buffer.concat([this.model, Buffer.alloc(one.offset)]).subarray(0, one.offset);
        break;
      case 'zero':
        await top.zerofill(frame, fd, one.offset, one.length);
        this.#put(one.offset, Buffer.alloc(one.length));
        break;
      case 'discard':
        await top.discard(frame, fd, one.offset, one.length);
        this.model.fill(
          0,
          Math.min(one.offset, this.model.length),
          Math.min(one.offset + one.length, this.model.length),
        );
        break;
      case 'read':
        await this.#check(one.offset, one.length);
        break;
      case 'race':
        await this.#race(one.offset, Buffer.alloc(one.length, one.fill));
        break;
      case 'down':
      case 'fails':
        this.#lose(one.brick, one.do);
        break;
      case 'up':
        this.#plan?.cancel();
        for (let turns = 0; turns < 10; turns++) await setImmediate(); // a call under way may still break the connection
        if (this.isDown) this.connections[this.weak!]!.connect();
        this.isDown = false;
        break;
      case 'heal':
        if (this.weak !== undefined && !this.isDown) await this.heal();
        break;
      case 'release':
        await this.release();
        break;
    }
  }

  async #write(at: number, data: Buffer): Promise<void> {
    const { top, frame } = this.hand;
    const { count } = await top.writev(frame, this.inode.fd, data, at, Stable.UNSTABLE);
    if (count !== data.length) throw new Error(`${count} bytes were written`);
    this.#put(at, data);
  }

  async #race(at: number, data: Buffer): Promise<void> {
    const { top, frame } = this.hand;
    const second = Buffer.alloc(data.length, 77);
    const [, , read] = await Promise.all([
      top.writev(frame, this.inode.fd, data, at, Stable.UNSTABLE),
      top.writev(frame, this.inode.fd, second, at + 100, Stable.UNSTABLE),
      top.readv(frame, this.inode.fd, data.length, at + 100),
    ]);
    this.#put(at, data);
    this.#put(at + 100, second);
    if (!read.data.equals(second)) throw new Error('a read overtook a write');
  }

  #put(at: number, data: Buffer): void {
    const size = Math.max(this.model.length, at + data.length);
    this.model = Buffer.concat([this.model, Buffer.alloc(size - this.model.length)]);
    data.copy(this.model, at);
  }

  /** One brick at a time goes away, and the next one only after it is healed. */
  #lose(brick: number, how: 'down' | 'fails'): void {
    if (this.isDown || (this.weak !== undefined && this.weak !== brick)) return;
    this.weak = brick;
    this.isDown = true;
    if (how === 'down') this.connections[brick]!.disconnect();
    else
      this.#plan = this.connections[brick]!.fail({
        fop: ['writev', 'xattrop', 'ftruncate', 'truncate', 'inodelk'],
        when: 'after',
        what: 'down',
      });
  }

  async #check(at: number, size: number): Promise<void> {
    const { top, frame } = this.hand;
    const { data, eof, iatt } = await top.readv(frame, this.inode.fd, size, at);
    const expected = this.model.subarray(at, at + size);
    if (!data.equals(expected)) throw new Error(`read ${at}+${size}: other bytes`);
    if (eof !== at + size >= this.model.length || iatt.size !== this.model.length)
      throw new Error('the end is elsewhere');
    const { size: found } = await top.stat(frame, this.inode);
    if (found !== this.model.length) throw new Error(`the size is ${found}, not ${this.model.length}`);
  }

  /** Makes the volume give its locks up, as another client does. */
  async release(): Promise<void> {
    const { top } = this.hand;
    top.notify({ kind: 'upcall', gfid: this.inode.gfid, about: 'contention' }, top.children[0]);
    top.notify({ kind: 'upcall', gfid: this.hand.root.gfid, about: 'contention' }, top.children[0]);
    for (let turns = 0; top.dump().locks !== 0; turns++) {
      if (turns > 1000) throw new Error('the locks are not given up');
      await setImmediate();
    }
  }

  #nodes() {
    return this.memories.map(memory => memory.tree.find(this.inode.gfid));
  }

  /** What the self-heal daemon does: it finds the stale brick by what is marked, and makes its fragment anew. */
  async heal(): Promise<void> {
    await this.release();
    const nodes = this.#nodes();
    const value = (i: number, key: string) => nodes[i]!.xattrs.get(`trusted.ec.${key}`)?.toString('hex') ?? '';
    const indexes = nodes.map((_, i) => i);
    const states = indexes.map(i => `${value(i, 'version')} ${value(i, 'size')}`);
    const good = indexes.filter(i => states.filter(state => state === states[i]).length >= this.#k);
    if (good.length < this.#k) throw new Error(`too few are good: ${states.join()}`);
    const stripe = this.#codec.stripe;
    const padded = Buffer.concat([this.model, Buffer.alloc((stripe - (this.model.length % stripe)) % stripe)]);
    const fresh = this.#codec.encode(padded);
    for (const i of good)
      if (!nodes[i]!.data.equals(fresh[i]!)) throw new Error(`brick ${i} counts as good, and has other data`);
    const isStale = good.length < nodes.length;
    const isMarked = good.some(i => /[1-9a-f]/.test(value(i, 'dirty')));
    if (isStale && !isMarked) throw new Error('the heal daemon would not find out that a brick is stale');
    const source = nodes[good[0]!]!;
    for (const i of indexes) {
      nodes[i]!.data = Buffer.from(fresh[i]!);
      for (const key of ['version', 'size'])
        nodes[i]!.xattrs.set(`trusted.ec.${key}`, source.xattrs.get(`trusted.ec.${key}`)!);
      nodes[i]!.xattrs.set('trusted.ec.dirty', Buffer.alloc(16));
    }
    this.weak = undefined;
  }

  async end(): Promise<void> {
    await this.run({ do: 'up', brick: 0 });
    await this.#check(0, this.model.length + 100);
    await this.heal();
    await this.#check(0, this.model.length + 100);
    await this.release();
  }
}

for (const [k, redundancy] of [
  [2, 1],
  [4, 2],
] as const) {
  t.test(`${k}+${redundancy}: the content is what was written, and a heal is possible`, async (t: Test) => {
    const n = k + redundancy;
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async steps => {
        const subject = new Subject(await volumeOf(t, bricks(n, redundancy)), n, k);
        const { top, frame, root, table } = subject.hand;
        subject.inode = table.link((await top.create(frame, root, 'f', guarded)).iatt, root, 'f');
        for (const one of steps) await subject.run(one);
        await subject.end();
        runs++;
      }),
      { numRuns: 60 },
    );
    t.ok(runs >= 60);
  });
}
