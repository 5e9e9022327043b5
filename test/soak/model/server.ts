/** The server under test: a process of its own, which is observed from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ask } from '#src/cli/control-client.ts';
import type { StatusReport } from '#src/server/control/report.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
/** Spoils buffers that the server has given back, so that it shows when it still reads one. */
const SPOILED = ['--import', new URL('../../support/spoil.ts', import.meta.url).href];
const ERROR = 50;
const WARNING = 40;
const KEPT_MAX = 20;
const LAST_LINES = 5;

/** How much the server has to do at a moment. */
export interface Load {
  readonly calls: number;
  /** The number of names in the users' directories. */
  readonly names: number;
}

export interface Sample extends Load {
  readonly rssBytes: number;
  /** The used size of the heaps of all stages together, and their buffers outside of the heaps. */
  readonly heapBytes: number;
  readonly bufferBytes: number;
  readonly descriptors: number;
  readonly inodes: number;
}

export interface ServerOptions {
  readonly stages: number;
  /** More options for the server and for Node.js. */
  readonly serve?: readonly string[];
  readonly node?: readonly string[];
  /** The port to listen on. Any port by default. */
  readonly port?: number;
  /** Words before the command, such as `setpriv` with its options. */
  readonly before?: readonly string[];
  /** Called with the process before it serves. */
  readonly spawned?: (child: ChildProcess) => void;
}

export class ServerProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly #control: string;
  readonly #exited: Promise<number | null>;
  /** Lines of the log at level 50 (error) and above. */
  readonly errors: string[] = [];
  /** How often each warning was logged. */
  readonly warnings = new Map<string, number>();
  /** Whether the process has ended, on request or by itself. */
  ended = false;
  /** The last lines of its log, which tell why it ended. */
  readonly lastLines: string[] = [];

  private constructor(child: ChildProcess, port: number, control: string, exited: Promise<number | null>) {
    this.child = child;
    this.port = port;
    this.#control = control;
    this.#exited = exited;
    void exited.then(() => (this.ended = true));
  }

  /** Starts a server that serves `dir`. */
  static async start(dir: string, stateDir: string, options: ServerOptions): Promise<ServerProcess> {
    const { stages, serve = [], node = [], port = 0, before: first = [] } = options;
    const control = join(stateDir, 'control');
    const where = ['--port', `${port}`, '--state-dir', stateDir, '--control', control];
    const argv = [...node, ...SPOILED, MAIN, 'serve', dir, '--insecure', ...where, '--stages', `${stages}`, ...serve];
    const [command, ...words] = [...first, process.execPath, ...argv];
    const child = spawn(command!, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    options.spawned?.(child);
    const exited = once(child, 'close').then(([code]) => code as number | null);
    const serving = Promise.withResolvers<number>();
    createInterface(child.stdout).on('line', line => {
      const port = /^bricknfs is serving on .*:(\d+)$/.exec(line)?.[1];
      if (port !== undefined) serving.resolve(Number(port));
    });
    let said = '';
    const before = (chunk: Buffer) => (said += chunk.toString());
    child.stderr.on('data', before);
    void exited.then(() => serving.reject(new Error(`the server ended: ${said}`)));
    const server = new ServerProcess(child, await serving.promise, control, exited);
    child.stderr.off('data', before);
    createInterface(child.stderr).on('line', line => server.#logged(line));
    return server;
  }

  async sample(load: Load): Promise<Sample> {
    const { memory, volumes } = await ask<StatusReport>({ control: this.#control }, 'status');
    const { pid } = this.child;
    const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1];
    return {
      ...load,
      rssBytes: Number(rss) * 1024,
      heapBytes: memory.heapBytes,
      bufferBytes: memory.bufferBytes,
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      inodes: volumes.reduce((sum, { inodes }) => sum + inodes.inodes, 0),
    };
  }

  /** Stops the server. Returns its exit code, and how long it took to end. */
  async stop(): Promise<{ code: number | null; ms: number }> {
    const since = performance.now();
    this.child.kill('SIGTERM');
    const code = await this.#exited;
    return { code, ms: Math.round(performance.now() - since) };
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#exited;
  }

  #logged(line: string): void {
    this.lastLines.push(line);
    if (this.lastLines.length > LAST_LINES) this.lastLines.shift();
    let level: number;
    let msg: string;
    try {
      ({ level, msg } = JSON.parse(line) as { level: number; msg: string });
    } catch {
      level = ERROR; // This is not a line of the log: something was written past the logger.
      msg = line;
    }
    if (level >= ERROR) {
      if (this.errors.length < KEPT_MAX) this.errors.push(line);
    } else if (level >= WARNING) {
      this.warnings.set(msg, (this.warnings.get(msg) ?? 0) + 1);
    }
  }
}
