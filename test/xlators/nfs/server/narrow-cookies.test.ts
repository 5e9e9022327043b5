/** nfs.enable-ino32 where the listings' positions do not fit. */
import { join } from 'node:path';
import t from 'tap';
import { serveNfs } from '../../../support/nfs.ts';

/** As a brick on a file system of 64-bit positions that are no ext4's. */
const WIDE = `
import { FsError } from 'bricknfs/errno.ts';
import { Xlator } from 'bricknfs/graph/xlator.ts';
export default class extends Xlator {
  async readdir(frame, ...rest) {
    if (frame.narrowCookies) throw new FsError('EOVERFLOW', 'positions of 64 bits');
    return super.readdir(frame, ...rest);
  }
}`;

t.test('the start is refused, with what to do', async t => {
  const dir = t.testdir({ 'wide.ts': WIDE });
  const layers = `volume vol\n type file:${join(dir, 'wide.ts')}\n subvolumes brick\nend-volume\n`;
  await t.rejects(serveNfs(t, { layers, options: ['option nfs.enable-ino32 on'] }), {
    message: /expected nfs\.enable-ino32 off, or a file system .*positions of 32 bits.*found vol on one that has not/,
  });
  await t.resolves(serveNfs(t, { layers }));
});
