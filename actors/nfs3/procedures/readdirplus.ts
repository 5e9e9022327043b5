import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { entry3Bytes, type entryplus3, entryplus3Bytes, LIST_BYTES } from '#protocols/nfs3/directory.ts';
import { READDIRPLUS3args, READDIRPLUS3res } from '#protocols/nfs3/directory.ts';
import { type Dirent, direntBytes } from '#src/graph/fops.ts';
import type { Iatt } from '#src/graph/iatt.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { IO_BYTES_MAX } from '#src/xlators/nfs/server/options.ts';
import { nfs3Actor } from '../actor.ts';
import { fileidOf, postOpAfter, toFattr3 } from '../attributes.ts';
import { COOKIEVERF, listedFileid, pageOf } from '../listing.ts';
import { UnaskedError } from '../unasked.ts';

/**
 * How many bytes the brick counts for an entry with attributes, for each byte that `dircount` counts for it. A name of
 * one byte has the largest such ratio, which this is.
 */
const BYTES_PER_DIR_BYTE = direntBytes(1, true) / entry3Bytes('x');
/**
 * The bytes of attributes that the brick returns for `..` in the top directory of an export, and clients do not get.
 */
const UNSHOWN_BYTES = direntBytes(2, true) - direntBytes(2, false);

/**
 * Makes an entry of the reply. The object is not entered in the inode table: its handle finds it anyway, and most
 * listed objects are never used.
 */
function entryOf(nfs: NfsCall, at: Resolved, dirent: Dirent, dir: Iatt): entryplus3 {
  const { name, cookie, iatt } = dirent;
  if (iatt === undefined || (name === '..' && at.place !== 'below')) {
    return nameOnly(name, cookie, listedFileid(nfs, at, dirent, dir));
  }
  const name_attributes = toFattr3(nfs, iatt);
  return { fileid: name_attributes.fileid, name, cookie, name_attributes, name_handle: nfs.handleOf(at, iatt) };
}

const nameOnly = (name: string, cookie: bigint, fileid: bigint): entryplus3 => ({
  fileid,
  name,
  cookie,
  name_attributes: undefined,
  name_handle: undefined,
});

/**
 * Removes the attributes and the handle of `..` if the directory was moved while it was listed, and `..` now leads out
 * of the export.
 */
async function hideOutsideParent(nfs: NfsCall, at: Resolved, entries: entryplus3[], up: Dirent | undefined, dir: Iatt) {
  if (up?.iatt === undefined || (await nfs.holds(at, up.iatt))) return;
  const found = entries.findIndex(({ name }) => name === '..');
  if (found >= 0) entries[found] = nameOnly('..', up.cookie, fileidOf(nfs, dir.ino));
}

export const readdirplus = nfs3Actor({
  name: 'READDIRPLUS',
  args: READDIRPLUS3args,
  res: READDIRPLUS3res,
  idempotent: true,
  changes: false,
  handle: args => args.dir,
  replyBytes: ({ maxcount }) => Math.min(maxcount, IO_BYTES_MAX),

  async run(nfs, at, { cookie, dircount, maxcount }) {
    if (!nfs.options.readdirplus) throw new UnaskedError('ENOTSUPP', 'nfs.rdirplus is off');
    const room = Math.min(maxcount, nfs.options.readdirSize);
    let left = room - LIST_BYTES;
    let dirLeft = dircount;
    let isFirst = true;
    const isPart = at.exportId !== 0;
    // A directory that was moved out of the export still lists names, but no attributes or handles of its entries.
    const fop = isPart && (await nfs.locate(at)) === 'outside' ? 'readdir' : 'readdirp';
    let up: Dirent | undefined;

    function take(dirent: Dirent, dir: Iatt): entryplus3 | undefined {
      const { name } = dirent;
      const bytes = entry3Bytes(name);
      dirLeft -= bytes;
      // `dircount` is a hint, which knfsd ignores. It ends a page here, but a page always has room for one entry.
      if ((dirLeft < 0 && !isFirst) || left < bytes) return undefined;
      isFirst = false;
      if (name === '..') up = dirent;
      const entry = entryOf(nfs, at, dirent, dir);
      left -= entryplus3Bytes(name, entry.name_handle?.length ?? 0);
      return left < 0 ? undefined : entry;
    }

    // In the bytes that the brick counts: enough to fill the reply, or to reach `dircount`.
    const asked = Math.min(room - LIST_BYTES + UNSHOWN_BYTES, Math.ceil(dircount * BYTES_PER_DIR_BYTE));
    const { dir, entries, eof } = await pageOf(nfs, at, fop, cookie, { asked, room }, take);
    if (isPart) await hideOutsideParent(nfs, at, entries, up, dir);
    return {
      status: nfsstat3.NFS3_OK,
      dir_attributes: toFattr3(nfs, dir),
      cookieverf: COOKIEVERF,
      reply: { entries, eof },
    };
  },

  async failed(nfs, status, at, error) {
    return { status, dir_attributes: await postOpAfter(nfs, at, error) };
  },
});
