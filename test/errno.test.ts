import t from 'tap';
import { errnoOf, ERRNO, FsError } from '#src/errno.ts';

t.test('numbers and names', async t => {
  t.match(FsError.of(ERRNO.ENOENT, 'lookup of a'), { code: 'ENOENT', message: 'ENOENT: lookup of a' });
  t.equal(FsError.of(11, '').code, 'EAGAIN', 'not its alias');
  t.equal(FsError.of(35, '').code, 'EDEADLK');
  t.equal(FsError.of(122, '').code, 'EDQUOT');
  t.equal(FsError.of(9999, '').code, 'EIO', 'what has no name');
});

t.test('the errno of what was thrown', async t => {
  t.equal(errnoOf(new FsError('EROFS')), 'EROFS');
  t.equal(errnoOf(Object.assign(new Error('fs'), { code: 'ENOSPC' })), 'ENOSPC', "Node's own");
  const nameless = { code: 'Unknown system error -122', errno: -122, syscall: 'write' };
  t.equal(errnoOf(Object.assign(new Error('fs'), nameless)), 'EDQUOT', 'one that libuv has no name for');
  t.equal(errnoOf(Object.assign(new Error('fs'), { ...nameless, errno: -9999 })), 'EIO', 'nor anybody else');
  for (const other of [
    new Error('x'),
    Object.assign(new Error('x'), { code: 122, errno: 'x' }),
    Object.assign(new Error('x'), { code: 'ERR_ASSERTION' }),
    'ENOENT',
    undefined,
    { code: 'EIO' },
  ]) {
    t.equal(errnoOf(other), undefined);
  }
});
