/** nfs.enable-ino32 on a file system whose directory positions do not fit into 32 bits. */
import { join } from 'node:path';
import t from 'tap';
import { serveNfs } from '../../../support/nfs.ts';

/** An xlator that acts like a brick on a file system with positions of 64 bits that is not ext4. */
const WIDE = `
import { FsError } from 'bricknfs/errno.ts';
import { Xlator } from 'bricknfs/graph/xlator.ts';
export default class extends Xlator {
  async readdir(frame, ...rest) {
    if (frame.narrowCookies) throw new FsError('EOVERFLOW', 'positions of 64 bits');
    return super.readdir(frame, ...rest);
  }
}`;

t.test('the start is refused with a remedy', async t => {
  const dir = t.testdir({ 'wide.ts': WIDE });
  const layers = `volume vol\n type file:${join(dir, 'wide.ts')}\n subvolumes brick\nend-volume\n`;
  await t.rejects(serveNfs(t, { layers, options: ['option nfs.enable-ino32 on'] }), {
    message: /expected nfs\.enable-ino32 off, or a file system .*positions of 32 bits.*found vol on one that has not/,
  });
  await t.resolves(serveNfs(t, { layers }));
});
