import { FsError } from '../../../errno.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Iatt } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { PeerLogger } from '../../../peer-log.ts';
import type { Call } from '../../../rpcsvc/actor.ts';
import type { Access } from './exports/accesses.ts';
import { placeIn } from './exports/boundary.ts';
import type { NfsCall, Place, Resolved } from './nfs-call.ts';
import { isPart, type Trust } from './exports/exports.ts';
import type { HandleParts } from './handle.ts';
import type { NfsOptions } from './options.ts';
import type { NfsServer } from './nfs-server.ts';
import type { Volume } from '../../../master/volume.ts';

class ResolvedHandle implements Resolved {
  readonly volume: Volume;
  readonly inode: Inode;
  /** The number that identifies the volume in file handles. */
  readonly key: number;
  readonly #access: Access;
  #place: Place | undefined;

  constructor(volume: Volume, inode: Inode, key: number, access: Access) {
    this.volume = volume;
    this.inode = inode;
    this.key = key;
    this.#access = access;
  }

  get frame(): Frame {
    return this.#access.frame;
  }

  get readOnly(): boolean {
    return this.#access.on.rules.readOnly.value;
  }

  get trust(): Trust {
    return this.#access.on.rules.trust;
  }

  get exportId(): number {
    return this.#access.on.id;
  }

  get place(): Place {
    if (this.#place !== undefined) return this.#place;
    return this.inode === this.volume.table.root && !isPart(this.#access.on) ? 'top' : 'below';
  }

  async locate(): Promise<Place> {
    const { on, frame } = this.#access;
    return (this.#place = isPart(on) ? await placeIn(this.volume, on, frame, this.inode) : this.place);
  }

  async holds(iatt: Iatt): Promise<boolean> {
    const { on, frame } = this.#access;
    if (!isPart(on)) return true;
    const place = await placeIn(this.volume, on, frame, this.volume.table.link(iatt));
    return place === 'top' || place === 'below';
  }
}

/** A call of NFS3, made by {@link NfsServer} for its actors. */
export class ServedNfsCall implements NfsCall {
  readonly call: Call;
  readonly #server: NfsServer;

  constructor(server: NfsServer, call: Call) {
    this.#server = server;
    this.call = call;
  }

  get options(): NfsOptions {
    return this.#server.actorOptions;
  }

  get log(): PeerLogger {
    return this.#server.peerLog;
  }

  resolve(handle: Buffer): Resolved | Promise<Resolved> {
    const parts = this.#server.handles.decode(handle);
    if (parts === undefined) throw new FsError('EBADHANDLE', 'not a handle of this server');
    if (this.#server.knows(parts.volumeKey)) return this.#enter(parts);
    return this.#server.lookAgain().then(() => this.#enter(parts));
  }

  #enter(parts: HandleParts): Resolved | Promise<Resolved> {
    const on = this.#server.exportOf(parts.volumeKey, parts.exportId);
    const { volume } = on.volume;
    const access = this.#server.accesses.of(this.call, on);
    if (access instanceof Promise) return access.then(access => this.#object(volume, access, parts));
    return this.#object(volume, access, parts);
  }

  resolveForChange(handle: Buffer): Resolved | Promise<Resolved> {
    const resolved = this.resolve(handle);
    return resolved instanceof Promise ? resolved.then(writable) : writable(resolved);
  }

  locate(at: Resolved): Promise<Place> {
    return (at as ResolvedHandle).locate();
  }

  holds(at: Resolved, iatt: Iatt): Promise<boolean> {
    return (at as ResolvedHandle).holds(iatt);
  }

  handleOf(near: Resolved, iatt: Iatt): Buffer {
    const { key, exportId } = near as ResolvedHandle;
    return this.#server.handleOf(key, exportId, iatt);
  }

  link({ volume, inode }: Resolved, name: string, iatt: Iatt): Inode {
    return volume.table.link(iatt, inode, name);
  }

  #object(volume: Volume, access: Access, { volumeKey, gfid, hint }: HandleParts): Resolved | Promise<Resolved> {
    const inode = volume.table.find(gfid);
    if (inode !== undefined) return new ResolvedHandle(volume, inode, volumeKey, access);
    const { frame } = access;
    return volume.top
      .discover(frame, gfid, hint)
      .then(({ iatt }) => new ResolvedHandle(volume, volume.table.link(iatt), volumeKey, access));
  }
}

function writable(resolved: Resolved): Resolved {
  if (resolved.readOnly) throw new FsError('EROFS', 'exported read-only');
  return resolved;
}
