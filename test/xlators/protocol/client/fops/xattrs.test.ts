import t from 'tap';
import { FileType } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import * as xattrs from '#src/xlators/protocol/client/fops/xattrs.ts';
import { frame } from '../../../../support/graph.ts';
import { DONE, iattx, refused, remoteOf } from '../../../../support/remote.ts';

const gfid = Buffer.alloc(16, 7);
const inode = new Inode(gfid, FileType.REG);
const { fd } = inode;
const nowhere = { prestat: iattx(gfid, 0), poststat: iattx(gfid, 0) };
const counters = Buffer.from('00000001000000000000ffff', 'hex');

t.test('getxattr asks for one value, or for all', async t => {
  const dict = new Map<string, string | number | Buffer>([
    ['user.a', Buffer.from('1')],
    ['glusterfs.ancestry.path', '/dir'],
    ['count', 5],
  ]);
  const answer = () => ({ ...DONE, dict, ...nowhere });
  const { remote, calls } = remoteOf({ GETXATTR: answer, FGETXATTR: answer });
  const values = {
    'user.a': Buffer.from('1'),
    'glusterfs.ancestry.path': Buffer.from('/dir'),
    count: Buffer.from('5'),
  };
  t.strictSame(Object.fromEntries(await xattrs.getxattr(remote, frame, inode)), values);
  await xattrs.getxattr(remote, frame, inode, 'user.a');
  await xattrs.fgetxattr(remote, frame, fd, 'user.a', new Map([['key', 1]]));
  t.match(calls, [
    { fop: 'GETXATTR', args: { gfid, namelen: 0, name: '' } },
    { fop: 'GETXATTR', args: { gfid, namelen: 6, name: 'user.a' } },
    { fop: 'FGETXATTR', args: { gfid, fd: -2, namelen: 6, name: 'user.a', xdata: new Map([['key', 1]]) } },
  ]);
});

t.test('getxattr: no xattrs, a missing one, an object that is gone', async t => {
  const { remote } = remoteOf({
    GETXATTR: ({ name }) =>
      name === ''
        ? { ...DONE, dict: undefined, ...nowhere }
        : { ...refused(name === 'x' ? 61 : 2), dict: new Map(), ...nowhere },
  });
  t.equal((await xattrs.getxattr(remote, frame, inode)).size, 0);
  await t.rejects(xattrs.getxattr(remote, frame, inode, 'x'), { code: 'ENODATA' });
  await t.rejects(xattrs.getxattr(remote, frame, inode, 'y'), { code: 'ESTALE' });
});

t.test('values are set and added as bytes', async t => {
  const dict = new Map([['trusted.afr.dirty', counters]]);
  const sums = () => ({ ...DONE, dict, ...nowhere });
  const done = () => DONE;
  const { remote, calls } = remoteOf({
    SETXATTR: done,
    FSETXATTR: done,
    REMOVEXATTR: done,
    FREMOVEXATTR: done,
    XATTROP: sums,
    FXATTROP: sums,
  });
  await xattrs.setxattr(remote, frame, inode, dict, 1);
  await xattrs.fsetxattr(remote, frame, fd, dict, 2);
  await xattrs.removexattr(remote, frame, inode, 'user.a');
  await xattrs.fremovexattr(remote, frame, fd, 'user.a');
  t.strictSame(await xattrs.xattrop(remote, frame, inode, 'add32', dict), dict);
  t.strictSame(await xattrs.fxattrop(remote, frame, fd, 'add64', dict, new Map([['get-size', 1]])), dict);
  t.match(calls, [
    { fop: 'SETXATTR', args: { gfid, flags: 1, dict } },
    { fop: 'FSETXATTR', args: { gfid, fd: -2, flags: 2, dict } },
    { fop: 'REMOVEXATTR', args: { gfid, name: 'user.a' } },
    { fop: 'FREMOVEXATTR', args: { gfid, fd: -2, name: 'user.a' } },
    { fop: 'XATTROP', args: { gfid, flags: 0, dict } },
    { fop: 'FXATTROP', args: { gfid, fd: -2, flags: 1, dict, xdata: new Map([['get-size', 1]]) } },
  ]);
});
