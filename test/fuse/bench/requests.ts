/** Counts what the kernel asks the server of a mount for, so that a row shows that its operations reach the server. */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const BUFFER_KIB = 16 * 1024;

/** How many requests of each kind there were, such as GETATTR. The kernel tells of no FORGET. */
export type Requests = ReadonlyMap<string, number>;

/** The trace events of FUSE, in a buffer of their own beside that of the machine. */
export class Tracer {
  readonly #dir: string;
  readonly #event: string;

  private constructor(dir: string) {
    this.#dir = dir;
    this.#event = join(dir, 'events/fuse/fuse_request_send');
  }

  /** `undefined` on kernels before 6.11, which have no such events. The file system of events is mounted on `dir`. */
  static on(dir: string): Tracer | undefined {
    mkdirSync(dir);
    execFileSync('mount', ['-t', 'tracefs', 'tracefs', dir]);
    if (!existsSync(join(dir, 'events/fuse/fuse_request_send'))) return undefined;
    const own = join(dir, 'instances/bricknfs-mount-bench');
    if (existsSync(own)) rmdirSync(own); // left by a run that was killed, and outside of all namespaces
    mkdirSync(own);
    writeFileSync(join(own, 'buffer_size_kb'), `${BUFFER_KIB}`);
    return new Tracer(own);
  }

  end(): void {
    rmdirSync(this.#dir);
  }

  /** The requests for what is mounted on `mountpoint` while `run` runs. Each of them costs the one who asks a little. */
  async during(mountpoint: string, run: () => Promise<unknown>): Promise<Requests> {
    writeFileSync(join(this.#dir, 'trace'), '');
    // Mounts without a device have major number 0; the events have the number as the kernel keeps it.
    writeFileSync(join(this.#event, 'filter'), `connection == ${minor(statSync(mountpoint).dev)}`);
    writeFileSync(join(this.#event, 'enable'), '1');
    await run();
    writeFileSync(join(this.#event, 'enable'), '0');
    return this.#counted();
  }

  #counted(): Requests {
    const counts = new Map<string, number>();
    let kept = 0;
    for (const [, name] of readFileSync(join(this.#dir, 'trace'), 'latin1').matchAll(/\(FUSE_(\w+)\) len \d+ *$/gm)) {
      counts.set(name!, (counts.get(name!) ?? 0) + 1);
      kept++;
    }
    const stats = globSync(join(this.#dir, 'per_cpu/*/stats')).map(file => readFileSync(file, 'latin1'));
    const lost = stats.reduce((sum, text) => sum + Number(/^overrun: (\d+)/m.exec(text)![1]), 0);
    // A buffer that was too small has kept the last ones, which are like those before.
    for (const [name, count] of counts) counts.set(name, (count * (kept + lost)) / kept);
    return counts;
  }
}

const minor = (dev: number): number => (dev & 0xff) | ((dev >>> 12) & 0xfff00);
