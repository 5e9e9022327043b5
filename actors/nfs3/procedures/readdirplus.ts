import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import {
  dirlistplus3,
  entry3Bytes,
  entryplus3Bytes,
  LIST_BYTES,
  READDIRPLUS3args,
  writeBareEntryplus3,
  writeEntryplus3,
} from '#protocols/nfs3/directory.ts';
import { cookieverf3, post_op_attr, result3 } from '#protocols/nfs3/types.ts';
import { type Codec, struct } from '#protocols/xdr/codec.ts';
import type { XdrWriter } from '#protocols/xdr/stream.ts';
import { type Dirent, direntBytes } from '#src/graph/fops.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { IO_BYTES_MAX } from '#src/xlators/nfs/server/options.ts';
import { nfs3Actor } from '../actor.ts';
import { fileidOf, postOpAfter, toFattr3 } from '../attributes.ts';
import { COOKIEVERF, listedFileid, type Page, pageOf } from '../listing.ts';
import { UnaskedError } from '../unasked.ts';

/**
 * How many bytes the brick counts for an entry with attributes, for each byte that `dircount` counts for it. A name of
 * one byte has the largest such ratio, which this is.
 */
const BYTES_PER_DIR_BYTE = direntBytes(1, true) / entry3Bytes('x');
/**
 * The bytes of attributes that the brick returns for `..` in the top directory of an export, and clients do not get. It is
 * among the first entries of a directory.
 */
const UNSHOWN_BYTES = direntBytes(2, true) - direntBytes(2, false);

/**
 * The entries of the reply. The objects are not entered in the inode table: their handles find them anyway, and most
 * listed objects are never used.
 */
class Entries {
  readonly #nfs: NfsCall;
  readonly #at: Resolved;
  /** The handle of each entry that is shown with its attributes. */
  readonly handles: (Buffer | undefined)[] = [];
  #list: Page<Dirent> | undefined;

  constructor(nfs: NfsCall, at: Resolved) {
    this.#nfs = nfs;
    this.#at = at;
  }

  /** Adds the handle of the next entry, if it is shown with its attributes. Returns how many bytes the entry takes. */
  add({ name, iatt }: Dirent): number {
    const isShown = iatt !== undefined && (name !== '..' || this.#at.place === 'below');
    const handle = isShown ? this.#nfs.handleOf(this.#at, iatt) : undefined;
    this.handles.push(handle);
    return entryplus3Bytes(name, handle === undefined ? 0 : handle.length);
  }

  /** Sets what is written: as many entries as are in the page, without those that had no room. */
  of(list: Page<Dirent>): this {
    this.#list = list;
    return this;
  }

  write(to: XdrWriter): void {
    const nfs = this.#nfs;
    const { entries, dir, eof } = this.#list!;
    for (let i = 0; i < entries.length; i++) {
      const dirent = entries[i]!;
      const { name, cookie, iatt } = dirent;
      const handle = this.handles[i];
      if (handle === undefined) writeBareEntryplus3(to, name, listedFileid(nfs, this.#at, dirent, dir), cookie);
      else writeEntryplus3(to, name, fileidOf(nfs, iatt!.ino), cookie, iatt!, handle);
    }
    to.bool(false);
    to.bool(eof);
  }
}

/** A dirlistplus3 that is written entry by entry: for hundreds of entries, objects would take longer than their bytes. */
const written: Codec<Entries> = {
  shape: dirlistplus3.shape,
  encode: (to, entries) => entries.write(to),
  decode() {
    throw new TypeError('clients read a READDIRPLUS3res');
  },
};

/** The bytes are those of a READDIRPLUS3res. */
const results = result3(
  struct({ dir_attributes: post_op_attr, cookieverf: cookieverf3, reply: written }),
  struct({ dir_attributes: post_op_attr }),
);

/**
 * Removes the attributes and the handle of `..` if the directory was moved while it was listed, and `..` now leads out
 * of the export.
 */
async function hideOutsideParent(nfs: NfsCall, at: Resolved, { handles }: Entries, { entries, dir }: Page<Dirent>) {
  const found = entries.findIndex(({ name }) => name === '..');
  const up = entries[found];
  if (up?.iatt === undefined || (await nfs.holds(at, up.iatt))) return;
  entries[found] = { name: '..', ino: dir.ino, cookie: up.cookie };
  handles[found] = undefined;
}

export const readdirplus = nfs3Actor({
  name: 'READDIRPLUS',
  args: READDIRPLUS3args,
  res: results,
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
    const reply = new Entries(nfs, at);

    function take(dirent: Dirent): Dirent | undefined {
      const bytes = entry3Bytes(dirent.name);
      dirLeft -= bytes;
      // `dircount` is a hint, which knfsd ignores. It ends a page here, but a page always has room for one entry.
      if ((dirLeft < 0 && !isFirst) || left < bytes) return undefined;
      isFirst = false;
      left -= reply.add(dirent);
      return left < 0 ? undefined : dirent;
    }

    // In the bytes that the brick counts: enough to fill the reply, or to reach `dircount`.
    const shown = room - LIST_BYTES + (cookie === 0n ? UNSHOWN_BYTES : 0);
    const asked = Math.min(shown, Math.ceil(dircount * BYTES_PER_DIR_BYTE));
    const page = await pageOf(nfs, at, fop, cookie, { asked, room }, take);
    if (isPart) await hideOutsideParent(nfs, at, reply, page);
    return {
      status: nfsstat3.NFS3_OK,
      dir_attributes: toFattr3(nfs, page.dir),
      cookieverf: COOKIEVERF,
      reply: reply.of(page),
    };
  },

  async failed(nfs, status, at, error) {
    return { status, dir_attributes: await postOpAfter(nfs, at, error) };
  },
});
