import t from 'tap';
import { toFileAttr, toSetAttr, toTime3 } from '#actors/nfs3/attributes.ts';
import { time_how } from '#protocols/nfs3/constants.ts';
import type { sattr3 } from '#protocols/nfs3/types.ts';

const NOTHING: sattr3 = {
  mode: undefined,
  uid: undefined,
  gid: undefined,
  size: undefined,
  atime: { set_it: time_how.DONT_CHANGE },
  mtime: { set_it: time_how.DONT_CHANGE },
};
const at = (seconds: number, nseconds: number) =>
  ({ set_it: time_how.SET_TO_CLIENT_TIME, time: { seconds, nseconds } }) as const;

t.test('a time outside of 1970 to 2106 becomes the nearest end', async t => {
  t.strictSame(toTime3(-1, 5), { seconds: 0, nseconds: 5 });
  t.strictSame(toTime3(1, 999_999_999), { seconds: 1, nseconds: 999_999_999 });
  t.strictSame(toTime3(2 ** 32, 0), { seconds: 2 ** 32 - 1, nseconds: 0 });
});

t.test('attributes that are not to be set are absent', async t => {
  t.strictSame(toFileAttr(NOTHING), {});
});

t.test('attributes that are to be set', async t => {
  const sattr = {
    ...NOTHING,
    mode: 0o100_644,
    uid: 1,
    gid: 2,
    size: 3,
    atime: { set_it: 1 } as const,
    mtime: at(4, 5),
  };
  const attr = { mode: 0o644, uid: 1, gid: 2, atime: 'now', mtime: { sec: 4, nsec: 5 } } as const;
  t.strictSame(toFileAttr(sattr), { ...attr, size: 3 });
  t.strictSame(toSetAttr(sattr), attr, 'only a regular file has a size to set');
});

t.test('an id of 2^32 - 1 is not set, as with chown(2) and in knfsd', async t => {
  t.strictSame(toSetAttr({ ...NOTHING, uid: 0xffff_ffff, gid: 5 }), { gid: 5 });
  t.strictSame(toSetAttr({ ...NOTHING, uid: 5, gid: 0xffff_ffff }), { uid: 5 });
});

t.test('times that have a special meaning for the kernel are refused', async t => {
  t.throws(() => toSetAttr({ ...NOTHING, atime: at(0, 0x3fff_ffff) }), { code: 'EINVAL' }, 'UTIME_NOW');
  t.throws(() => toSetAttr({ ...NOTHING, mtime: at(0, 1_000_000_000) }), { code: 'EINVAL' });
  t.throws(() => toFileAttr({ ...NOTHING, size: Infinity }), { code: 'EFBIG' });
});
