/** Tests of the locks of clients and of cluster xlators. */
import { setImmediate } from 'node:timers/promises';
import type { Flock, LockType } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import { brickHas } from './brick-has.ts';
import { failure, type Hand, type Tests } from './hand.ts';

const range = (type: LockType, start: bigint, length: bigint): Flock => ({ type, start, length });
const whole = (type: LockType): Flock => range(type, 0n, 0n);

/** The frame of another lock owner. */
const ownedBy = ({ frame }: Hand, owner: string, more: Partial<Frame> = {}): Frame => ({
  ...frame,
  lkOwner: Buffer.from(owner),
  ...more,
});

/** Whether a call is still under way once everything that could end at once has ended. */
async function isWaiting(call: Promise<unknown>): Promise<boolean> {
  let waits = true;
  const ended = () => (waits = false);
  call.then(ended, ended);
  for (let turns = 0; turns < 10; turns++) await setImmediate();
  return waits;
}

export function locks(test: Tests): void {
  test('a brick without locks refuses each of them', async (t, hand) => {
    const { top, root } = hand;
    if (brickHas(top).locks) return;
    const frame = ownedBy(hand, 'a');
    const inode = await hand.file('f');
    for (const type of ['read', 'write', 'unlock'] as const) {
      const calls = [
        top.lk(frame, inode.fd, 'get', whole(type)),
        top.lk(frame, inode.fd, 'set', whole(type)),
        top.lk(frame, inode.fd, 'wait', whole(type)),
        top.inodelk(frame, 'suite', inode, whole(type), false),
        top.finodelk(frame, 'suite', inode.fd, whole(type), true),
        top.entrylk(frame, 'suite', root, 'f', type, false),
        top.fentrylk(frame, 'suite', root.fd, undefined, type, true),
      ];
      for (const call of calls) t.equal((await failure(call)).code, 'EOPNOTSUPP');
    }
  });

  const testLocks = (what: string, run: Parameters<Tests>[1]) =>
    test(what, (t, hand) => (brickHas(hand.top).locks ? run(t, hand) : Promise.resolve()));

  testLocks('lk admits one writer or many readers, and names the holder', async (t, hand) => {
    const { top } = hand;
    const { fd } = await hand.file('f');
    const [a, b] = [ownedBy(hand, 'a', { pid: 7 }), ownedBy(hand, 'b', { pid: 8 })];
    t.equal((await top.lk(a, fd, 'get', whole('write'))).type, 'unlock', 'no lock is in the way');
    t.same(await top.lk(a, fd, 'set', range('write', 10n, 5n)), range('write', 10n, 5n));
    const held = { type: 'write', start: 10n, length: 5n, pid: 7, owner: Buffer.from('a') };
    t.same(await top.lk(b, fd, 'get', whole('read')), held);
    t.equal((await top.lk(b, fd, 'get', range('write', 15n, 1n))).type, 'unlock');
    t.equal((await failure(top.lk(b, fd, 'set', range('read', 14n, 1n)))).code, 'EAGAIN');
    await top.lk(a, fd, 'set', range('read', 10n, 5n));
    await top.lk(b, fd, 'set', range('read', 12n, 0n));
    t.match(await top.lk(a, fd, 'get', whole('write')), { type: 'read', start: 12n, length: 0n, pid: 8 });
    // Unlocking the middle of a range leaves both ends locked.
    await top.lk(b, fd, 'set', range('unlock', 20n, 10n));
    t.equal((await top.lk(a, fd, 'get', range('write', 20n, 10n))).type, 'unlock');
    t.match(await top.lk(a, fd, 'get', range('write', 30n, 0n)), { start: 30n, length: 0n });
    await top.flush(b, fd);
    t.equal((await top.lk(a, fd, 'get', whole('write'))).type, 'unlock', 'flush releases the locks of the owner');
  });

  testLocks('ranges of locks are exact to the bit', async (t, hand) => {
    const { top } = hand;
    const { fd } = await hand.file('f');
    const [a, b] = [ownedBy(hand, 'a'), ownedBy(hand, 'b')];
    await top.lk(a, fd, 'set', range('write', 0x7fff_ffff_ffff_fffen, 1n));
    await top.lk(b, fd, 'set', range('write', 0x7fff_ffff_ffff_ffffn, 1n));
    t.equal((await top.lk(b, fd, 'get', range('read', 0n, 2n ** 64n - 1n))).start, 0x7fff_ffff_ffff_fffen);
    t.equal((await failure(top.lk(b, fd, 'set', range('read', 2n ** 64n - 1n, 2n)))).code, 'EINVAL');
  });

  testLocks('calls wait for a lock in their order, or give up', async (t, hand) => {
    const { top } = hand;
    const { fd } = await hand.file('f');
    const abort = new AbortController();
    const [a, b, c] = [ownedBy(hand, 'a'), ownedBy(hand, 'b', { signal: abort.signal }), ownedBy(hand, 'c')];
    await top.lk(a, fd, 'set', whole('write'));
    const [second, third] = [top.lk(b, fd, 'wait', whole('write')), top.lk(c, fd, 'wait', whole('write'))];
    t.ok((await isWaiting(second)) && (await isWaiting(third)));
    abort.abort();
    t.equal((await failure(second)).code, 'EINTR', 'the caller no longer wants it');
    t.ok(await isWaiting(third));
    await top.lk(a, fd, 'set', whole('unlock'));
    t.equal((await third).type, 'write');
    t.same((await top.lk(a, fd, 'get', whole('read'))).owner, Buffer.from('c'));
  });

  testLocks('inodelk and finodelk lock ranges within a domain', async (t, hand) => {
    const { top } = hand;
    const inode = await hand.file('f');
    const [a, b] = [ownedBy(hand, 'a'), ownedBy(hand, 'b')];
    await top.inodelk(a, 'suite', inode, whole('write'), false);
    await top.inodelk(b, 'other', inode, whole('write'), false);
    t.equal((await failure(top.finodelk(b, 'suite', inode.fd, whole('read'), false))).code, 'EAGAIN');
    t.equal((await top.lk(b, inode.fd, 'get', whole('write'))).type, 'unlock', 'clients do not see the lock');
    const waiting = top.finodelk(b, 'suite', inode.fd, whole('read'), true);
    t.ok(await isWaiting(waiting));
    await top.finodelk(a, 'suite', inode.fd, whole('unlock'), false);
    await waiting;
    await top.inodelk(a, 'suite', inode, whole('read'), false);
  });

  testLocks('entrylk and fentrylk lock one name in a directory, or all of them', async (t, hand) => {
    const { top, root } = hand;
    const [a, b] = [ownedBy(hand, 'a'), ownedBy(hand, 'b')];
    await top.entrylk(a, 'suite', root, 'x', 'write', false);
    await top.entrylk(b, 'suite', root, 'y', 'write', false);
    await top.entrylk(b, 'other', root, 'x', 'write', false);
    t.equal((await failure(top.entrylk(b, 'suite', root, 'x', 'read', false))).code, 'EAGAIN');
    t.equal((await failure(top.fentrylk(b, 'suite', root.fd, undefined, 'write', false))).code, 'EAGAIN');
    const waiting = top.fentrylk(b, 'suite', root.fd, 'x', 'read', true);
    t.ok(await isWaiting(waiting));
    await top.fentrylk(a, 'suite', root.fd, 'x', 'unlock', false);
    await waiting;
    const shares = top.entrylk(a, 'suite', root, 'x', 'read', false);
    if (brickHas(top).sharedNameLocks) await shares;
    else t.equal((await failure(shares)).code, 'EAGAIN');
    t.equal(
      (await failure(top.entrylk(a, 'suite', root, 'z', 'unlock', false))).code,
      'EINVAL',
      'the lock is not held',
    );
  });
}
