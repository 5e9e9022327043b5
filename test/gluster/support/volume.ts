/** Volumes of real GlusterFS that a test makes, breaks and removes. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { BED, gluster, HOST, sh } from './bed.ts';

/** The kinds of volumes: the words of `volume create`, the number of bricks, and options. */
export const KINDS = {
  distribute: { words: '', bricks: 3, options: {} },
  replicate: { words: 'replica 3', bricks: 3, options: {} },
  arbiter: { words: 'replica 3 arbiter 1', bricks: 3, options: {} },
  'distributed-replicate': { words: 'replica 3', bricks: 6, options: {} },
  disperse: { words: 'disperse 3 redundancy 1', bricks: 3, options: {} },
  sharded: { words: 'replica 3', bricks: 3, options: { 'features.shard': 'on', 'features.shard-block-size': '4MB' } },
  plain: { words: '', bricks: 1, options: {} },
} as const;
export type Kind = keyof typeof KINDS;

/** What changes in GlusterFS is asked for so often, as nothing tells of it. */
const POLL_MS = 200;
const HEAL_MAX_MS = 120_000;

export interface Brick {
  /** Its number in the volume, from 0. */
  readonly index: number;
  readonly path: string;
}

let made = 0;

export class GlusterVolume {
  readonly name: string;
  readonly kind: Kind;
  readonly bricks: readonly Brick[];

  private constructor(name: string, kind: Kind, bricks: readonly Brick[]) {
    this.name = name;
    this.kind = kind;
    this.bricks = bricks;
  }

  /** Makes and starts a volume with options of `volume set`. */
  static async make(kind: Kind, options: Readonly<Record<string, string>> = {}): Promise<GlusterVolume> {
    const { words, bricks: count, options: own } = KINDS[kind];
    const name = `v${++made}`;
    const bricks = Array.from({ length: count }, (_, index) => ({
      index,
      path: join(BED, 'bricks', `${name}-${index}`),
    }));
    const paths = bricks.map(({ path }) => `${HOST}:${path}`).join(' ');
    const sets = Object.entries({ ...own, ...options }).map(([key, value]) => `volume set ${name} ${key} ${value}`);
    await gluster(`volume create ${name} ${words} ${paths} force`, ...sets, `volume start ${name}`);
    return new GlusterVolume(name, kind, bricks);
  }

  /** Makes a volume that is removed when the test ends. */
  static async for(t: Test, kind: Kind, options: Readonly<Record<string, string>> = {}): Promise<GlusterVolume> {
    const volume = await GlusterVolume.make(kind, options);
    t.teardown(() => volume.remove());
    return volume;
  }

  async remove(): Promise<void> {
    await this.start(); // the bricks that were killed, since their processes are stopped by their pids
    await gluster(`volume stop ${this.name} force`, `volume delete ${this.name}`);
  }

  /** The volfile that glusterd gives to clients of this machine. It holds a password. */
  volfile(): string {
    return readFileSync(join(BED, 'glusterd/vols', this.name, `trusted-${this.name}.tcp-fuse.vol`), 'utf8');
  }

  async set(options: Readonly<Record<string, string>>): Promise<void> {
    await gluster(...Object.entries(options).map(([key, value]) => `volume set ${this.name} ${key} ${value}`));
  }

  /** Starts the bricks that do not run, each on another port than before. Those that run are not harmed. */
  async start(): Promise<void> {
    await gluster(`volume start ${this.name} force`);
  }

  async stop(): Promise<void> {
    await gluster(`volume stop ${this.name} force`);
  }

  /** The processes of the bricks in their order; `undefined` for one that does not run. */
  async pids(): Promise<(number | undefined)[]> {
    const status = await sh('gluster', '--mode=script', '--xml', 'volume', 'status', this.name);
    const nodes = status.split('<node>').slice(1);
    return this.bricks.map(({ path }) => {
      const node = nodes.find(text => text.includes(`<path>${path}</path>`));
      const pid = Number(/<pid>(-?\d+)<\/pid>/.exec(node ?? '')?.[1] ?? -1);
      return pid > 0 ? pid : undefined;
    });
  }

  /** Sends a signal to the process of a brick: SIGKILL as a crash does, SIGSTOP as a frozen machine does, SIGCONT. */
  async signal(brick: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const pid = (await this.pids())[brick];
    if (pid === undefined) throw new Error(`brick ${brick} of ${this.name} does not run`);
    process.kill(pid, signal);
  }

  /** What stands in the bricks' lists of what is to be healed, and whether it is in split-brain. */
  async unhealed(): Promise<readonly string[]> {
    const info = await sh('gluster', '--mode=script', 'volume', 'heal', this.name, 'info');
    const notConnected = /^Status: (?!Connected).*$/m.exec(info);
    const listed = info.split('\n').filter(line => /^(\/|<gfid:)/.test(line));
    return notConnected === null ? listed : [notConnected[0], ...listed];
  }

  /** What the bricks cannot heal since they contradict each other. */
  async splitBrains(): Promise<readonly string[]> {
    if (!KINDS[this.kind].words.startsWith('replica')) return [];
    const info = await sh('gluster', '--mode=script', 'volume', 'heal', this.name, 'info', 'split-brain');
    return info.split('\n').filter(line => /^(\/|<gfid:)/.test(line));
  }

  /** Has the self-heal daemon begin at once, and waits until nothing is left to heal. */
  async healed(): Promise<void> {
    const until = Date.now() + HEAL_MAX_MS;
    for (let turn = 0; ; turn++) {
      // The daemon may not yet be connected to a brick that has just been started.
      if (turn % 10 === 0) await sh('gluster', '--mode=script', 'volume', 'heal', this.name).catch(() => {});
      const left = await this.unhealed();
      if (left.length === 0) return;
      if (Date.now() > until) throw new Error(`not healed after ${HEAL_MAX_MS} ms: ${left.slice(0, 20).join(', ')}`);
      await sleep(POLL_MS);
    }
  }

  /** Mounts the volume with GlusterFS's own client until the test ends. */
  async mount(t: Test, ...options: readonly string[]): Promise<string> {
    const dir = join(BED, `mnt-${this.name}-${++made}`);
    mkdirSync(dir);
    const words = options.length === 0 ? [] : ['-o', options.join(',')];
    await sh('mount', '-t', 'glusterfs', ...words, `${HOST}:/${this.name}`, dir);
    t.teardown(() => sh('umount', '-l', dir));
    return dir;
  }

  /** How often each fop came to the bricks since it was last asked: all bricks together. */
  async profile(): Promise<ReadonlyMap<string, number>> {
    const info = await gluster(`volume profile ${this.name} info incremental`);
    const counts = new Map<string, number>();
    const row = /^ +[\d.]+(?: +[\d.]+ [a-z]+){3} +(\d+) +([A-Z]+)$/gm;
    for (const [, calls, fop] of info.matchAll(row)) counts.set(fop!, (counts.get(fop!) ?? 0) + Number(calls));
    return counts;
  }

  async startProfile(): Promise<void> {
    await gluster(`volume profile ${this.name} start`);
    await this.profile();
  }
}
