/** The server under attack, as a process of its own, and what can be observed of it from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const ERROR = 50;

export interface Footprint {
  readonly rssBytes: number;
  readonly descriptors: number;
}

export class Server {
  readonly child: ChildProcess;
  readonly port: number;
  /** How many bytes it has written to its log. */
  logBytes = 0;
  logLines = 0;
  /** Lines of the log at level `error` and above, and output that is not a line of the log. */
  readonly errors: string[] = [];

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.port = port;
  }

  /** Serves `dir` as `/data` on 127.0.0.1 with two stages. `words` are added to the command `bricknfs serve`. */
  static async start(dir: string, stateDir: string, words: readonly string[]): Promise<Server> {
    const common = ['serve', dir, '--name', 'data', '--port', '0', '--insecure', '--stages', '2'];
    const argv = [MAIN, ...common, '--state-dir', stateDir, '--log-level', 'info', ...words];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const lines: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => lines.push(chunk));
    const port = await new Promise<number>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
        const found = /^bricknfs is serving on .*:(\d+)$/m.exec(said)?.[1];
        if (found !== undefined) resolve(Number(found));
      });
      child.once('close', () => reject(new Error(`the server ended: ${said}${lines.join('')}`)));
    });
    child.stderr.removeAllListeners('data');
    const server = new Server(child, port);
    let rest = '';
    child.stderr.on('data', (chunk: string) => {
      server.logBytes += Buffer.byteLength(chunk);
      const parts = (rest + chunk).split('\n');
      rest = parts.pop()!;
      for (const line of parts) server.#logged(line);
    });
    return server;
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  footprint(): Footprint {
    const { pid } = this.child;
    const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1];
    return { rssBytes: Number(rss) * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  }

  /** Stops the server and returns its exit code. */
  async stop(): Promise<number | null> {
    if (this.ended) return this.child.exitCode;
    const closed = once(this.child, 'close');
    this.child.kill('SIGTERM');
    const [code] = (await closed) as [number | null];
    return code;
  }

  #logged(line: string): void {
    this.logLines++;
    let level = ERROR;
    try {
      ({ level } = JSON.parse(line) as { level: number });
    } catch {
      // Something was written past the logger.
    }
    if (level >= ERROR && this.errors.length < 20) this.errors.push(line);
  }
}
