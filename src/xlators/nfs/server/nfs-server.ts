/**
 * `nfs/server`: the top of a graph. Its children are the volumes; it knows what of them is exported to whom, and makes
 * out of the file handles of NFS3 and the paths of MOUNT the inodes that fops take. Its programs are handed to it,
 * since what procedures do is the actors' part.
 */
import { errnoOf, FsError } from '../../../errno.ts';
import { ROOT } from '../../../graph/identity.ts';
import type { Frame } from '../../../graph/frame.ts';
import { forgetOf, subtree } from '../../../graph/subtree.ts';
import { VolfileError } from '../../../volfile/volfile-error.ts';
import type { GraphEvent } from '../../../graph/event.ts';
import { Xlator } from '../../../graph/xlator.ts';
import { InodeTable } from '../../../inode/table.ts';
import { PeerLog, type PeerLogger } from '../../../peer-log.ts';
import type { Call, Program } from '../../../rpcsvc/actor.ts';
import { within } from '../../../within.ts';
import { Accesses } from './exports/accesses.ts';
import { type Export, exportsOf, pathsOf } from './exports/exports.ts';
import { FOREIGN } from './foreign-options.ts';
import { Handles, isHandleIn } from './handle.ts';
import type { Iatt } from '../../../graph/iatt.ts';
import { PathTree } from './mount/mount-path.ts';
import type { MountTable } from './mount/mount-table.ts';
import { actorOptions, type NfsOptions, OPTIONS } from './options.ts';
import type { WriteVerifier } from './verifier.ts';
import { Volume } from './volume.ts';
import { waysAround } from './exports/ways-around.ts';

/** What the server's stages have in common, and each graph of theirs is given. */
export interface NfsHost {
  /** Of file handles: 16 bytes. */
  readonly handleKey: Buffer;
  readonly verifier: WriteVerifier;
  readonly mounts: MountTable;
  programsOf(server: NfsServer): Program[];
}

/** Inodes that nobody uses and are yet remembered: `nfs.mem-factor` times this. */
const INODES_PER_MEM_FACTOR = 32_768;
/** How long a call waits for bricks to tell which trees they serve. */
const LOOK_MS = 2000;

export class NfsServer extends Xlator<typeof OPTIONS> {
  static readonly doc = 'Answers NFS and MOUNT for the volumes below it. It is the top of a graph.';
  static readonly options = OPTIONS;
  static readonly foreign = FOREIGN;
  static readonly limitsAccess = true;
  static readonly children = [1, Infinity] as const;

  readonly volumes = new Map<string, Volume>();
  exports: readonly Export[] = [];
  /** By the paths they are mounted by. */
  exportPaths = new PathTree<Export>();
  /** The log for events that clients cause. */
  readonly peerLog: PeerLogger = new PeerLog(this.log);
  readonly accesses = new Accesses(this.peerLog, this.options['nfs.enable-ino32']);
  readonly actorOptions: NfsOptions = actorOptions(this.options);
  readonly #byKey = new Map<number, Volume>();
  readonly #exportById = new Map<number, Export>();
  #host: NfsHost | undefined;
  #handles: Handles | undefined;

  /** The option values, for who starts the service. */
  get settings(): typeof this.options {
    return this.options;
  }

