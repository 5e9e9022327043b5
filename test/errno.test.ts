import t from 'tap';
import { errnoOf, ERRNO, FsError } from '#src/errno.ts';

t.test('an errno has a number and a name', async t => {
  t.match(FsError.of(ERRNO.ENOENT, 'lookup of a'), { code: 'ENOENT', message: 'ENOENT: lookup of a' });
  t.equal(FsError.of(11, '').code, 'EAGAIN', 'not the alias EWOULDBLOCK');
  t.equal(FsError.of(35, '').code, 'EDEADLK');
  t.equal(FsError.of(122, '').code, 'EDQUOT');
  t.equal(FsError.of(9999, '').code, 'EIO', 'a number without a name is EIO');
});

t.test('an errno is read from any error', async t => {
  t.equal(errnoOf(new FsError('EROFS')), 'EROFS');
  t.equal(errnoOf(Object.assign(new Error('fs'), { code: 'ENOSPC' })), 'ENOSPC', 'an error of Node.js');
  const nameless = { code: 'Unknown system error -122', errno: -122, syscall: 'write' };
  t.equal(errnoOf(Object.assign(new Error('fs'), nameless)), 'EDQUOT', 'a number that libuv has no name for');
  t.equal(errnoOf(Object.assign(new Error('fs'), { ...nameless, errno: -9999 })), 'EIO', 'a number without any name');
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
