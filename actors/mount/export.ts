import { type exportnode, exports, MNTNAMLEN } from '#protocols/mount.ts';
import { nothing } from '#protocols/xdr/codec.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { ExportEntry, MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';
import { stringBytes, wholeList } from './whole-list.ts';

const nodeOf = ({ directory, groups }: ExportEntry): exportnode => ({
  ex_dir: directory,
  ex_groups: groups.map(group => ({ gr_name: group.slice(0, MNTNAMLEN) })),
});

const bytesOf = ({ ex_dir, ex_groups }: exportnode) =>
  ex_groups.reduce((bytes, { gr_name }) => bytes + 4 + stringBytes(gr_name), stringBytes(ex_dir) + 4);

/** Lists the exports, and which clients may mount each of them (RFC 1813, 5.2.5). */
export const exportActor: Actor<MountCall, void, readonly exportnode[]> = {
  name: 'EXPORT',
  args: nothing,
  res: exports,
  idempotent: true,
  run: mount => wholeList(mount, 'EXPORT', mount.exports().map(nodeOf), bytesOf),
};
