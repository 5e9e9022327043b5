/** Keeps working with the files of a directory while something is done to their volume. */
import type { NfsClient } from './nfs-client.ts';

/** The name of a file that is written all the time. */
export const LONG = 'long';

/** Works with files until it is told to stop, and knows what each must hold. */
export class Worker {
  readonly #nfs: NfsClient;
  readonly #dir: Buffer;
  readonly files = new Map<string, Buffer>();
  #turn = 0;
  #works = false;
  #done: Promise<void> = Promise.resolve();

  constructor(nfs: NfsClient, dir: Buffer) {
    this.#nfs = nfs;
    this.#dir = dir;
  }

  async make(name: string, data: Buffer): Promise<Buffer> {
    const handle = await this.#nfs.create(this.#dir, name);
    await this.#nfs.write(handle, data);
    this.files.set(name, data);
    return handle;
  }

  start(): void {
    this.#works = true;
    this.#done = this.#run();
  }

  /** How often it has been through all that it does. */
  get turns(): number {
    return this.#turn;
  }

  async stop(): Promise<void> {
    this.#works = false;
    await this.#done;
  }

  async #run(): Promise<void> {
    const handle = await this.#nfs.lookup(this.#dir, LONG);
    const large = this.files.get(LONG)!;
    while (this.#works) {
      const turn = ++this.#turn;
      const names = [...this.files.keys()];
      await this.make(`new-${turn}`, Buffer.from(`text ${turn}`));
      // Each name must be found, and lead to what was written.
      const name = names[(turn * 7) % names.length]!;
      await this.#check(name);
      const moved = names[(turn * 13) % names.length]!;
      if (moved !== LONG) {
        await this.#nfs.rename(this.#dir, moved, this.#dir, `moved-${turn}`);
        this.files.set(`moved-${turn}`, this.files.get(moved)!);
        this.files.delete(moved);
      }
      const at = (turn * 4096) % large.length;
      large.write(`turn ${turn}`, at);
      await this.#nfs.write(handle, large.subarray(at, at + 4096), at);
    }
  }

  async #check(name: string): Promise<void> {
    const data = await this.#nfs.read(await this.#nfs.lookup(this.#dir, name));
    const expected = this.files.get(name)!;
    if (!data.equals(expected)) throw new Error(`${name} has ${data.length} bytes, expected ${expected.length}`);
  }

  async checkAll(): Promise<void> {
    for (const name of this.files.keys()) await this.#check(name);
  }
}
