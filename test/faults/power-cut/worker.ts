/** A worker that works until the power is cut, and remembers what it was promised. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createmode3, nfsstat3 as S, stable_how } from '#protocols/nfs3/constants.ts';
import type { fattr3 } from '#protocols/nfs3/types.ts';
import { holds, Mismatch, same, statusName, statusOf } from '../../soak/model/answer.ts';
import type { Caller } from '../../soak/model/caller.ts';
import { NOTHING } from '../../soak/model/worker.ts';
import { NFS3 } from '../../soak/procedures.ts';
import { History, type Thing } from './history.ts';
import { ANY, type Names, namesOn, shown } from './namespace.ts';
import { Promised } from './promised.ts';

const NAMES = Array.from({ length: 16 }, (_, i) => `name-${i}`);
const DIRS = ['d0', 'd1'];
const MODES = [0o600, 0o640, 0o644, 0o755, 0o700];
const EXCLUSIVE_MODE = 0o1000;
const FILE_BYTES_MAX = 40_000;
const WRITE_BYTES_MAX = 9000;
const JUKEBOX_MS = 20;
const JUKEBOX_TRIES_MAX = 500;

export interface Promise3 {
  /** Whether changes of metadata are promised (`option sync-metadata on`). */
  readonly metadata: boolean;
  /** Whether the worker ever asks for data to be on the disk. */
  readonly syncs: boolean;
}

export class CutWorker {
  readonly #name: string;
  readonly #home: Buffer;
  readonly #promise: Promise3;
  caller!: Caller;
  #things = new Map<string, Thing>();
  readonly #history = new History();
  /** The objects that each path may lead to after a cut. */
  #survivors = new Map<string, Thing[]>();

  constructor(name: string, home: Buffer, promise: Promise3) {
    this.#name = name;
    this.#home = home;
    this.#promise = promise;
    this.#history.begin(new Map(), this.#things);
  }

  /** How many answered changes of names were lost by cuts. */
  get lost(): number {
    return this.#history.lost;
  }

