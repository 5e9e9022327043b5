/** From the options to a brick that serves. */
import { existsSync } from 'node:fs';
import { mkdir, stat as statPath } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { OptionValues } from '../../../graph/options.ts';
import type { BrickWatch } from '../../../graph/live/brick-watch.ts';
import type { GraphEnv } from '../../../graph/xlator.ts';
import type { Log } from '../../../log.ts';
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_RDONLY } from '../../../sys/constants.ts';
import { dropReserve } from '../../../sys/process/capabilities.ts';
import { lastError } from '../../../sys/failure.ts';
import { asServer } from '../../../sys/process/identity.ts';
import { close, openat, umask } from '../../../sys/libc.ts';
import { descriptorLimit } from '../../../sys/process/descriptor-limit.ts';
import { poolShare } from '../../../sys/process/thread-pool.ts';
import { bytesOfText } from '../../../wire-text.ts';
import { readBuffers } from './data/buffers.ts';
import type { Brick } from './brick.ts';
import { DescriptorCache } from './objects/descriptors.ts';
import { FileCloser } from './objects/files.ts';
import { Objects, type ObjectsOptions } from './objects/objects.ts';
import type { PosixOptions } from './options.ts';
import { PlaceIndex } from './index/places.ts';
import { PoolShare } from './data/pool-share.ts';
import { treeId } from './objects/tree-id.ts';
import { Semaphore } from './data/semaphore.ts';

const TICK_MS = 1000;
/** Ticks of disuse. */
const IDLE_TICKS = 60;
/** Ticks of disuse of a file that is open for writing. Until it is closed it cannot be executed on this machine. */
const IDLE_WRITABLE_TICKS = 2;
/**
 * Ticks of disuse on a file system that is mounted below the volume, which cannot be unmounted until its descriptors
 * are closed.
 */
const IDLE_BELOW_TICKS = 2;
const LISTINGS_MAX = 64;

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
  umask(0); // modes are the callers’ to choose; it is the whole process's
  asServer();
  const during: BrickWatch['during'] = watch === undefined ? work => work() : work => watch.during(work);
  const rootFd = during(() => openRoot(options.directory));
  const limits = limitsFor(options.descriptors);
  const pool = new PoolShare(poolShare(env.stages ?? 1, env.watch?.bricks.size ?? 1));
  const closer = new FileCloser(limits.files >> 2, pool, watch);
  const caches = makeCaches(limits, closer);
  const objects = during(() => objectsOf({ ...caches, rootFd, slot, handles: HANDLES[options.index], log }));
  let tree: Buffer;
  let index: PlaceIndex | undefined;
  try {
    tree = during(() => treeId(rootFd, objects.mounts.root)); // before calls switch this thread's ids
    index = await openIndex({ name, treeId: tree }, objects, options, env, log);
  } catch (error) {
    during(() => objects.close());
    throw error;
  }
  const brick: Brick = {
    objects,
    buffers: readBuffers(),
    closer,
    pool,
    syncs: new Semaphore(Math.max(8, limits.files >> 1)),
    log,
    syncMetadata: options['sync-metadata'],
    unstableLost,
    slowWritesUntilMs: 0,
    watchedWritesUntilMs: 0,
  };
  closer.brick = brick;
  const tick = () => {
    for (const cache of Object.values(caches)) cache.tick(objects.mounts.hasBelow);
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
      await index?.close();
      await closer.settled();
    },
  };
}

/**
 * The thread pool's threads are born when the first one is needed, with the rights that this thread has then: that must
 * be the server's, not some caller's.
 */
async function settleThreads(): Promise<void> {
  if (!existsSync('/proc/self/fd')) throw new Error('/proc is not mounted: the brick needs it');
  asServer();
  dropReserve();
  await statPath('/');
}

/** `option directory` as the kernel takes it. */
export const pathBytes = (directory: string): Buffer => bytesOfText(directory);

function openRoot(directory: string): number {
  const path = Buffer.concat([pathBytes(directory), Buffer.alloc(1)]);
  const fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0) throw lastError(`option directory: ${directory} cannot be opened as a directory`);
  return fd;
}

/** Closes the root directory if there is something wrong with it. */
function objectsOf(options: ObjectsOptions): Objects {
  try {
    return new Objects(options);
  } catch (error) {
    close(options.rootFd);
    throw error;
  }
}

/** What one stage may keep open, if there are as many stages as cores and the sockets need their part. */
function limitsFor(wanted: number) {
  const share = Math.floor((descriptorLimit() * 0.7) / availableParallelism());
  const max = Math.max(64, wanted || Math.min(share, 65_536));
  const files = Math.max(16, max >> 2);
  const lists = Math.max(8, Math.min(LISTINGS_MAX, max >> 4));
  return { files, lists, paths: max - files - lists };
}

function makeCaches({ paths, files, lists }: ReturnType<typeof limitsFor>, closer: FileCloser) {
  const idle = { idleTicks: IDLE_TICKS, idleBelowTicks: IDLE_BELOW_TICKS };
  return {
    paths: new DescriptorCache({ kind: 'path', max: paths, ...idle }),
    files: new DescriptorCache({
      kind: 'file',
      max: files,
      ...idle,
      idleWritableTicks: IDLE_WRITABLE_TICKS,
      close: closer.close,
    }),
    lists: new DescriptorCache({ kind: 'list', max: lists, ...idle }),
  };
}

async function openIndex(
  volume: { readonly name: string; readonly treeId: Buffer },
  objects: Objects,
  { index }: OptionValues<PosixOptions>,
  { stateDir, stage }: GraphEnv,
  log: Log,
): Promise<PlaceIndex | undefined> {
  if (index === 'off' || objects.mounts.root.byHandle) return undefined;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  log.info('the kernel opens no file handles for this directory: objects are found by an index in the state directory');
  objects.index = await PlaceIndex.open({ ...volume, stateDir, root: objects.root, stage }, objects, log);
  return objects.index;
}
