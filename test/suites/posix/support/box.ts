/** The directory of a case, and what the case reports about it. */
import { ERRNO, type Errno } from '#src/errno.ts';
import * as call from './calls.ts';
import type { Attributes, Outcome } from './calls.ts';
import { make, type Kind, type Maker } from './kinds.ts';
import { as, type Person, self } from './people.ts';

/**
 * Longer than the coarsest step of a file system's clock, which is 10 ms where the kernel ticks a hundred times a
 * second.
 */
const TICK_MS = 12;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

export class Box {
  /** The absolute path of the case's directory. */
  readonly dir: string;
  /** Other places that were named on the command line. */
  readonly places: Places;
  readonly problems: string[] = [];
  /** Descriptors to close at the end. */
  readonly #open: number[] = [];
  /** The person that owns the directory and what is made in it. */
  by: Person = self;

  constructor(dir: string, places: Places) {
    this.dir = dir;
    this.places = places;
  }

  /** The path of a name in the case's directory. */
  at(name: string): string {
    return `${this.dir}/${name}`;
  }

  /** Reports a problem. */
  wrong(what: string): void {
    this.problems.push(what);
  }

  is(actual: unknown, expected: unknown, what: string): void {
    const [is, wanted] = [show(actual), show(expected)];
    if (is !== wanted) this.wrong(`${what}: ${is}, expected ${wanted}`);
  }

  ok(actual: Outcome, what: string): void {
    this.is(actual, 'OK', what);
  }

  /** The answer of a preparing step. An error ends the case. */
  must<T>(answer: T, what = 'preparing'): Exclude<T, Errno | { error: Errno }> {
    if (typeof answer === 'string' && answer in ERRNO) throw new Broken(what, answer);
    if (typeof answer === 'object' && answer !== null && 'error' in answer)
      throw new Broken(what, String(answer.error));
    return answer as Exclude<T, Errno | { error: Errno }>;
  }

  /** Makes an object of that kind, and returns its path. */
  make(kind: Kind, name: string = kind, how: Maker = {}): string {
    const path = this.at(name);
    // The suite's own user makes it, because a plain user can neither make devices nor give files away.
    as(self, () => make(path, kind, { uid: this.by.uid, gid: this.by.gid, ...how }));
    return path;
  }
  open(path: string, flags: number, mode?: number): number {
    return this.keep(this.must(call.open(path, flags, mode), `open of ${this.#short(path)}`));
  }
  keep(fd: number): number {
    this.#open.push(fd);
    return fd;
  }
  close(fd: number): void {
    this.ok(call.close(fd), 'close');
    this.#open.splice(this.#open.indexOf(fd), 1);
  }

  lstat(path: string): Attributes {
    return this.must(call.lstat(path), `lstat of ${this.#short(path)}`);
  }

  /** Checks that the attributes are the same, except for the atime, which may change whenever something is read. */
  unchanged(path: string, before: Attributes, what: string): void {
    this.is({ ...this.lstat(path), atime: 0n }, { ...before, atime: 0n }, what);
  }

  exists(path: string, what = this.#short(path)): void {
    const found = call.lstat(path);
    if (typeof found === 'string') this.wrong(`${what} is gone: ${found}`);
  }
  gone(path: string, what = this.#short(path)): void {
    const found = call.lstat(path);
    if (found !== 'ENOENT') this.wrong(`${what} is there: ${typeof found === 'string' ? found : 'OK'}`);
  }

  /** The names in a directory, sorted, without `.` and `..`. */
  names(path: string = this.dir): string[] {
    const names = this.must(call.readdir(path), `readdir of ${this.#short(path)}`);
    return names.filter(name => name !== '.' && name !== '..').sort();
  }

  write(path: string, text: string): void {
    const fd = this.must(call.creat(path), `creat of ${this.#short(path)}`);
    try {
      this.must(call.write(fd, text), 'write');
    } finally {
      this.must(call.close(fd), 'close');
    }
  }
  content(path: string): string {
    const fd = this.must(call.open(path, 0), `open of ${this.#short(path)}`);
    try {
      return this.must(call.read(fd, 65536), 'read');
    } finally {
      call.close(fd);
    }
  }

  /** Waits until the file system's clock has moved on. */
  tick(): void {
    Atomics.wait(sleeper, 0, 0, TICK_MS);
  }

  #short(path: string): string {
    return path.startsWith(`${this.dir}/`) ? path.slice(this.dir.length + 1, this.dir.length + 60) : path.slice(0, 60);
  }

  end(): void {
    for (const fd of this.#open) call.close(fd);
  }
}

/** A preparation that failed, so that the case shows nothing. */
export class Broken extends Error {
  constructor(what: string, code: string) {
    super(`${what} failed: ${code}`);
  }
}

export interface Places {
  /** A directory of another file system. */
  readonly other?: string | undefined;
  /** A directory of a file system that refuses changes. It holds what stock.ts makes. */
  readonly readOnly?: string | undefined;
  /** A directory of a small file system, which may be filled. */
  readonly small?: string | undefined;
  /** A directory whose quota may be reached. */
  readonly quota?: string | undefined;
}

function show(value: unknown): string {
  if (typeof value === 'string') return value.length > 80 ? `${value.slice(0, 60)}… (${value.length})` : value;
  if (typeof value === 'bigint') return String(value);
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}` : inner)) ?? 'undefined';
}