  /** Takes a random step. @throws {Error} if the connection ends */
  async step(): Promise<void> {
    const { random } = this.caller;
    const kinds: readonly (readonly [weight: number, step: () => Promise<unknown>])[] = [
      [5, () => this.#write()],
      [this.#promise.syncs ? 2 : 0, () => this.#commit()],
      [1, () => this.#truncate()],
      [1, () => this.#mode()],
      [1, () => this.#link()],
      [2, () => this.#create()],
      [1, () => this.#exclusive()],
      [1, () => this.#mkdir()],
      [1, () => this.#symlink()],
      [2, () => this.#rename()],
      [2, () => this.#remove()],
    ];
    await random.pick(kinds.flatMap(([weight, step]) => Array<typeof step>(weight).fill(step)))();
  }

  // The steps. Each change of names is noted as `next` before it is sent, and again when it is answered.

  async #write(): Promise<void> {
    const file = this.#pick('f')?.[1];
    if (file === undefined) return;
    const { random } = this.caller;
    const offset = random.below(Math.min(file.bytes.now.length + 5000, FILE_BYTES_MAX));
    const data = random.bytes(random.between(1, WRITE_BYTES_MAX));
    const stable = this.#promise.syncs ? random.pick(Object.values(stable_how)) : stable_how.UNSTABLE;
    const at = this.#history.now;
    const grows = offset + data.length > file.bytes.now.length;
    file.bytes.sendingWrite(offset, data);
    file.verf = undefined; // The verifier was kept in the times, which the change has replaced.
    const args = { file: file.handle, offset, count: data.length, stable, data };
    const done = await this.caller.expect(NFS3.WRITE, args, S.NFS3_OK);
    if (done.status !== S.NFS3_OK) return;
    same(done.count, data.length, 'WRITE: count');
    holds(done.committed >= stable, 'WRITE: committed less than was asked for');
    file.bytes.wrote(offset, data, stable !== stable_how.UNSTABLE, stable === stable_how.FILE_SYNC);
    if (grows) file.changedAt = at;
    if (stable === stable_how.FILE_SYNC) this.#synced(file);
  }

  async #commit(): Promise<void> {
    const file = this.#pick('f')?.[1];
    if (file === undefined) return;
    await this.caller.expect(NFS3.COMMIT, { file: file.handle, offset: 0, count: 0 }, S.NFS3_OK);
    file.bytes.committed();
    this.#synced(file);
  }

  #synced({ changedAt = 0 }: Thing): void {
    this.#history.sure(changedAt);
  }

  async #truncate(): Promise<void> {
    const file = this.#pick('f')?.[1];
    if (file === undefined || file.verf) return;
    const size = this.caller.random.below(FILE_BYTES_MAX);
    file.bytes.sendingSize(size);
    await this.#setattr(file, { size });
    file.bytes.setSize(size, this.#promise.metadata);
  }

  async #mode(): Promise<void> {
    const thing = this.#pick('f', 'd')?.[1];
    if (thing === undefined) return;
    const mode = this.caller.random.pick(MODES);
    const names = new Map(this.#history.names);
    for (const [path, one] of this.#things) if (one === thing) names.set(path, shown(thing.type, thing.fileid, mode));
    thing.verf = undefined;
    await this.#change(
      names,
      () => this.#setattr(thing, { mode }),
      () => (thing.mode = mode),
    );
  }

  async #setattr({ handle }: Thing, attributes: object): Promise<void> {
    const args = { object: handle, new_attributes: { ...NOTHING, ...attributes }, guard: undefined };
    await this.caller.expect(NFS3.SETATTR, args, S.NFS3_OK);
  }

  async #create(): Promise<void> {
    const mode = this.caller.random.pick(MODES);
    const how = { mode: createmode3.GUARDED, obj_attributes: { ...NOTHING, mode } };
    await this.#make('f', mode, where => this.caller.expect(NFS3.CREATE, { where, how }, S.NFS3_OK));
  }

  async #exclusive(): Promise<void> {
    const verf = this.caller.random.bytes(8);
    const how = { mode: createmode3.EXCLUSIVE, verf };
    const made = await this.#make('f', EXCLUSIVE_MODE, where => {
      return this.caller.expect(NFS3.CREATE, { where, how }, S.NFS3_OK);
    });
    if (made) made.verf = verf;
  }

  async #mkdir(): Promise<void> {
    const name = this.caller.random.pick(DIRS);
    if (this.#things.has(name)) return;
    const mode = this.caller.random.pick([0o700, 0o755]);
    const attributes = { ...NOTHING, mode };
    await this.#make('d', mode, where => this.caller.expect(NFS3.MKDIR, { where, attributes }, S.NFS3_OK), name);
  }

  async #symlink(): Promise<void> {
    const symlink = { symlink_attributes: NOTHING, symlink_data: 'target' };
    await this.#make('l', 0o777, where => this.caller.expect(NFS3.SYMLINK, { where, symlink }, S.NFS3_OK));
  }

  async #make(type: Thing['type'], mode: number, call: (where: Where) => Promise<unknown>, as?: string) {
    const path = as ?? this.#free();
    if (path === undefined) return undefined;
    const names = new Map(this.#history.names).set(path, shown(type, ANY, mode));
    let thing: Thing | undefined;
    const making = async () => {
      const { obj, obj_attributes } = (await call(this.#where(path))) as { obj?: Buffer; obj_attributes?: fattr3 };
      const { fileid } = obj_attributes!;
      thing = { type, mode, fileid, handle: Buffer.from(obj!), bytes: new Promised() };
      names.set(path, shown(type, fileid, mode));
    };
    await this.#change(names, making, () => this.#things.set(path, thing!));
    if (thing) thing.changedAt = this.#history.now;
    return thing;
  }

  async #link(): Promise<void> {
    const found = this.#pick('f');
    const path = this.#free();
    if (found === undefined || path === undefined) return;
    const [, file] = found;
    const names = new Map(this.#history.names).set(path, shown('f', file.fileid, file.mode));
    const args = { file: file.handle, link: this.#where(path) };
    const call = () => this.caller.expect(NFS3.LINK, args, S.NFS3_OK);
    await this.#change(names, call, () => this.#things.set(path, file));
  }

  async #rename(): Promise<void> {
    const found = this.#pick('f', 'l');
    const to = this.caller.random.chance(0.5) ? this.#free() : this.#pick('f', 'l')?.[0];
    if (found === undefined || to === undefined) return;
    const [from, thing] = found;
    if (this.#things.get(to) === thing) return;
    const names = new Map(this.#history.names);
    names.set(to, names.get(from)!).delete(from);
    const args = { from: this.#where(from), to: this.#where(to) };
    const call = () => this.caller.expect(NFS3.RENAME, args, S.NFS3_OK);
    await this.#change(names, call, () => this.#things.set(to, thing).delete(from));
  }

  async #remove(): Promise<void> {
    const found = this.#pick('f', 'd', 'l');
    if (found === undefined) return;
    const [path, { type }] = found;
    if ([...this.#things.keys()].some(other => other.startsWith(`${path}/`))) return;
    const names = new Map(this.#history.names);
    names.delete(path);
    const procedure = type === 'd' ? NFS3.RMDIR : NFS3.REMOVE;
    const call = () => this.caller.expect(procedure, { object: this.#where(path) }, S.NFS3_OK);
    await this.#change(names, call, () => this.#things.delete(path));
  }

  /** Makes a change of names. `done` does to the objects what `next` does to their names. */
  async #change(next: Names, call: () => Promise<unknown>, done: () => void): Promise<void> {
    this.#history.sending(next);
    await call();
    done();
    this.#history.answered(next, this.#things);
    if (this.#promise.metadata) this.#history.sure(this.#history.now);
  }

  #pick(...types: Thing['type'][]): [string, Thing] | undefined {
    const fitting = [...this.#things].filter(([, { type }]) => types.includes(type));
    return fitting.length === 0 ? undefined : this.caller.random.pick(fitting);
  }

  #free(): string | undefined {
    const dirs = ['', ...[...this.#things].filter(([, { type }]) => type === 'd').map(([path]) => `${path}/`)];
    const path = `${this.caller.random.pick(dirs)}${this.caller.random.pick(NAMES)}`;
    return this.#things.has(path) ? undefined : path;
  }

  #where(path: string): Where {
    const slash = path.indexOf('/');
    const dir = slash < 0 ? this.#home : this.#things.get(path.slice(0, slash))!.handle;
    return { dir, name: path.slice(slash + 1) };
  }

  // The checks after a cut.

  /** Compares with the disk below `path`. @throws {Mismatch} if something promised is missing */
  compareWithDisk(path: string): void {
    const home = `${path}/${this.#name}`;
    const found = namesOn(home);
    this.#survivors = this.#history.match(found, home);
    for (const [path, things] of this.#survivors) {
      const good = things.filter(thing => thing.type !== 'f' || this.#isAsPromised(thing, `${home}/${path}`, things));
      this.#survivors.set(path, good);
    }
    this.#history.begin(found, new Map());
  }

  #isAsPromised(thing: Thing, path: string, { length }: readonly unknown[]): boolean {
    try {
      thing.bytes.check(readFileSync(path), path);
      return true;
    } catch (error) {
      if (length === 1) throw error;
      return false;
    }
  }

  /**
   * Checks that every handle is valid, and that each exclusive creation still belongs to the worker. `path` is as
   * above. @throws {Mismatch}
   */
  async compareHandles(path: string): Promise<void> {
    this.#things = new Map();
    for (const [name, things] of this.#survivors) {
      const what = `${this.#name}/${name}`;
      const thing = await this.#whose(things, what);
      const text = this.#history.names.get(name)!;
      thing.mode = Number.parseInt(text.split(' ')[2]!, 8) || thing.mode;
      thing.changedAt = 0;
      this.#things.set(name, thing);
    }
    for (const [name, thing] of this.#things) {
      if (thing.type === 'f') thing.bytes.adopt(readFileSync(`${path}/${this.#name}/${name}`));
      if (thing.verf !== undefined && thing.mode === EXCLUSIVE_MODE) await this.#createAgain(name, thing);
    }
    await this.#meet(`${path}/${this.#name}`);
    this.#history.begin(this.#history.names, this.#things);
  }

  async #whose(things: readonly Thing[], what: string): Promise<Thing> {
    let status: number | undefined;
    for (const thing of things) {
      const found = await this.#patiently(() => this.caller.call(NFS3.GETATTR, { object: thing.handle }));
      status = statusOf(found);
      if (found.status !== S.NFS3_OK) continue;
      same(found.obj_attributes.fileid, thing.fileid, `${what}: file id`);
      return thing;
    }
    throw new Mismatch(`the handle of ${what}: ${status === undefined ? 'not as promised' : statusName(status)}`);
  }

  async #createAgain(name: string, { bytes, verf, handle }: Thing): Promise<void> {
    if (bytes.now.length > 0) return;
    const how = { mode: createmode3.EXCLUSIVE, verf: verf! };
    const again = await this.caller.call(NFS3.CREATE, { where: this.#where(name), how });
    const own = again.status === S.NFS3_OK && again.obj?.equals(handle) === true;
    holds(own, `CREATE EXCLUSIVE of ${name}, again: ${statusName(again.status)}`);
  }

  /** Looks up what an unanswered call has made. */
  async #meet(home: string): Promise<void> {
    for (const [path, text] of this.#history.names) {
      if (this.#things.has(path)) continue;
      const found = await this.caller.expect(NFS3.LOOKUP, { what: this.#where(path) }, S.NFS3_OK);
      if (found.status !== S.NFS3_OK) continue;
      const [type, fileid, mode] = text.split(' ') as [Thing['type'], string, string];
      const bytes = new Promised();
      if (type === 'f') bytes.adopt(readFileSync(`${home}/${path}`));
      const handle = Buffer.from(found.object);
      this.#things.set(path, { type, fileid: BigInt(fileid), handle, mode: Number.parseInt(mode, 8), bytes });
    }
  }

  async #patiently<R>(call: () => Promise<R>): Promise<R> {
    for (let tries = 0; ; tries++) {
      const result = await call();
      if (statusOf(result) !== S.NFS3ERR_JUKEBOX || tries >= JUKEBOX_TRIES_MAX) return result;
      await sleep(JUKEBOX_MS);
    }
  }
}

interface Where {
  readonly dir: Buffer;
  readonly name: string;
}
