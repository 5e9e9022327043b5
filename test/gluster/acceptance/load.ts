/** Clients that work on files of their own and know what was acknowledged to them. */
import { createHash } from 'node:crypto';
import type { NfsClient } from '../support/nfs-client.ts';

/** Random numbers that a seed makes, so that a run can be repeated. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 up to `limit`. */
  below(limit: number): number {
    // xorshift32 (Marsaglia 2003)
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state % limit;
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  bytes(length: number): Buffer {
    const seed = this.below(2 ** 31);
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0, i = 0; at < length; i++)
      at += createHash('sha256').update(`${seed} ${i}`).digest().copy(bytes, at);
    return bytes;
  }
}

interface FileNode {
  readonly handle: Buffer;
  data: Buffer;
  mode: number;
}

const FILES_MAX = 24;
const BYTES_MAX = 200_000;

/** One process of a client, with a directory of its own. What stands in `files` and `dirs` was acknowledged. */
export class Worker {
  readonly name: string;
  /** How many operations were acknowledged. */
  operations = 0;
  readonly files = new Map<string, FileNode>();
  readonly links = new Map<string, string>();
  readonly dirs = new Map<string, Buffer>();
  readonly #client: NfsClient;
  readonly #dice: Dice;
  #next = 0;
  #isStopped = false;

  constructor(name: string, client: NfsClient, seed: number) {
    this.name = name;
    this.#client = client;
    this.#dice = new Dice(seed * 7919 + 1);
  }

  async start(): Promise<void> {
    this.dirs.set('', await this.#client.mkdir(this.#client.root, this.name));
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Works until it is stopped, and may be run again then. Fails at the first status that is not NFS3_OK. */
  async run(): Promise<void> {
    this.#isStopped = false;
    while (!this.#isStopped) {
      await this.step();
      this.operations++;
    }
  }

  async step(): Promise<void> {
    const dice = this.#dice;
    const kinds = [
      'create',
      'create',
      'write',
      'write',
      'append',
      'read',
      'rename',
      'remove',
      'truncate',
      'chmod',
      'mkdir',
      'symlink',
      'list',
    ];
    const kind = this.files.size < 4 ? 'create' : this.files.size > FILES_MAX ? 'remove' : dice.of(kinds);
    const names = [...this.files.keys()];
    const name = names[dice.below(Math.max(1, names.length))];
    if (kind === 'create') return this.#create();
    if (kind === 'mkdir') return this.#mkdir();
    if (kind === 'symlink') return this.#symlink();
    if (kind === 'list') return this.#list(dice.of([...this.dirs.keys()]));
    if (name === undefined) return;
    const file = this.files.get(name)!;
    const [dir, base] = this.#placeOf(name);
    if (kind === 'read') {
      if (!(await this.#client.read(file.handle)).equals(file.data))
        throw new Error(`${this.name}/${name}: other bytes`);
    } else if (kind === 'write' || kind === 'append') {
      const offset = kind === 'append' ? file.data.length : dice.below(file.data.length + 1);
      await this.#write(file, dice.bytes(1 + dice.below(30_000)), offset);
    } else if (kind === 'truncate') {
      const size = dice.below(file.data.length + 1);
      await this.#client.setattr(file.handle, { size });
      file.data = file.data.subarray(0, size);
    } else if (kind === 'chmod') {
      const mode = 0o400 + dice.below(0o377);
      await this.#client.setattr(file.handle, { mode });
      file.mode = mode;
    } else if (kind === 'remove') {
      await this.#client.remove(dir, base);
      this.files.delete(name);
    } else if (kind === 'rename') {
      const target = dice.below(3) === 0 && names.length > 1 ? dice.of(names) : this.#newName();
      if (target === name) return;
      const [toDir, toBase] = this.#placeOf(target);
      await this.#client.rename(dir, base, toDir, toBase);
      this.files.delete(name);
      this.files.set(target, file);
    }
  }

  async #create(): Promise<void> {
    const name = this.#newName();
    const [dir, base] = this.#placeOf(name);
    const handle = await this.#client.create(dir, base, 0o644);
    const file: FileNode = { handle, data: Buffer.alloc(0), mode: 0o644 };
    this.files.set(name, file);
    await this.#write(file, this.#dice.bytes(this.#dice.below(this.#dice.below(4) === 0 ? BYTES_MAX : 4096)), 0);
  }

  /** Writes and commits, again if the server has forgotten in between what was not committed. */
  async #write(file: FileNode, bytes: Buffer, offset: number): Promise<void> {
    for (;;) {
      const before = await this.#client.write(file.handle, bytes, offset);
      if (bytes.length === 0 || before.equals(await this.#client.commit(file.handle))) break;
    }
    const data = Buffer.alloc(Math.max(file.data.length, offset + bytes.length));
    file.data.copy(data);
    bytes.copy(data, offset);
    file.data = data;
  }

  async #mkdir(): Promise<void> {
    if (this.dirs.size > 5) {
      const empty = [...this.dirs.keys()].find(dir => dir !== '' && !this.#hasEntries(dir));
      if (empty === undefined) return;
      await this.#client.rmdir(this.dirs.get('')!, empty);
      this.dirs.delete(empty);
      return;
    }
    const name = `d${this.#next++}`;
    this.dirs.set(name, await this.#client.mkdir(this.dirs.get('')!, name));
  }

  async #symlink(): Promise<void> {
    const old = this.links.size > 5 ? [...this.links.keys()][0] : undefined;
    if (old !== undefined) {
      await this.#client.remove(this.dirs.get('')!, old);
      this.links.delete(old);
      return;
    }
    const [name, target] = [`l${this.#next++}`, `target ${this.#next}`];
    await this.#client.symlink(this.dirs.get('')!, name, target);
    this.links.set(name, target);
  }

  async #list(dir: string): Promise<void> {
    const names = (await this.#client.list(this.dirs.get(dir)!)).map(({ name }) => name).sort();
    const expected = ['.', '..', ...this.entriesOf(dir)].sort();
    if (names.join() !== expected.join())
      throw new Error(`${this.name}/${dir} lists ${names.join()}, expected ${expected.join()}`);
  }

  /** The names in a directory. */
  entriesOf(dir: string): string[] {
    const prefix = dir === '' ? '' : `${dir}/`;
    const files = [...this.files.keys()].filter(
      name => name.startsWith(prefix) && !name.slice(prefix.length).includes('/'),
    );
    const others = dir === '' ? [...this.links.keys(), ...[...this.dirs.keys()].filter(name => name !== '')] : [];
    return [...files.map(name => name.slice(prefix.length)), ...others];
  }

  #hasEntries(dir: string): boolean {
    return this.entriesOf(dir).length > 0;
  }

  #newName(): string {
    const dir = this.#dice.of([...this.dirs.keys()]);
    return `${dir === '' ? '' : `${dir}/`}f${this.#next++}`;
  }

  #placeOf(name: string): [Buffer, string] {
    const at = name.lastIndexOf('/');
    return [this.dirs.get(at < 0 ? '' : name.slice(0, at))!, name.slice(at + 1)];
  }
}
