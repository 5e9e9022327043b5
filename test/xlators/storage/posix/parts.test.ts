/** The parts of the brick, each on its own. */
import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { HINT_MAX } from '#src/graph/iatt.ts';
import { readBuffers } from '#src/xlators/storage/posix/data/buffers.ts';
import { DescriptorCache } from '#src/xlators/storage/posix/objects/descriptors.ts';
import { Flush } from '#src/xlators/storage/posix/data/flush.ts';
import {
  gfidOfHandle,
  gfidOfInode,
  handleOf,
  inoInHandle,
  isRoot,
  tagOf,
} from '#src/xlators/storage/posix/objects/gfid.ts';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import { InoMap } from '#src/xlators/storage/posix/objects/ino-map.ts';
import { type ObjectMount, PosixObject } from '#src/xlators/storage/posix/objects/object.ts';
import { parseMountInfo } from '#src/xlators/storage/posix/objects/mountinfo.ts';
import { Semaphore } from '#src/xlators/storage/posix/data/semaphore.ts';

t.test("the kernel's handle can be made from a gfid and its hint", async () => {
  const handles = fc.tuple(
    fc.nat(0xff_ffff),
    fc.constantFrom(1, 2, 0x4d, 0x81, 0x97),
    fc.uint8Array({ minLength: 1, maxLength: 20 }).map(bytes => Buffer.from(bytes)),
    fc.integer({ min: 1, max: 20 }),
  );
  fc.assert(
    fc.property(handles, ([tag, type, bytes, usual]) => {
      const id = gfidOfHandle(tag, type, bytes, usual);
      assert.ok(id);
      const { gfid, hint } = id;
      assert.equal(gfid.length, 16);
      assert.ok(!isRoot(gfid));
      assert.ok((hint?.length ?? 0) <= HINT_MAX);
      assert.equal(tagOf(hint ?? gfid), tag);
      const at = handleOf(gfid, hint, usual);
      assert.ok(at);
      assert.equal(at.type, type);
      assert.deepEqual(at.bytes.subarray(at.at, at.at + at.length), bytes);
    }),
  );
});

t.test('an object without a usable handle is left to the index', async t => {
  t.equal(gfidOfHandle(0, 1, Buffer.alloc(21), 21), undefined);
  t.equal(gfidOfHandle(0, 0xf0, Buffer.alloc(8), 8), undefined);
  t.equal(gfidOfHandle(0, 0x100, Buffer.alloc(8), 8), undefined);
  const { gfid } = gfidOfInode(7, 12n, 1, 2);
  t.equal(tagOf(gfid), 7);
  t.equal(handleOf(gfid, undefined, 8), undefined);
  t.notOk(gfid.equals(gfidOfInode(7, 12n, 1, 3).gfid));
  t.ok(gfid.equals(gfidOfInode(7, 12, 1, 2).gfid));
  t.ok(isRoot(ROOT_GFID));
  const long = gfidOfHandle(0, 0x4d, Buffer.alloc(20, 3), 20)!;
  t.equal(handleOf(long.gfid, undefined, 20), undefined, 'a hash without its hint');
});

t.test('inode numbers are found in handles', async t => {
  const bytes = Buffer.from('78563412efcdab9001000000', 'hex');
  const at = (type: number, length: number) => ({ type, bytes, at: 0, length });
  t.equal(inoInHandle(0xef53, at(1, 8)), 0x12345678);
  t.equal(inoInHandle(0x58465342, at(1, 8)), 0x12345678);
  t.equal(inoInHandle(0x58465342, at(0x81, 12)), 0x90abcdef12345678n);
  t.equal(inoInHandle(0x01021994, at(1, 12)), 0x1_90ab_cdef);
  t.equal(inoInHandle(0x9123683e, at(0x4d, 12)), undefined);
  t.equal(inoInHandle(0xef53, at(2, 8)), undefined);
});

t.test('a map of bounded size keeps the entries that are used', async t => {
  const map = new InoMap<string>(100);
  map.set('kept' as never, 'kept');
  for (let i = 0; i < 1000; i++) {
    map.set(i, `${i}`);
    t.equal(map.get('kept' as never), 'kept');
  }
  t.equal(map.get(999), '999');
  t.equal(map.get(1), undefined);
  map.delete(999);
  t.equal(map.get(999), undefined);
  map.set(2n ** 60n, 'large');
  t.equal(map.get(2n ** 60n), 'large');
});

/** A cache of real descriptors. */
function cacheOf(t: { teardown(run: () => void): void }, max: number, extra = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'cache-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const cache = new DescriptorCache({ kind: 'path', max, idleTicks: 10, idleWritableTicks: 2, ...extra });
  const add = (writable = false) => {
    const object = new PosixObject({ open: 0 } as ObjectMount, Buffer.alloc(16), undefined);
    object.path = cache.add(object, openSync(dir, 'r'), writable);
    return object;
  };
  return { cache, add };
}

const isOpen = (fd: number) => {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
};