  get host(): NfsHost {
    if (this.#host === undefined) throw new Error('nfs/server is not attached to a host yet');
    return this.#host;
  }

  get handles(): Handles {
    return (this.#handles ??= new Handles(this.host.handleKey));
  }

  /** Returns the file handle of an object. It is kept in the object's memo, since it is costly to sign. */
  handleOf(volumeKey: number, exportId: number, { gfid, hint, memo }: Iatt): Buffer {
    if (memo?.slot === this.slot) {
      const kept = memo.value as Buffer;
      if (isHandleIn(kept, volumeKey, exportId)) return kept;
    }
    const handle = this.handles.encode(volumeKey, exportId, gfid, hint);
    if (memo !== undefined) {
      memo.slot = this.slot;
      memo.value = handle;
    }
    return handle;
  }

  /** To be called once before any call. */
  attach(host: NfsHost): void {
    this.#host = host;
  }

  programs(): Program[] {
    return this.host.programsOf(this);
  }

  override async init(): Promise<void> {
    for (const child of this.children) {
      const volume = this.#volumeOf(child, await treeOf(child));
      const twin = [...this.volumes.values()].find(one => one.key === volume.key || sameId(one, volume));
      if (twin !== undefined) {
        const expected = `an option nfs3.${child.name}.volume-id of its own`;
        throw VolfileError.expected(child.where, expected, `the one of ${twin.name}`);
      }
      if (this.options['nfs.enable-ino32']) await this.#refuseWideCookies(volume);
      this.#byKey.set(volume.key, volume);
      this.volumes.set(child.name, volume);
    }
    const readOnlyBy = new Map(this.children.map(child => [child.name, child.readOnlyBy]));
    this.exports = exportsOf([...this.volumes.keys()], this.options, this.origins, readOnlyBy);
    for (const one of this.exports) {
      this.#exportById.set(exportKey(this.volumes.get(one.volume)!, one.id), one);
    }
    this.exportPaths = pathsOf(this.exports, this.where);
    if (this.env.stage === 0) for (const warning of waysAround(this.exports)) this.log.warn(warning);
  }

  #volumeOf(child: Xlator, tree: Buffer | undefined): Volume {
    const limit = this.options['nfs.mem-factor'] * INODES_PER_MEM_FACTOR;
    const table = new InodeTable({ limit, forget: forgetOf(child) });
    return new Volume(child, table, this.options['nfs3.*.volume-id'].get(child.name), tree);
  }

  /**
   * Returns the volume for the tree that its brick serves now. If that is another tree than before, it is a new volume
   * with an inode table and handles of its own, and the handles of the previous one are stale. @throws {FsError} as
   * `Xlator.volumeId`
   */
  async identify(name: string): Promise<Volume> {
    const { top } = this.volumes.get(name)!;
    const tree = await top.volumeId();
    const before = this.volumes.get(name)!;
    if (before.tree?.equals(tree)) return before;
    const volume = this.#volumeOf(top, tree);
    if (this.#byKey.has(volume.key)) throw new Error(`volume ${name} has the key of another volume`);
    volume.up = before.up;
    this.volumes.set(name, volume);
    this.#byKey.delete(before.key);
    this.#byKey.set(volume.key, volume);
    for (const one of this.exports) {
      if (one.volume !== name) continue;
      this.#exportById.delete(exportKey(before, one.id));
      this.#exportById.set(exportKey(volume, one.id), one);
    }
    return volume;
  }

  /** Asks all bricks which trees they serve. Needed for a handle whose tree was not known a moment ago. */
  async lookAgain(): Promise<void> {
    const asked = Promise.allSettled([...this.volumes.keys()].map(name => this.identify(name)));
    if ((await within(LOOK_MS, asked)) === undefined) throw new FsError('EJUKEBOX', 'a brick does not answer');
  }

  async #cameUp(name: string): Promise<void> {
    try {
      const volume = await this.identify(name);
      if (!volume.up) this.log.debug({ volume: name }, 'volume is up');
      volume.up = true;
    } catch (err) {
      this.log.warn({ err, volume: name }, 'the volume cannot be identified');
    }
  }

  /** Of directories below it on another file system their listings say: see `Frame.narrowCookies`. */
  async #refuseWideCookies(volume: Volume): Promise<void> {
    const { signal } = new AbortController();
    const frame: Frame = { identity: ROOT, client: '', signal, narrowCookies: true };
    try {
      await volume.top.readdir(frame, volume.table.root.fd, 1, 0n);
    } catch (error) {
      if (errnoOf(error) !== 'EOVERFLOW') return; // it is not there now: that shows elsewhere
      const expected = 'nfs.enable-ino32 off, or a file system whose directories have positions of 32 bits';
      throw VolfileError.expected(this.where, expected, `${volume.name} on one that has not`);
    }
  }

  override notify(event: GraphEvent, from?: Xlator): void {
    const volume = from === undefined ? undefined : this.volumes.get(from.name);
    if (event.kind === 'child-up' && volume !== undefined) {
      if (!volume.up) this.log.debug({ volume: volume.name }, 'volume is up');
      volume.up = volume.tree !== undefined;
      void this.#cameUp(volume.name);
    } else if (event.kind === 'child-down' && volume !== undefined) {
      volume.up = false;
      this.log.warn({ volume: volume.name }, 'volume is down; its calls are answered "try again later"');
      this.#host?.verifier.change(); // what the brick had not synced may be gone when it comes back
    } else if (event.kind === 'unstable-lost') {
      this.log.warn({ volume: volume?.name }, 'unstable writes may be lost; clients will send them again');
      this.#host?.verifier.change();
    } else {
      super.notify(event, from);
    }
  }

  /** Whether the tree of a handle is served, as far as is known. */
  knows(volumeKey: number): boolean {
    return this.#byKey.has(volumeKey);
  }

  /** The volume and export of a handle. @throws {FsError} ESTALE: neither is here any more; EJUKEBOX: not now */
  exportOf(volumeKey: number, exportId: number): { volume: Volume; on: Export } {
    const volume = this.#byKey.get(volumeKey);
    const on = volume && this.#exportById.get(exportKey(volume, exportId));
    if (on === undefined) {
      // The handle may be for the tree of a brick that has not answered yet which tree it serves.
      if ([...this.volumes.values()].some(unknown)) throw new FsError('EJUKEBOX', 'a brick does not answer');
      throw new FsError('ESTALE', 'the volume or directory is no longer exported, or has been replaced');
    }
    if (!volume!.up) throw new FsError('EJUKEBOX', `volume ${volume!.name} is down`);
    return { volume: volume!, on };
  }

  /** A frame of the server's own, for walking to what is mounted. */
  frame(call: Call): Frame {
    return { identity: ROOT, client: call.peer.address, signal: call.peer.signal };
  }
}

/** The id of the tree below, if the brick can tell it now. */
async function treeOf(child: Xlator): Promise<Buffer | undefined> {
  try {
    return await child.volumeId();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined; // the brick sends child-up when it can
  }
}

const unknown = ({ tree, top }: Volume): boolean =>
  tree === undefined && subtree(top).some(({ watch }) => watch !== undefined && (watch.hangs || !watch.ready));

const sameId = (one: Volume, other: Volume): boolean => one.id !== undefined && one.id === other.id;

function exportKey(volume: Volume, id: number): number {
  return volume.key * 0x1_0000 + id;
}
