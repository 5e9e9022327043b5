import { joinMountPath, splitMountPath } from '#src/xlators/nfs/server/mount/mount-path.ts';
import type { MountCall, Mounted } from '#src/xlators/nfs/server/mount/mount-call.ts';
import { fromWire } from '#src/wire-text.ts';
import { failureOf, type MountFailure } from './status.ts';

/**
 * Does what MNT does in all versions: finds the directory that the client asks for and enters the mount in the mount
 * table. `refuse` may throw an FsError before that.
 */
export async function mountDirectory(
  mount: MountCall,
  asked: string,
  refuse: (mounted: Mounted) => void = () => {},
): Promise<Mounted | MountFailure> {
  try {
    const path = joinMountPath(splitMountPath(asked));
    const mounted = await mount.mount(path);
    refuse(mounted);
    const { address, transport } = mount.call.peer;
    mount.mounts.add(address, path, transport === 'udp');
    mount.log.info({ client: address, path: fromWire(path) }, 'mounted');
    return mounted;
  } catch (error) {
    return failureOf(mount, asked, error);
  }
}
