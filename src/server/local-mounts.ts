/** The mounts of a server on its own machine, which one of its stages serves: those of `mount/fuse` beside `nfs/server`. */
import { dirname, resolve } from 'node:path';
import type { Graph } from '../graph/graph.ts';
import type { Plan } from '../graph/plan.ts';
import { MountFuse } from '../xlators/mount/fuse/mount-fuse.ts';
import { checkMountpoint } from '../xlators/mount/fuse/mountpoint.ts';
import type { ServerConfig } from './config.ts';

/** The masters of a graph that mount. */
export const mountsOf = ({ tops }: Pick<Graph, 'tops'>): MountFuse[] => tops.filter(top => top instanceof MountFuse);

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
