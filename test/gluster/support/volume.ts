/** Volumes of real GlusterFS that a test makes, breaks and removes. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { BED, gluster, HOST, sh } from './bed.ts';
import { type Brick, hasFailures, marksOf } from './bricks.ts';

/** The kinds of volumes: the words of `volume create`, the number of bricks, and options. */
export const KINDS = {
  distribute: { words: '', bricks: 3, options: {} },
  replicate: { words: 'replica 3', bricks: 3, options: {} },
  arbiter: { words: 'replica 3 arbiter 1', bricks: 3, options: {} },
  'distributed-replicate': { words: 'replica 3', bricks: 6, options: {} },
  disperse: { words: 'disperse 3 redundancy 1', bricks: 3, options: {} },
  'disperse-4+2': { words: 'disperse 6 redundancy 2', bricks: 6, options: {} },
  'disperse-8+3': { words: 'disperse 11 redundancy 3', bricks: 11, options: {} },
  sharded: { words: 'replica 3', bricks: 3, options: { 'features.shard': 'on', 'features.shard-block-size': '4MB' } },
  plain: { words: '', bricks: 1, options: {} },
} as const;
export type Kind = keyof typeof KINDS;

export const isReplicated = (kind: Kind): boolean => KINDS[kind].words.startsWith('replica');

/** What changes in GlusterFS is asked for so often, as nothing tells of it. */
const POLL_MS = 200;
const HEAL_MAX_MS = 120_000;
const HEAL_AGAIN_MS = 2000;
const START_MAX_MS = 60_000;
/** Until bricks have written what they know. */
const STATEDUMP_MS = 3000;
const DAEMON_LOG_LINES = 40;

let made = 0;

export class GlusterVolume {
  readonly name: string;
  readonly kind: Kind;
  bricks: readonly Brick[];

  private constructor(name: string, kind: Kind, bricks: readonly Brick[]) {
    this.name = name;
    this.kind = kind;
    this.bricks = bricks;
  }

  /** Notes that another directory has taken the place of a brick. */
  replaced(index: number, path: string): void {
    this.bricks = this.bricks.map(brick => (brick.index === index ? { index, path } : brick));
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
    // First the bricks that were killed are started, since their processes are stopped by their pids.
    await gluster(`volume start ${this.name} force`, `volume stop ${this.name} force`, `volume delete ${this.name}`);
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
    for (const until = Date.now() + START_MAX_MS; ;) {
      await gluster(`volume start ${this.name} force`);
      const missing = (await this.pids()).indexOf(undefined);
      if (missing < 0) return;
      // glusterd starts no brick of which it has not noticed yet that it has ended.
      if (Date.now() > until) throw new Error(`brick ${missing} of ${this.name} does not start`);
      await sleep(POLL_MS);
    }
  }

  async stop(): Promise<void> {
    await gluster(`volume stop ${this.name} force`);
  }

  /** The processes of the bricks in their order; `undefined` for one that does not run. */
  async pids(): Promise<(number | undefined)[]> {
    // `volume status` would take seconds on a busy machine.
    const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
    const commands = await Promise.all(pids.map(commandOf));
    return this.bricks.map(({ path }) => {
      const at = commands.findLastIndex(command => command.includes(`\0--brick-name\0${path}\0`));
      return at < 0 ? undefined : Number(pids[at]);
    });
  }

  /** Sends a signal to the process of a brick: SIGKILL as a crash does, SIGSTOP as a frozen machine does, SIGCONT. */
  async signal(brick: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const pid = (await this.pids())[brick];
    if (pid === undefined) throw new Error(`brick ${brick} of ${this.name} does not run`);
    process.kill(pid, signal);
    // On a busy machine it takes a while until the process has ended, or each of its threads has stopped.
    if (signal === 'SIGKILL') while ((await this.pids())[brick] === pid) await sleep(POLL_MS / 10);
    if (signal === 'SIGSTOP') while (!(await isStopped(pid))) await sleep(POLL_MS / 10);
  }

