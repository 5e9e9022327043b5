/** Replicas over bricks in memory, each behind a connection that a test can break. */
import type { Test } from 'tap';
import { type Fop, type Fops, Stable, type WccReply } from '#src/graph/fops.ts';
import type { Fd } from '#src/graph/inode.ts';
import type { Registry } from '#src/graph/registry.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { envOf, frame, keptLog, TEST_XLATORS, volumeOf, xlatorOf } from '../../../support/graph.ts';
import { contentsOf } from '../../../support/memory/contents.ts';
import { Failing } from '../../../support/memory/failing.ts';
import { Memory } from '../../../support/memory/memory.ts';

/** The brick of an arbiter, which has names and attributes, but takes no data and tells no sizes. */
class Arbiter extends Xlator {
  static readonly children = [1, 1] as const;
  #done(fd: Fd): Promise<WccReply> {
    return this.fstat(frame, fd).then(() => ({ before: undefined, after: undefined }));
  }
  override async writev(...[, fd, data]: Parameters<Fops['writev']>) {
    if (data.length > 1) throw new Error(`an arbiter was sent ${data.length} bytes`);
    return { ...(await this.#done(fd)), count: data.length, stable: Stable.FILE_SYNC };
  }
  override truncate(...[, inode]: Parameters<Fops['truncate']>) {
    return this.#done(inode.fd);
  }
  override ftruncate(...[, fd]: Parameters<Fops['ftruncate']>) {
    return this.#done(fd);
  }
  override fallocate(...[, fd]: Parameters<Fops['fallocate']>) {
    return this.#done(fd);
  }
  override discard(...[, fd]: Parameters<Fops['discard']>) {
    return this.#done(fd);
  }
  override zerofill(...[, fd]: Parameters<Fops['zerofill']>) {
    return this.#done(fd);
  }
  override readv(): never {
    throw new Error('an arbiter is not read');
  }
}

const registry: Registry = { ...TEST_XLATORS, 'test/arbiter': async () => Arbiter };

function volfileOf(count: number, options: string, stores: string | undefined): string {
  const arbiter = options.includes('arbiter-count=1') ? count - 1 : -1;
  const brick = (i: number) => {
    const store = stores === undefined ? '' : ` option store ${stores}-${i}\n`;
    const failing = `volume brick-${i}\n type test/memory\n${store}end-volume\nvolume c-${i}\n type test/failing\n subvolumes brick-${i}\nend-volume\n`;
    if (i !== arbiter) return failing;
    return `${failing}volume a-${i}\n type test/arbiter\n subvolumes c-${i}\nend-volume\n`;
  };
  const bricks = Array.from({ length: count }, (_, i) => brick(i));
  const set = options
    .split(' ')
    .filter(option => option !== '')
    .map(option => ` option ${option.replace('=', ' ')}\n`);
  const children = bricks.map((_, i) => (i === arbiter ? `a-${i}` : `c-${i}`)).join(' ');
  return `${bricks.join('')}volume r\n type cluster/replicate\n${set.join('')} subvolumes ${children}\nend-volume\n`;
}

/** A volume of three replicas, or of `count`; two of the same `stores` are two clients of the same bricks. */
export async function replicas(t: Test, options = '', count = 3, stores?: string) {
  const { log, lines } = keptLog();
  const volume = await volumeOf(t, volfileOf(count, options, stores), { registry, env: envOf({ log }) });
  const { top } = volume;
  const connections = Array.from({ length: count }, (_, i) => xlatorOf(top, `c-${i}`, Failing));
  const bricks = Array.from({ length: count }, (_, i) => xlatorOf(top, `brick-${i}`, Memory));
  return {
    ...volume,
    frame,
    lines,
    connections,
    bricks,
    /** The calls to all bricks since the last time, as `fop×count` in the order of the alphabet. */
    calls: (): string => {
      const counts = new Map<Fop, number>();
      for (const { calls } of connections) {
        for (const { fop } of calls.splice(0)) counts.set(fop, (counts.get(fop) ?? 0) + 1);
      }
      return [...counts]
        .map(([fop, count]) => `${fop}×${count}`)
        .sort()
        .join(' ');
    },
    /** The counters of failures and dirty marks on each brick, as `path: attribute=value`. */
    marks: (): string[][] =>
      bricks.map(brick =>
        Object.entries(contentsOf(brick, name => name.startsWith('trusted.afr.'))).flatMap(([path, { xattrs }]) =>
          Object.entries(xattrs)
            .filter(([, value]) => /[^0]/.test(value))
            .map(([name, value]) => `${path}: ${name.slice('trusted.afr.'.length)}=${countersOf(value)}`),
        ),
      ),
    /** What the bricks keep, without the counters. */
    contents: () => bricks.map(brick => contentsOf(brick, name => !name.startsWith('trusted.afr.'))),
  };
}

export type Replicated = Awaited<ReturnType<typeof replicas>>;

const countersOf = (hex: string) =>
  hex
    .match(/.{8}/g)!
    .map(word => Number.parseInt(word, 16) | 0)
    .join();
