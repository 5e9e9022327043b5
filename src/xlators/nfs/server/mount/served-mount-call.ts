import { auth_flavor } from '#protocols/rpc.ts';
import { FsError } from '../../../../errno.ts';
import type { Statfs } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { NEVER } from '../../../../graph/own-frame.ts';
import type { PeerLogger } from '../../../../peer-log.ts';
import type { Call } from '../../../../rpcsvc/actor.ts';
import { frameFor, verdict } from '../exports/access.ts';
import { exportGroups } from '../exports/export-groups.ts';
import { type Export, hostRulesOf } from '../exports/exports.ts';
import type { ExportEntry, MountCall, Mounted } from './mount-call.ts';
import { splitMountPath } from './mount-path.ts';
import type { MountTable } from './mount-table.ts';
import { walkToMount } from './mount-walk.ts';
import { type NfsServer, requireUp } from '../nfs-server.ts';
import type { Subvolume } from '../../../../master/subvolume.ts';
import type { Volume } from '../../../../master/volume.ts';

/** A directory that the caller may mount. */
interface Found {
  readonly on: Export<Subvolume>;
  readonly volume: Volume;
  readonly inode: Inode;
}

/** A call of MOUNT, made by {@link NfsServer} for its actors. */
export class ServedMountCall implements MountCall {
  readonly call: Call;
  readonly ending: AbortSignal;
  readonly #server: NfsServer;

  constructor(server: NfsServer, call: Call, ending = NEVER) {
    this.#server = server;
    this.call = call;
    this.ending = ending;
  }

  get log(): PeerLogger {
    return this.#server.peerLog;
  }

  get mounts(): MountTable {
    return this.#server.mounts;
  }

  async mount(path: string): Promise<Mounted> {
    const { on, volume, inode } = await this.#find(path);
    if (on.volume.volume !== volume) throw new FsError('EJUKEBOX', 'another tree took the place of the one walked');
    // AUTH_NONE is never offered, even if it is allowed: most of NFS3 refuses it, so a client could do nothing with it.
    const flavors = [auth_flavor.AUTH_SYS];
    return {
      handle: this.#server.handles.encode(this.#server.keyOf(on.volume), on.id, inode.gfid, inode.hint),
      flavors,
    };
  }

  async pathconf(path: string): Promise<Statfs> {
    const { volume, inode } = await this.#find(path);
    return volume.top.statfs(this.#server.frame(this.call), inode);
  }

  exports(): readonly ExportEntry[] {
    return this.#server.planned.exports.flatMap(on => {
      const groups = exportGroups(on);
      return groups === undefined ? [] : on.paths.map(directory => ({ directory, groups }));
    });
  }

  async #find(path: string): Promise<Found> {
    const names = splitMountPath(path);
    const found = this.#server.planned.paths.find(names);
    const { peer } = this.call;
    if (found === undefined) throw new FsError('EACCES', 'no export has this path');
    const { value: on, rest } = found;
    await Promise.all(hostRulesOf(on).map(hosts => hosts.ready(peer.address)));
    // RFC 2623, 2.3.2: clients call MNT without the credentials that they use later.
    const { allowed, undecided, rule, where, reason } = verdict(on, peer, auth_flavor.AUTH_SYS);
    if (!allowed) throw new FsError(undecided ? 'EJUKEBOX' : 'EACCES', `${reason} (${rule}, ${where})`);
    if (rest.length > 0 && !this.#server.settings['nfs3.export-dirs']) {
      throw new FsError('EACCES', 'directories inside of the volume are not exported (nfs3.export-dirs)');
    }
    return this.#enter(on, rest);
  }

  /**
   * Returns the frame with which the caller acts. A client that does not identify its caller (AUTH_NONE) acts as the
   * anonymous user.
   */
  async #caller(on: Export): Promise<Frame> {
    const { peer, credentials } = this.call;
    if (credentials.flavor === auth_flavor.AUTH_NONE) return frameFor(on, peer, credentials);
    return (await this.#server.accesses.of(this.call, on)).frame;
  }

  async #enter(on: Export<Subvolume>, rest: readonly string[]): Promise<Found> {
    requireUp(on.volume);
    const volume = await on.volume.identify();
    const server = this.#server.frame(this.call);
    const within = (names: readonly string[]) => {
      const found = this.#server.planned.paths.find(names);
      return found?.value === on ? found.rest : undefined;
    };
    const inode = await walkToMount({ volume, on, server, caller: await this.#caller(on), within }, rest);
    if (inode.type !== FileType.DIR) throw new FsError('ENOTDIR', 'only directories can be mounted');
    return { on, volume, inode };
  }
}
