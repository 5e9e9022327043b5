/**
 * `nfs/server`: serves the volumes below it over NFS version 3. It knows what of them is exported to which clients, and
 * finds the inodes for the file handles of NFS3 and the paths of MOUNT. Its programs are handed to it, since what
 * procedures do is the actors' part.
 */
import { errnoOf, FsError } from '../../../errno.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Iatt } from '../../../graph/iatt.ts';
import { ROOT } from '../../../graph/identity.ts';
import type { XlatorConfig, XlatorSettings } from '../../../graph/xlator.ts';
import { Master } from '../../../master/master.ts';
import type { Subvolume } from '../../../master/subvolume.ts';
import type { Volume } from '../../../master/volume.ts';
import { PeerLog, type PeerLogger } from '../../../peer-log.ts';
import type { Call } from '../../../rpcsvc/actor.ts';
import { VolfileError } from '../../../volfile/volfile-error.ts';
import { within } from '../../../within.ts';
import { Accesses } from './exports/accesses.ts';
import type { Export } from './exports/exports.ts';
import { type ExportPlan, type ExportSettings, planExports } from './exports/plan-exports.ts';
import { waysAround } from './exports/ways-around.ts';
import { FOREIGN } from './foreign-options.ts';
import { Handles, isHandleIn } from './handle.ts';
import { HandleTargets } from './handle-targets.ts';
import type { MountTable } from './mount/mount-table.ts';
import { NfsHost } from './nfs-host.ts';
import { actorOptions, type NfsOptions, type NfsOptionValues, OPTIONS } from './options.ts';

/** The number of unused inodes that are remembered is `nfs.mem-factor` times this. */
const INODES_PER_MEM_FACTOR = 32_768;
/** How long a call waits for bricks to tell which trees they serve. */
const LOOK_MS = 2000;

export class NfsServer extends Master<typeof OPTIONS> {
  static readonly doc = 'Answers NFS and MOUNT for the volumes below it. It is the top of a graph.';
  static readonly options = OPTIONS;
  static readonly foreign = FOREIGN;
  static readonly limitsAccess = true;

  readonly handles: Handles;
  /** The mount table, one for all stages. */
  readonly mounts: MountTable;
  /** The log for events that clients cause. */
  readonly peerLog: PeerLogger = new PeerLog(this.log);
  accesses = this.#newAccesses();
  actorOptions: NfsOptions = actorOptions(this.options);
  #planned: ExportPlan<Subvolume> | undefined;
  #targets: HandleTargets | undefined;

  constructor(config: XlatorConfig<typeof OPTIONS>) {
    super(config);
    const { host } = config.env;
    if (!(host instanceof NfsHost)) throw new Error('expected an environment with a host for nfs/server');
    this.handles = new Handles(host.handleKey);
    this.mounts = host.mounts;
  }

  get settings(): NfsOptionValues {
    return this.options;
  }

  /** The exports, and the paths by which they are mounted. */
  get planned(): ExportPlan<Subvolume> {
    return this.#planned!;
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

  protected override get inodes(): number {
    return this.options['nfs.mem-factor'] * INODES_PER_MEM_FACTOR;
  }

  override async init(): Promise<void> {
    await super.init();
    const { where, options, origins } = this;
    this.#plan({ where, options, origins })();
    if (!this.options['nfs.enable-ino32']) return;
    // One after the other, so that the error names the first volume in the volfile that is refused.
    for (const { volume } of this.subvolumes.values()) await this.#refuseWideCookies(volume);
  }

  /** Calls under way finish under the rules that they began with. */
  override reconfigure(settings: XlatorSettings<typeof OPTIONS>): () => void {
    const change = super.reconfigure(settings);
    const { where, options, origins = new Map<string, string>() } = settings;
    const serve = this.#plan({ where, options, origins });
    return () => {
      change();
      serve();
      this.accesses = this.#newAccesses();
      this.actorOptions = actorOptions(options);
    };
  }

  /** Plans the exports that the options ask for. Returns what makes them the ones that are served. */
  #plan({ where, options, origins }: ExportSettings): () => void {
    const subvolumes = [...this.subvolumes.values()];
    const planned = planExports(subvolumes, { where, options, origins });
    const targets = new HandleTargets(subvolumes, planned.exports, options['nfs3.*.volume-id']);
    return () => {
      this.#planned = planned;
      this.#targets = targets;
      if (this.env.stage === 0) for (const warning of waysAround(planned.exports)) this.log.warn(warning);
    };
  }

  #newAccesses(): Accesses {
    return new Accesses(this.peerLog, this.options['nfs.enable-ino32']);
  }

  /**
   * Refuses a volume whose root has cookies of more than 32 bits. A directory of another file system below it is
   * refused when it is listed, see `Frame.narrowCookies`.
   */
  async #refuseWideCookies({ name, top, table }: Volume): Promise<void> {
    const { signal } = new AbortController();
    const frame: Frame = { identity: ROOT, client: '', signal, narrowCookies: true };
    try {
      await top.readdir(frame, table.root.fd, 1, 0n);
    } catch (error) {
      if (errnoOf(error) !== 'EOVERFLOW') return; // a volume that cannot be listed now is reported elsewhere
      const expected = 'nfs.enable-ino32 off, or a file system whose directories have positions of 32 bits';
      throw VolfileError.expected(this.where, expected, `${name} on one that has not`);
    }
  }

  /**
   * Asks all bricks which trees they serve, on behalf of a handle of an unknown tree: the directory of a brick may have
   * been replaced since it was last asked.
   */
  async lookAgain(): Promise<void> {
    const asked = Promise.allSettled([...this.subvolumes.values()].map(subvolume => subvolume.identify()));
    if ((await within(LOOK_MS, asked)) === undefined) throw new FsError('EJUKEBOX', 'a brick does not answer');
  }

  /** Whether the tree of a handle is known to be served. */
  knows(volumeKey: number): boolean {
    return this.#targets!.find(volumeKey) !== undefined;
  }

  /** The number that identifies the volume in file handles. */
  keyOf(subvolume: Subvolume): number {
    return this.#targets!.keyOf(subvolume);
  }

  /**
   * Returns the export of a handle.
   * @throws {FsError} ESTALE: it is not exported any more; EJUKEBOX: that is not known, or its volume is down
   */
  exportOf(volumeKey: number, exportId: number): Export<Subvolume> {
    const on = this.#targets!.find(volumeKey)?.get(exportId);
    if (on === undefined) {
      // The handle may be for the tree of a brick that has not answered yet which tree it serves.
      if ([...this.subvolumes.values()].some(({ isUnknown }) => isUnknown)) {
        throw new FsError('EJUKEBOX', 'a brick does not answer');
      }
      throw new FsError('ESTALE', 'the volume or directory is no longer exported, or has been replaced');
    }
    requireUp(on.volume);
    return on;
  }

  /** Returns a frame of the server's own, for walking to what is mounted. */
  frame(call: Call): Frame {
    return { identity: ROOT, client: call.peer.address, signal: call.peer.signal };
  }
}

/** @throws {FsError} EJUKEBOX: the volume is down */
export function requireUp({ up, name }: Subvolume): void {
  if (!up) throw new FsError('EJUKEBOX', `volume ${name} is down`);
}
