/** A brick over a real directory, with short functions for what tests do with it. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type tap from 'tap';
import type { Test } from 'tap';
import type { Fops } from '#src/graph/fops.ts';
import type { Frame, Identity } from '#src/graph/frame.ts';
import type { Iatt } from '#src/graph/iatt.ts';
import { identityOf, ROOT } from '#src/graph/identity.ts';
import { Inode } from '#src/graph/inode.ts';
import { silent } from '#src/log.ts';
import { asServer, canSwitch } from '#src/sys/process/identity.ts';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import { Posix } from '#src/xlators/storage/posix/posix.ts';

export interface Setting {
  readonly 'sync-metadata'?: boolean;
  readonly index?: 'auto' | 'on' | 'off';
  readonly descriptors?: number;
}

export interface Place {
  /** The directory of the volume. */
  readonly dir: string;
  readonly stateDir: string;
  /**
   * The path of `name` in the volume. It gives this thread the server's own identity again, so that the test can use
   * the path.
   */
  readonly path: (name: string) => string;
}

/** Makes a directory below `base` that every user may enter. */
export function makePlace(t: Tap, base = tmpdir()): Place {
  const top = mkdtempSync(join(base, 'posix-'));
  const dir = join(top, 'volume');
  const path = (name: string) => {
    asServer();
    return join(dir, name);
  };
  const place = { dir, stateDir: join(top, 'state'), path };
  mkdirSync(dir);
  t.teardown(() => {
    asServer();
    rmSync(top, { recursive: true, force: true });
  });
  return place;
}

export interface Tap {
  teardown(action: () => unknown): void;
}

/** For tests with several callers. single-user.ts tests what a server without root can do. */
export const needsRoot = { skip: !canSwitch && 'needs root' };

/** Runs a test with the kernel's handles, and again with the index. */
export function eachMode(t: typeof tap, name: string, ...rest: [Run] | [extra: { timeout: number }, Run]): void {
  const run = rest.at(-1) as Run;
  const extra = { ...needsRoot, ...(rest.length > 1 ? (rest[0] as { timeout: number }) : {}) };
  t.test(`${name} (handles)`, extra, t => run(t, { index: 'off' }));
  t.test(`${name} (index)`, extra, t => run(t, { index: 'on' }));
}

type Run = (t: Test, settings: Setting) => Promise<void>;

export const frameOf = (identity: Identity): Frame => ({
  identity,
  client: '127.0.0.1',
  signal: new AbortController().signal,
});

export const root = frameOf(ROOT);
export const user = frameOf(identityOf(1000, 1000));
export const other = frameOf(identityOf(2000, 2000));

/** Starts a brick. `place` has its directories. */
export async function startBrick(t: Tap, place: Place, settings: Setting = {}): Promise<TestBrick> {
  const options = { directory: place.dir, 'sync-metadata': false, index: 'auto', descriptors: 0, ...settings } as const;
  const posix = new Posix({
    name: 'brick',
    type: 'storage/posix',
    where: 'test:1',
    options,
    children: [],
    childNames: [],
    slot: 0,
    env: { log: silent, stateDir: place.stateDir, stage: 0 },
  });
  await posix.init();
  const brick = new TestBrick(posix);
  t.teardown(() => brick.stop());
  return brick;
}

export class TestBrick {
  readonly posix: Posix;
  readonly root: Inode = new Inode(ROOT_GFID, 2);
  #stopped = false;

  constructor(posix: Posix) {
    this.posix = posix;
  }

  get fops(): Fops {
    return this.posix;
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.posix.fini();
    asServer();
  }

  /** The object at a path below the root. */
  async walk(path: string, frame = root): Promise<Inode> {
    let at = this.root;
    for (const name of path.split('/')) at = inodeOf((await this.posix.lookup(frame, at, name)).iatt);
    return at;
  }

  /** All names of a directory, listed in steps of `size` bytes. */
  async names(inode: Inode, size = 4096, frame = root): Promise<string[]> {
    const names: string[] = [];
    for (let cookie = 0n; ;) {
      const { entries, eof } = await this.posix.readdir(frame, inode.fd, size, cookie);
      for (const entry of entries) names.push(entry.name);
      if (eof) return names;
      cookie = entries.at(-1)!.cookie;
    }
  }
}

export const inodeOf = ({ gfid, type, hint }: Iatt): Inode => new Inode(gfid, type, hint);

/** The errno that `call` fails with, or its answer. */
export const codeOf = async (call: Promise<unknown>): Promise<unknown> => {
  try {
    return await call;
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

/** A brick whose root every user may write to. */
export async function open(t: Tap, settings: Setting = {}) {
  const place = makePlace(t);
  chmodSync(place.dir, 0o777);
  const brick = await startBrick(t, place, settings);
  return { ...place, brick, fops: brick.fops, top: brick.root };
}

/**
 * Like {@link codeOf}, for a removed object. While the kernel still writes its inode back, it is found for a moment.
 */
export async function codeOfGone(call: () => Promise<unknown>): Promise<unknown> {
  for (let tries = 0; ; tries++) {
    const code = await codeOf(call());
    if (typeof code === 'string' || tries === 50) return code;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
