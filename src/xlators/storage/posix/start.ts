/** Opens a brick: from the options to the parts that serve calls. */
import { existsSync } from 'node:fs';
import { mkdir, stat as statPath } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { BrickWatch } from '../../../graph/live/brick-watch.ts';
import type { OptionValues } from '../../../graph/options.ts';
import type { GraphEnv } from '../../../graph/xlator.ts';
import type { Log } from '../../../log.ts';
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_RDONLY } from '../../../sys/constants.ts';
import { lastError } from '../../../sys/failure.ts';
import { close, openat, umask } from '../../../sys/libc.ts';
import { dropReserve } from '../../../sys/process/capabilities.ts';
import { descriptorLimit } from '../../../sys/process/descriptor-limit.ts';
import { asServer } from '../../../sys/process/identity.ts';
import { poolShare } from '../../../sys/process/thread-pool.ts';
import { bytesOfText } from '../../../wire-text.ts';
import type { Brick } from './brick.ts';
import { readBuffers } from './data/buffers.ts';
import { FileCloser } from './data/file-closer.ts';
import { PoolShare } from './data/pool-share.ts';
import { Semaphore } from './data/semaphore.ts';
import { type IndexFile, openIndexFile } from './index/file.ts';
import { PlaceIndex } from './index/places.ts';
import { type CacheLimits, DescriptorCaches } from './objects/caches.ts';
import { PosixObject } from './objects/object.ts';
import { Objects } from './objects/objects.ts';
import { treeId } from './objects/tree-id.ts';
import type { PosixOptions } from './options.ts';

/** The interval between two ticks of the caches. */
const TICK_MS = 1000;
/** The most directories that are kept open for listings. */
const LISTINGS_MAX = 64;

/** Which handles are opened with each value of `option index`. */
const HANDLES = { on: 'none', auto: 'lasting', off: 'any' } as const;

export interface OpenBrick {
  readonly brick: Brick;
  /** See `Xlator.volumeId`. */
  readonly treeId: Buffer;
  /** The root directory, open for reading. */
  readonly rootFd: number;
  /** Closes everything, once what was written is handed to the disk. */
  close(): Promise<void>;
}

export async function openBrick(
  name: string,
  slot: number,
  options: OptionValues<PosixOptions>,
  env: GraphEnv,
  log: Log,
  unstableLost: () => void,
  watch?: BrickWatch,
): Promise<OpenBrick> {
  await settleThreads();
  umask(0); // the modes of new objects are the callers' choice; this is for the whole process
  asServer();
  const during: BrickWatch['during'] = watch === undefined ? work => work() : work => watch.during(work);
  const rootFd = during(() => openRoot(options.directory));
  const limits = limitsFor(options.descriptors);
  const pool = new PoolShare(poolShare(env.stages ?? 1, env.watch?.bricks.size ?? 1));
  const dataLost = (error: Error) => {
    log.error({ err: error }, 'writing back failed: what was written and not committed may be lost');
    unstableLost();
  };
  const closer = new FileCloser({ max: limits.files >> 2, pool, watch, dataLost });
  const caches = new DescriptorCaches(limits, closer.close);
  const { tree, objects } = await openObjects({ name, rootFd, slot, caches, during }, options, env, log);
  const brick: Brick = {
    objects,
    buffers: readBuffers(),
    closer,
    pool,
    syncs: new Semaphore(Math.max(8, limits.files >> 1)),
    log,
    syncMetadata: options['sync-metadata'],
    dataLost,
    slowWritesUntilMs: 0,
    watchedWritesUntilMs: 0,
  };
  const tick = () => {
    caches.tick(objects.mounts.hasBelow);
    objects.mounts.tick();
  };
  const timer = setInterval(() => watch?.hangs === true || during(tick), TICK_MS);
  timer.unref();
  return {
    brick,
    treeId: tree,
    rootFd,
    async close() {
      clearInterval(timer);
      asServer();
      during(() => objects.close());
      await objects.finder?.close();
      await closer.settled();
    },
  };
}

interface ObjectsOf {
  readonly name: string;
  /** Closed if this fails. */
  readonly rootFd: number;
  readonly slot: number;
  readonly caches: DescriptorCaches;
  readonly during: BrickWatch['during'];
}

/** Opens the tree below the root directory, and its index if it needs one. */
async function openObjects(
  { name, rootFd, slot, caches, during }: ObjectsOf,
  options: OptionValues<PosixOptions>,
  env: GraphEnv,
  log: Log,
): Promise<{ tree: Buffer; objects: Objects }> {
  const handles = HANDLES[options.index];
  let file: IndexFile | undefined;
  try {
    const root = during(() => PosixObject.root(rootFd, handles));
    const tree = during(() => treeId(rootFd, root.mount)); // before calls switch this thread's ids
    const opened = (file = await openIndex({ name, treeId: tree, root }, options, env, log));
    const finder = opened && ((objects: Objects) => new PlaceIndex(opened, env.stage, objects, log));
    return { tree, objects: during(() => new Objects({ root, slot, handles, caches, log, finder })) };
  } catch (error) {
    file?.db.close();
    during(() => close(rootFd));
    throw error;
  }
}

/**
 * Makes the threads of the thread pool. They are made when the first one is needed, with the rights that this thread has
 * then, which must be the server's and not a caller's.
 */
async function settleThreads(): Promise<void> {
  if (!existsSync('/proc/self/fd')) throw new Error('/proc is not mounted: the brick needs it');
  asServer();
  dropReserve();
  await statPath('/');
}

/** Returns `option directory` in the form that the kernel takes. */
export const pathBytes = (directory: string): Buffer => bytesOfText(directory);

function openRoot(directory: string): number {
  const path = Buffer.concat([pathBytes(directory), Buffer.alloc(1)]);
  const fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0) throw lastError(`option directory: ${directory} cannot be opened as a directory`);
  return fd;
}

/** Returns how many descriptors one stage may keep, if there are as many stages as cores and sockets need a part. */
function limitsFor(wanted: number): CacheLimits {
  const share = Math.floor((descriptorLimit() * 0.7) / availableParallelism());
  const max = Math.max(64, wanted || Math.min(share, 65_536));
  const files = Math.max(16, max >> 2);
  const lists = Math.max(8, Math.min(LISTINGS_MAX, max >> 4));
  return { files, lists, paths: max - files - lists };
}

/** Opens the file of the index if the brick needs one. */
async function openIndex(
  volume: { readonly name: string; readonly treeId: Buffer; readonly root: PosixObject },
  { index }: OptionValues<PosixOptions>,
  { stateDir, stage }: GraphEnv,
  log: Log,
): Promise<IndexFile | undefined> {
  if (index === 'off' || volume.root.mount.byHandle) return undefined;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  log.info('the kernel opens no file handles for this directory: objects are found by an index in the state directory');
  return openIndexFile({ ...volume, stateDir, stage }, log);
}
