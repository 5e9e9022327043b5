/** One server after the other on the same port, directory and state. None of them lives long. */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../soak/model/random.ts';
import { type ServerOptions, ServerProcess } from '../../soak/model/server.ts';

/** How objects are found again: by the kernel's file handles, or, without the capability for these, by the index. */
export type Mode = 'handles' | 'index';

const WITHOUT_HANDLES = ['setpriv', '--inh-caps=-dac_read_search', '--bounding-set=-dac_read_search'];
/**
 * Ports below those that the kernel chooses for clients. A client that connects to one of the kernel's ports while no
 * server listens there can be given the same port, and is then connected to itself.
 */
const PORTS = { first: 20_000, last: 29_999 };
const STARTS_MAX = 20;
const STOP_MS_MAX = 11_000;

/** The options for a server whose volume is called `data`. */
export function modeOptions(mode: Mode): Pick<ServerOptions, 'before' | 'serve'> {
  if (mode === 'handles') return {};
  // A process without root has no capability to give up.
  return process.geteuid!() === 0 ? { before: WITHOUT_HANDLES } : { serve: ['--xlator-option', 'data-posix.index=on'] };
}

export type Ending = 'kill' | 'stop';

export class Lives {
  readonly dir: string;
  readonly stateDir: string;
  readonly #options: ServerOptions;
  readonly #random: Random;
  readonly port: number;
  /** How many servers have ended. */
  gone = 0;
  /** How many servers have ended or may end soon. */
  going = 0;
  kills = 0;
  /** How many were killed before they served. */
  earlyKills = 0;
  stops = 0;
  startMsMin = Infinity;
  startMsMax = 0;
  stopMsMax = 0;
  readonly failures: string[] = [];
  #server: ServerProcess | undefined;

  private constructor(dir: string, stateDir: string, options: ServerOptions, random: Random, port: number) {
    this.dir = dir;
    this.stateDir = stateDir;
    this.#options = { ...options, port };
    this.#random = random;
    this.port = port;
  }

  static async begin(dir: string, stateDir: string, options: ServerOptions, random: Random): Promise<Lives> {
    const lives = new Lives(dir, stateDir, options, random, await freePort(random));
    await lives.#start();
    return lives;
  }

  get server(): ServerProcess {
    return this.#server!;
  }

  get serving(): boolean {
    return this.#server?.ended === false;
  }

  /** Whether the server ended by itself. */
  get lost(): boolean {
    return this.#server?.ended === true;
  }

  /** Ends the server and starts the next. `early` servers are killed before they serve. */
  async next(ending: Ending, early = 0): Promise<void> {
    await this.end(ending);
    for (let i = 0; i < early; i++) {
      await this.#killEarly();
    }
    await this.#start();
  }

  async end(ending: Ending): Promise<void> {
    const { server } = this;
    this.#server = undefined;
    if (server.ended) this.failures.push(`a server ended by itself: ${server.lastLines.join('\n')}`);
    this.going++;
    if (ending === 'kill') {
      this.kills++;
      await server.kill();
    } else {
      this.stops++;
      const { code, ms } = await server.stop();
      this.stopMsMax = Math.max(this.stopMsMax, ms);
      if (code !== 0) this.failures.push(`SIGTERM: exit code ${code}: ${server.lastLines.join('\n')}`);
      if (ms > STOP_MS_MAX) this.failures.push(`SIGTERM: took ${ms} ms`);
    }
    this.gone++;
    this.failures.push(...server.errors.map(line => `logged: ${line}`));
  }

  /** Kills whatever runs, without checks. */
  async abandon(): Promise<void> {
    await this.#server?.kill();
  }

  async #start(): Promise<void> {
    const since = performance.now();
    this.#server = await ServerProcess.start(this.dir, this.stateDir, this.#options);
    const ms = performance.now() - since;
    this.startMsMin = Math.min(this.startMsMin, ms);
    this.startMsMax = Math.max(this.startMsMax, ms);
  }

  /** Starts a server and kills it at a random moment between its first instruction and its first call. */
  async #killEarly(): Promise<void> {
    this.earlyKills++;
    this.kills++;
    this.going++;
    const within = this.#random.below(this.startMsMin);
    let child: ChildProcess | undefined;
    const spawned = (one: ChildProcess) => (child = one);
    const starting = ServerProcess.start(this.dir, this.stateDir, { ...this.#options, spawned });
    // Ending before it serves is what was wanted.
    const outcome = starting.then(
      server => server,
      () => undefined,
    );
    await sleep(within);
    child!.kill('SIGKILL');
    await (await outcome)?.kill();
    this.gone++;
  }
}

async function freePort(random: Random): Promise<number> {
  for (let tries = 0; tries < STARTS_MAX; tries++) {
    const port = random.between(PORTS.first, PORTS.last);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${PORTS.first} to ${PORTS.last} in ${STARTS_MAX} tries`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = createServer()
      .once('error', () => resolve(false))
      .listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** What each descriptor of the server refers to. */
export function descriptorsOf({ child }: ServerProcess): string[] {
  const dir = `/proc/${child.pid}/fd`;
  return readdirSync(dir).flatMap(fd => {
    try {
      return [readlinkSync(join(dir, fd))];
    } catch {
      return []; // It was closed in the meantime.
    }
  });
}

/** The sizes of all files in `dir` together. */
export function bytesIn(dir: string): number {
  return readdirSync(dir).reduce(
    (sum, name) => sum + (statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}
