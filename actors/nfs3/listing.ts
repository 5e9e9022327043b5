/** What READDIR and READDIRPLUS share: a page of a directory that is exactly as long as the client allows. */
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { LIST_BYTES } from '#protocols/nfs3/directory.ts';
import { errnoOf, FsError } from '#src/errno.ts';
import type { Dirent, DirList } from '#src/graph/fops.ts';
import { FileType, type Iatt } from '#src/graph/iatt.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { fileidOf } from './attributes.ts';
import { StatusError } from './status.ts';
import { UnaskedError } from './unasked.ts';

/** A brick's cookies are positions: 63 bits. */
const COOKIE_MAX = 0x7fff_ffff_ffff_ffffn;
const NARROW_MAX = 0xffff_ffffn;

/**
 * Always zero. RFC 1813, 3.3.16 lets a server refuse the cookies of a directory that has changed; ours stay good, so
 * there is nothing to verify, and a client that comes with another's verifier goes on all the same.
 */
export const COOKIEVERF = Buffer.alloc(8);

export interface Page<Entry> {
  readonly dir: Iatt;
  readonly entries: Entry[];
  readonly eof: boolean;
}

/**
 * Entries behind `cookie` for as long as `take` makes one of them; `undefined` from it says that the page is full.
 * @throws {StatusError} TOOSMALL when not even the first fits, or not even the end of the list
 */
export async function pageOf<Entry>(
  nfs: NfsCall,
  at: Resolved,
  fop: 'readdir' | 'readdirp',
  cookie: bigint,
  bytes: { asked: number; room: number },
  take: (entry: Dirent, dir: Iatt) => Entry | undefined,
): Promise<Page<Entry>> {
  if (at.inode.type !== FileType.DIR) throw new UnaskedError('ENOTDIR');
  const cookieMax = at.frame.narrowCookies ? NARROW_MAX : COOKIE_MAX;
  if (cookie > cookieMax) throw new StatusError(nfsstat3.NFS3ERR_BAD_COOKIE, `cookie ${cookie}`);
  if (bytes.room < LIST_BYTES) throw tooSmall(bytes.room);
  let list: DirList;
  try {
    list = await at.volume.top[fop](at.frame, at.inode.fd, bytes.asked, cookie);
  } catch (error) {
    if (errnoOf(error) === 'EOVERFLOW') throw tooWide(nfs, at, String(error));
    // A position that the brick's file system cannot have: a cookie that is none of ours.
    if (cookie === 0n || errnoOf(error) !== 'EINVAL') throw error;
    throw new StatusError(nfsstat3.NFS3ERR_BAD_COOKIE, `cookie ${cookie}`);
  }
  const entries: Entry[] = [];
  for (const dirent of list.entries) {
    if (dirent.cookie > cookieMax) throw tooWide(nfs, at, `cookie ${dirent.cookie}`);
    const entry = take(dirent, list.iatt);
    if (entry === undefined) {
      if (entries.length === 0) throw tooSmall(bytes.room);
      return { dir: list.iatt, entries, eof: false };
    }
    entries.push(entry);
  }
  // Without an entry and without the end the client would repeat the call for ever.
  if (entries.length === 0 && !list.eof) throw new FsError('EIO', 'the listing has neither an entry nor an end');
  return { dir: list.iatt, entries, eof: list.eof };
}

/**
 * The file id to list for an entry. As with LOOKUP, `..` of an export's top is the top itself, and so is any `..` that
 * leads out of an export.
 */
export function listedFileid(nfs: NfsCall, { place }: Resolved, { name, ino }: Dirent, dir: Iatt): bigint {
  return fileidOf(nfs, name === '..' && place !== 'below' ? dir.ino : ino);
}

/** RFC 1813, 3.3.16 has no word for a brick whose positions do not fit the client's cookies. */
function tooWide({ log, call }: NfsCall, { volume }: Resolved, reason: string): StatusError {
  const { address: client } = call.peer;
  log.error({ client, volume: volume.name, reason }, 'a directory that cannot be listed: is nfs.enable-ino32 needed?');
  return new StatusError(nfsstat3.NFS3ERR_SERVERFAULT, reason);
}

function tooSmall(room: number): StatusError {
  return new StatusError(nfsstat3.NFS3ERR_TOOSMALL, `no entry fits into ${room} bytes`);
}
