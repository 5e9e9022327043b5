/** The extended attributes and the keys of xdata by which clients of a distributed volume and its bricks agree. */
import type { Xdata } from '../../../graph/fops.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';

/** The range of a subvolume, on its copy of a directory. */
export const LAYOUT = 'trusted.glusterfs.dht';
/** The name of the subvolume that has the data, on a linkto file and on a file that is being migrated. */
export const LINKTO = 'trusted.glusterfs.dht.linkto';
/** Marks the copy of a directory that has its attributes right, and counts what the others may lack. */
export const MDS = 'trusted.glusterfs.dht.mds';
/** The commit hash of the volume, as decimal digits, on its root. */
const COMMIT = 'trusted.glusterfs.dht.commithash';

export const PREOP_KEY = 'glusterfs.preop.parent.key';
export const PREOP_FAILED = 'glusterfs.preop.check.failed';
export const INTERNAL_FOP = 'glusterfs-internal-fop';
/** An unlink with this removes a linkto file, and nothing else. */
export const ONLY_LINKTO: Xdata = new Map([['unlink-only-if-dht-linkto-file', 1]]);
/** The same, unless the rebalance daemon has it open to fill it, or another client. */
export const ONLY_UNUSED_LINKTO: Xdata = new Map([...ONLY_LINKTO, ['dont-unlink-for-open-fd', 1]]);

/**
 * On the new place of a file that is being migrated: clients have changed the data there, which the rebalance daemon may not
 * write over with what it has read before. A WRITE with this key sets it; the daemon removes it.
 */
export const PROTECT = 'trusted.glusterfs.protect.writes';
const PROTECTING: Xdata = new Map([[PROTECT, 1]]);

/** The domains of the locks. */
export const Domain = {
  LAYOUT: 'dht.layout.heal',
  ENTRY: 'dht.entry.sync',
  MIGRATE: 'dht.file.migrate',
} as const;

/** The mode of a linkto file: the sticky bit alone. */
export const LINKTO_MODE = 0o1000;
/** The bits that a file has, besides its own, while its data are being copied to another subvolume. */
export const MIGRATING = 0o3000;

const ASK: Xdata = new Map([
  [LAYOUT, 16],
  [LINKTO, 256],
  [MDS, 4],
]);
const ASK_ROOT: Xdata = new Map([...ASK, [COMMIT, 16]]);
const ASK_LINKTO: Xdata = new Map([[LINKTO, 256]]);

const adding = (keys: Xdata, xdata: Xdata | undefined): Xdata =>
  xdata === undefined ? keys : new Map([...xdata, ...keys]);

/** What a lookup must ask for, besides what its caller asks. */
export const asking = (xdata?: Xdata, isRoot = false): Xdata => adding(isRoot ? ASK_ROOT : ASK, xdata);
/** What a listing must ask for each entry. */
export const askingLinkto = (xdata?: Xdata): Xdata => adding(ASK_LINKTO, xdata);

/** What a WRITE in the new place of a file must say. */
export const protecting = (xdata?: Xdata): Xdata => adding(PROTECTING, xdata);

const textOf = (value: Xdata extends ReadonlyMap<string, infer V> ? V | undefined : never): string | undefined => {
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('latin1').replace(/\0.*$/s, '') : undefined;
};

/** The name of the subvolume in an answer's linkto. */
export const linktoOf = (xdata: Xdata | undefined): string | undefined => textOf(xdata?.get(LINKTO));

/** The commit hash of the volume in the answer for its root: 0 if there was no rebalance yet. */
export function commitOf(xdata: Xdata | undefined): number {
  const text = textOf(xdata?.get(COMMIT)) ?? '';
  return /^\d{1,10}$/.test(text) ? Number(text) : 0;
}

/** Whether the file has no data and only tells where they are. */
export const isLinkto = ({ type, mode }: Iatt, xdata: Xdata | undefined): boolean =>
  type === FileType.REG && mode === LINKTO_MODE && xdata?.has(LINKTO) === true;

/** Whether the mode is that of a linkto file; a file of a user may have the same. */
export const looksLikeLinkto = (iatt: Iatt | undefined): boolean =>
  iatt !== undefined && iatt.type === FileType.REG && iatt.mode === LINKTO_MODE;

/** Whether the mode is that of a file whose data are being copied; a file of a user may have the same. */
export const looksMigrating = (iatt: Iatt | undefined): boolean =>
  iatt !== undefined && iatt.type === FileType.REG && (iatt.mode & MIGRATING) === MIGRATING;

/** The attributes of a file that is being migrated, as users see them. */
export const unmarked = <I extends Iatt>(iatt: I): I => ({ ...iatt, mode: iatt.mode & ~MIGRATING });
