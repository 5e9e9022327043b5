import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { READ3args, READ3res } from '#protocols/nfs3/file.ts';
import { IO_BYTES_MAX } from '#src/xlators/nfs/server/options.ts';
import { nfs3Actor } from '../actor.ts';
import { postOpAfter, toFattr3 } from '../attributes.ts';
import { checkRegular } from '../names.ts';

export const read = nfs3Actor({
  name: 'READ',
  args: READ3args,
  res: READ3res,
  idempotent: true,
  changes: false,
  handle: args => args.file,
  replyBytes: ({ count }) => Math.min(count, IO_BYTES_MAX),

  async run(nfs, at, { offset, count }) {
    checkRegular(at);
    // RFC 1813, 3.3.6: at any offset behind the end, READ succeeds with no data and eof.
    const from = offset > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : offset;
    const size = count > nfs.options.readSize ? nfs.options.readSize : count;
    const reply = await at.volume.top.readv(at.frame, at.inode.fd, size, from);
    if (reply.release !== undefined) nfs.call.afterSend(reply.release);
    return {
      status: nfsstat3.NFS3_OK,
      file_attributes: toFattr3(nfs, reply.iatt),
      count: reply.data.length,
      eof: reply.eof,
      data: reply.data,
    };
  },

  async failed(nfs, status, at, error) {
    return { status, file_attributes: await postOpAfter(nfs, at, error) };
  },
});
