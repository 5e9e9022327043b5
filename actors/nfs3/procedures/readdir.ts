import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { type entry3, entry3Bytes, LIST_BYTES, READDIR3args, READDIR3res } from '#protocols/nfs3/directory.ts';
import type { Dirent } from '#src/graph/fops.ts';
import type { Iatt } from '#src/graph/iatt.ts';
import { IO_BYTES_MAX } from '#src/xlators/nfs/server/options.ts';
import { nfs3Actor } from '../actor.ts';
import { postOpAfter, toFattr3 } from '../attributes.ts';
import { COOKIEVERF, listedFileid, pageOf } from '../listing.ts';

export const readdir = nfs3Actor({
  name: 'READDIR',
  args: READDIR3args,
  res: READDIR3res,
  idempotent: true,
  changes: false,
  handle: args => args.dir,
  replyBytes: ({ count }) => Math.min(count, IO_BYTES_MAX),

  async run(nfs, at, { cookie, count }) {
    if (at.exportId !== 0) await nfs.locate(at);
    const room = Math.min(count, nfs.options.readdirSize);
    let left = room - LIST_BYTES;

    function take(dirent: Dirent, dir: Iatt): entry3 | undefined {
      const { name, cookie } = dirent;
      left -= entry3Bytes(name);
      return left < 0 ? undefined : { fileid: listedFileid(nfs, at, dirent, dir), name, cookie };
    }

    const { dir, entries, eof } = await pageOf(nfs, at, 'readdir', cookie, { asked: room - LIST_BYTES, room }, take);
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
