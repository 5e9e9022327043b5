/** The mounts of a server on its own machine, which one of its stages serves: those of `mount/fuse` beside `nfs/server`. */
import { dirname, resolve } from 'node:path';
import type { Graph } from '../graph/graph.ts';
import type { Plan } from '../graph/plan.ts';
import { MountFuse } from '../xlators/mount/fuse/mount-fuse.ts';
import { checkMountpoint } from '../xlators/mount/fuse/mountpoint.ts';
import type { ServerConfig } from './config.ts';

/** The masters of a graph that mount. */
const mountsOf = ({ tops }: Pick<Graph, 'tops'>): MountFuse[] => tops.filter(top => top instanceof MountFuse);

/** The directories of bricks on this machine. */
export const brickDirectories = ({ volumes }: Plan): string[] =>
  volumes.flatMap(({ stanza }) => (stanza.type === 'storage/posix' ? [stanza.options.get('directory')!.value] : []));

/** Mounts what the graph is to mount, one after the other. @throws {Error} something cannot be mounted */
export async function mountAll(graph: Graph, { stateDir, file, log }: ServerConfig): Promise<void> {
  const mounts = mountsOf(graph);
  const bricks = brickDirectories(graph.plan);
  const used = [stateDir, resolve(file), process.cwd(), ...(log.file === undefined ? [] : [resolve(log.file)])];
  for (const mount of mounts) {
    // A mountpoint in another mount would be reached through that when it is to be unmounted.
    const others = mounts.filter(other => other !== mount).map(({ mountpoint }) => dirname(mountpoint));
    await checkMountpoint(mount.mountpoint, { bricks, own: [...used, ...others] });
    await mount.mount();
    graph.env.log.info({ mountpoint: mount.mountpoint }, 'mounted');
  }
}

/**
 * Prepares the mounts of one graph to go on with another one. Returns what makes them do so; its promise resolves when
 * they use nothing of the former graph any more.
 * @throws {Error} a mount would have to be made, to end, or cannot go on
 */
export function handingOver(from: Graph, to: Graph): () => Promise<void> {
  const [before, next] = [mountsOf(from), mountsOf(to)];
  if (from === to) return () => Promise.resolve();
  const pairs = next.map(mount => [mount, before.find(({ mountpoint }) => mountpoint === mount.mountpoint)] as const);
  const unpaired =
    pairs.find(([, former]) => former === undefined)?.[0] ??
    before.find(old => !pairs.some(([, former]) => former === old));
  if (unpaired !== undefined)
    throw new Error(
      `expected the same mounts as before, but for ${unpaired.mountpoint} (${unpaired.where}); other mounts take a restart`,
    );
  for (const [mount, former] of pairs) {
    const why = mount.refusal(former!);
    if (why !== undefined)
      throw new Error(
        `${mount.mountpoint} (${mount.where}) cannot go on with the new graph: ${why}; this takes a restart`,
      );
  }
  return async () => {
    for (const result of await Promise.allSettled(
      pairs.map(([mount, former]) => mount.takeOver(former!, to.gate.ending)),
    ))
      if (result.status === 'rejected')
        to.env.log.error({ err: result.reason as unknown }, 'a mount has not left the former graph in order');
  };
}
