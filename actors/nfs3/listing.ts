/** The common part of READDIR and READDIRPLUS: one page of a listing, which is as long as the client allows. */
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { LIST_BYTES } from '#protocols/nfs3/directory.ts';
import { errnoOf, FsError } from '#src/errno.ts';
import { COOKIE_MAX } from '#src/graph/fops/cookies.ts';
import type { Dirent, DirList } from '#src/graph/fops.ts';
import { FileType, type Iatt } from '#src/graph/iatt.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { fileidOf } from './attributes.ts';
import { StatusError } from './status.ts';
import { UnaskedError } from './unasked.ts';

/** With nfs.enable-ino32 clients get cookies of 32 bits. */
const NARROW_MAX = 0xffff_ffffn;

/**
 * The cookie verifier of every directory. RFC 1813, 3.3.16 lets a server refuse the cookies of a directory that has
 * changed. The cookies of this server stay valid, so it does not look at the verifier that a client sends.
 */
export const COOKIEVERF = Buffer.alloc(8);

type Fop = 'readdir' | 'readdirp';

export interface Page<Entry> {
  readonly dir: Iatt;
  readonly entries: Entry[];
  readonly eof: boolean;
}

/**
 * Lists the directory from behind `cookie` on. `take` makes an entry of the page from an entry of the directory, and
 * returns `undefined` once the page is full. The brick is asked for `bytes.asked` bytes; the page has `bytes.room`.
 * @throws {StatusError} TOOSMALL if the page has no room for the first entry, or for an empty list
 */
export async function pageOf<Entry>(
  nfs: NfsCall,
  at: Resolved,
  fop: Fop,
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
    list = await listedBy(nfs, at, fop, bytes.asked, cookie);
  } catch (error) {
    if (errnoOf(error) === 'EOVERFLOW') throw tooWide(nfs, at, String(error));
    // The brick's file system has no such position, so the cookie did not come from this server.
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
  // Given neither an entry nor the end, the client would repeat the call for ever.
  if (entries.length === 0 && !list.eof) throw new FsError('EIO', 'the listing has neither an entry nor an end');
  return { dir: list.iatt, entries, eof: list.eof };
}

function listedBy(nfs: NfsCall, { volume, frame, inode }: Resolved, fop: Fop, size: number, cookie: bigint) {
  return nfs.options.readdirAhead
    ? volume.ahead.list(frame, inode, fop, size, cookie)
    : volume.top[fop](frame, inode.fd, size, cookie);
}

/**
 * The file id to list for an entry. As with LOOKUP, `..` of an export's top is the top itself, and so is any `..` that
 * leads out of an export.
 */
export function listedFileid(nfs: NfsCall, { place }: Resolved, { name, ino }: Dirent, dir: Iatt): bigint {
  return fileidOf(nfs, name === '..' && place !== 'below' ? dir.ino : ino);
}

/** Logs that the directory has positions that do not fit into cookies, for which RFC 1813, 3.3.16 has no status. */
function tooWide({ log, call }: NfsCall, { volume }: Resolved, reason: string): StatusError {
  const { address: client } = call.peer;
  log.error(
    { client, volume: volume.name, reason },
    'a directory cannot be listed: its positions do not fit into cookies, which have 32 bits if nfs.enable-ino32 is on',
  );
  return new StatusError(nfsstat3.NFS3ERR_SERVERFAULT, reason);
}

function tooSmall(room: number): StatusError {
  return new StatusError(nfsstat3.NFS3ERR_TOOSMALL, `no entry fits into ${room} bytes`);
}