  /** The self-heal daemon heals one file after the other unless it is told otherwise. */
  async healFast(): Promise<void> {
    await this.set({ [`${this.#isReplicated ? 'cluster' : 'disperse'}.shd-max-threads`]: '8' });
  }

  /** What stands in the bricks' lists of what is to be healed, and whether it is in split-brain. */
  async unhealed(): Promise<readonly string[]> {
    const info = await sh('gluster', '--mode=script', 'volume', 'heal', this.name, 'info');
    const notConnected = /^Status: (?!Connected).*$/m.exec(info);
    const listed = listedIn(info);
    return notConnected === null ? listed : [notConnected[0], ...listed];
  }

  /** What the bricks cannot heal since they contradict each other. */
  async splitBrains(): Promise<readonly string[]> {
    if (!this.#isReplicated) return [];
    const info = await sh('gluster', '--mode=script', 'volume', 'heal', this.name, 'info', 'split-brain');
    return listedIn(info);
  }

  /**
   * Has the self-heal daemon begin at once, and waits until nothing is left to heal. `heal info` takes seconds of
   * processor time, so the lists of failures on the replicas' disks must be empty before it is asked. (Those of disperse
   * volumes also have what is being written.)
   */
  async healed(): Promise<void> {
    const until = Date.now() + HEAL_MAX_MS;
    for (let next = 0; ;) {
      if (Date.now() >= next) {
        // The daemon may not yet be connected to a brick that has just been started.
        await sh('gluster', '--mode=script', 'volume', 'heal', this.name).catch(() => {});
        next = Date.now() + HEAL_AGAIN_MS;
      }
      const isLate = Date.now() > until;
      if (isLate || !this.#isReplicated || this.bricks.every(brick => !hasFailures(brick))) {
        const left = await this.unhealed();
        if (left.length === 0) return;
        if (isLate) {
          const found = [this.#shown(left), ...(await this.#locks()), ...daemonLog()].join('\n');
          throw new Error(`not healed after ${HEAL_MAX_MS} ms:\n${found}`);
        }
      }
      await sleep(POLL_MS);
    }
  }

  get #isReplicated(): boolean {
    return isReplicated(this.kind);
  }

  #shown(left: readonly string[]): string {
    const shown = [...new Set(left)].slice(0, 10);
    return shown.map(listed => [listed, ...marksOf(this.bricks, listed)].join('\n  ')).join('\n');
  }

  /** The locks on the bricks, those that are waited for too, each with the path of its object. */
  async #locks(): Promise<readonly string[]> {
    const dir = '/run/gluster';
    const before = new Set(readdirSync(dir));
    await gluster(`volume statedump ${this.name}`);
    await sleep(STATEDUMP_MS);
    const dumps = readdirSync(dir).filter(name => name.includes('.dump.') && !before.has(name));
    return dumps.flatMap(name => [
      name,
      ...readFileSync(join(dir, name), 'latin1')
        .split('\n\n')
        .filter(section => /lk\[\d+\]\(/.test(section))
        .flatMap(section => section.split('\n').filter(line => /^path=|lk\[\d+\]\(/.test(line))),
    ]);
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

/** The end of what the self-heal daemon has logged. */
function daemonLog(): readonly string[] {
  return readFileSync(join(BED, 'log/glustershd.log'), 'latin1').split('\n').slice(-DAEMON_LOG_LINES);
}

/** The objects that `heal info` lists, as paths or as `<gfid:…>`, with what it says of them. */
const listedIn = (info: string): string[] =>
  info.split('\n').flatMap(line => (/^(\/|<gfid:)/.test(line) ? [line.trimEnd()] : []));

async function isStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(threads.map(thread => readFile(`/proc/${pid}/task/${thread}/status`, 'utf8')));
  return states.every(status => /^State:\s+T/m.test(status));
}

/** The command line of a process, with a NUL after each word; nothing if it has ended. */
const commandOf = (pid: string): Promise<string> => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