t.test('the descriptor used longest ago is closed first, and a pinned one never', async t => {
  const { cache, add } = cacheOf(t, 3);
  const [a, b, c] = [add(), add(), add()];
  const fds = [a, b, c].map(({ path }) => path!.fd);
  cache.use(a.path!);
  b.path!.pin();
  const d = add();
  t.equal(c.path, undefined);
  t.same(fds.map(isOpen), [true, true, false]);
  t.equal(cache.count, 3);
  const pinned = b.path!;
  cache.drop(pinned);
  t.equal(b.path, undefined);
  t.ok(isOpen(pinned.fd), 'until it is unpinned');
  pinned.unpin();
  t.notOk(isOpen(pinned.fd));
  cache.drop(pinned);
  t.equal(cache.evict(10), 2);
  t.equal(d.path, undefined);
  t.equal(cache.count, 0);
});

t.test('idle descriptors are closed, and those for writing sooner', async t => {
  const { cache, add } = cacheOf(t, 10);
  const [reads, writes] = [add(), add(true)];
  cache.tick();
  t.ok(reads.path && writes.path);
  cache.tick();
  t.ok(reads.path);
  t.equal(writes.path, undefined);
  for (let i = 0; i < 8; i++) {
    if (i === 4) cache.use(reads.path!);
    cache.tick();
  }
  t.ok(reads.path);
  for (let i = 0; i < 8; i++) cache.tick();
  t.equal(reads.path, undefined);
  cache.clear();
  t.equal(cache.count, 0);
});

t.test('a flush is shared only by callers that asked before it began', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'flush-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  let begun = 0;
  let ended = 0;
  const flush = new Flush(undefined, () => {
    begun += 1;
    const fd = openSync(join(dir, 'f'), 'a');
    return {
      fd,
      finish: () => {
        ended += 1;
        closeSync(fd);
      },
    };
  });
  const first = flush.sync(true);
  t.equal(begun, 1);
  const later = [flush.sync(true), flush.sync(false), flush.sync(true)];
  t.equal(later[0], later[1]);
  t.equal(begun, 1);
  await first;
  await Promise.all(later);
  t.equal(begun, 2);
  t.equal(ended, 2);
  t.ok(flush.idle);
  await flush.sync(false);
  t.equal(ended, 3);
  const failing = new Flush(undefined, () => ({ fd: 99_999, finish: () => {} }));
  const round = [failing.sync(true), failing.sync(true), failing.sync(false)];
  for (const { status } of await Promise.allSettled(round)) t.equal(status, 'rejected');
  const closed = new Flush(undefined, () => {
    throw new Error('cannot be opened');
  });
  await t.rejects(closed.sync(true), /cannot be opened/);
  await t.rejects(closed.sync(true), /cannot be opened/, 'the flush can be asked for again');
});

t.test('a semaphore admits a limited number of callers, in order', async t => {
  const semaphore = new Semaphore(2);
  t.equal(semaphore.enter(), undefined);
  t.equal(semaphore.enter(), undefined);
  t.ok(semaphore.full);
  const order: number[] = [];
  const waiting = [1, 2, 3].map(i => semaphore.enter()!.then(() => order.push(i)));
  semaphore.leave();
  await waiting[0];
  t.same(order, [1]);
  semaphore.leave();
  semaphore.leave();
  await Promise.all(waiting);
  t.same(order, [1, 2, 3]);
  semaphore.leave();
  semaphore.leave();
  t.notOk(semaphore.full);
});

t.test('buffers are reused', async t => {
  const pool = readBuffers();
  for (const size of [0, 1, 4096, 4097, 65_536, 1 << 20, (1 << 20) + 1, 4 << 20]) {
    const buffer = pool.take(size);
    t.ok(buffer.bytes.length >= size && buffer.bytes.length <= Math.max(4096, size * 2), `${size}`);
    pool.give(buffer);
    t.equal(pool.take(size), buffer);
  }
  const large = pool.take(5 << 20);
  pool.give(large);
  t.not(pool.take(5 << 20), large);
  const many = Array.from({ length: 20 }, () => pool.take(4 << 20));
  for (const buffer of many) pool.give(buffer);
  const again = new Set(Array.from({ length: 20 }, () => pool.take(4 << 20)));
  t.equal(many.filter(buffer => again.has(buffer)).length, 8, 'no more than 32 MiB are kept');
});

t.test('mountinfo', async t => {
  const lines = parseMountInfo(
    '26 25 254:1 / / rw,relatime shared:1 - ext4 /dev/vda rw\n' +
      '30 26 0:27 /sub\\040dir /mnt/a\\134b\\011c rw - tmpfs none rw,size=1k\n\nnonsense\n',
  );
  t.same(lines, [
    { id: 26, parent: 25, root: '/', point: '/', fsType: 'ext4' },
    { id: 30, parent: 26, root: '/sub dir', point: '/mnt/a\\b\tc', fsType: 'tmpfs' },
  ]);
});
