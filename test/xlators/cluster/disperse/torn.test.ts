/**
 * Writes that fail on more bricks than may be lost. Some bricks then have them and others have not, and neither make the
 * data. What is read afterwards is what was there before, or what was written, and never a mixture.
 */
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Errno, errnoOf } from '#src/errno.ts';
import { Stable } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import { Codec } from '#src/xlators/cluster/disperse/codec/codec.ts';
import { frame, volumeOf, xlatorOf } from '../../../support/graph.ts';
import { Failing, type Planned } from '../../../support/memory/failing.ts';
import { bricks } from './bricks.ts';

const CHUNK = 512;

async function volume(t: Test, k: number, redundancy: number, content: Buffer) {
  const { top, root } = await volumeOf(t, bricks(k + redundancy, redundancy));
  const connections = Array.from({ length: k + redundancy }, (_, i) => xlatorOf(top, `b${i}`, Failing));
  const { iatt } = await top.create(frame, root, 'f', { mode: 'guarded', attr: { mode: 0o644 } });
  const file = new Inode(iatt.gfid, FileType.REG);
  const write = (data: Buffer, offset: number, stable: Stable = Stable.UNSTABLE) =>
    top.writev(frame, file.fd, data, offset, stable);
  const turns = async () => {
    for (let turn = 0; turn < 30; turn++) await setImmediate();
  };
  const release = async () => {
    top.notify({ kind: 'upcall', gfid: file.gfid, about: 'contention' });
    await turns();
  };
  const read = async () => {
    const { size } = await top.stat(frame, file);
    return (await top.readv(frame, file.fd, size + 100, 0)).data;
  };
  const xattr = async (index: number, name: string) => {
    const values = await connections[index]!.children[0]!.getxattr(frame, file, `trusted.ec.${name}`);
    return values.get(`trusted.ec.${name}`)!.toString('hex');
  };
  await write(content, 0);
  await release();
  return { top, root, file, connections, write, read, release, turns, xattr };
}

/** What may become of the call to one brick: it is done or not, and the answer says so or not. */
type Fate = readonly ['before' | 'after', 'down' | Errno] | undefined;
const FATES: readonly Fate[] = [
  undefined,
  ['before', 'down'],
  ['after', 'down'],
  ['before', 'ENOSPC'],
  ['after', 'EIO'],
];

const fatesOf = (length: number): Fate[][] =>
  length === 0 ? [[]] : fatesOf(length - 1).flatMap(rest => FATES.map(fate => [...rest, fate]));
/** Whether fewer bricks than are enough have done it and said so: the others are tested elsewhere. */
const isTorn = (fates: readonly Fate[]): boolean => fates.filter(fate => fate === undefined).length === 1;
const shown = (fates: readonly Fate[]): string => fates.map(fate => fate?.join(' ') ?? 'done').join(', ');

/** The changes that are tried: what is called, and what the file is to be after it. */
const CHANGES = {
  'a part of a stripe': {
    fop: 'writev',
    make: ({ write }: Awaited<ReturnType<typeof volume>>) => write(Buffer.alloc(10, 'x'), 1100),
    to: (old: Buffer) => Buffer.concat([old.subarray(0, 1100), Buffer.alloc(10, 'x'), old.subarray(1110)]),
  },
  'a write past the end': {
    fop: 'writev',
    make: ({ write }: Awaited<ReturnType<typeof volume>>) => write(Buffer.alloc(3000, 'y'), 5000),
    to: (old: Buffer) => Buffer.concat([old, Buffer.alloc(5000 - old.length), Buffer.alloc(3000, 'y')]),
  },
  'a cut': {
    fop: 'truncate',
    make: ({ top, file }: Awaited<ReturnType<typeof volume>>) => top.truncate(frame, file, 1500),
    to: (old: Buffer) => old.subarray(0, 1500),
  },
  zeros: {
    fop: ['writev', 'discard'],
    make: ({ top, file }: Awaited<ReturnType<typeof volume>>) => top.zerofill(frame, file.fd, 500, 3000),
    to: (old: Buffer) => Buffer.concat([old.subarray(0, 500), Buffer.alloc(3000), old.subarray(3500)]),
  },
} as const;

for (const [what, { fop, make, to }] of Object.entries(CHANGES)) {
  t.test(`${what}, of which the bricks have some and not others`, async t => {
    const old = Buffer.from(Array.from({ length: 3600 }, (_, i) => 97 + ((i * 7 + (i >> 8)) % 26)));
    const expected = to(old);
    for (const fates of fatesOf(3).filter(isTorn)) {
      const made = await volume(t, 2, 1, old);
      const plans = fates.flatMap((fate, i): Planned[] =>
        fate === undefined ? [] : [made.connections[i]!.fail({ fop: fop as 'writev', when: fate[0], what: fate[1] })],
      );
      const code = await make(made).then(
        () => undefined,
        (error: unknown) => errnoOf(error),
      );
      for (const plan of plans) plan.cancel();
      await made.release();
      for (const one of made.connections) one.connect();
      await made.turns();
      const found = await made.read().catch((error: unknown) => errnoOf(error));
      const isRight = Buffer.isBuffer(found) && (found.equals(expected) || (code !== undefined && found.equals(old)));
      if (!isRight) t.fail(`${shown(fates)}: ${code}, then ${Buffer.isBuffer(found) ? 'other bytes' : found}`);
      // A part of a stripe written next must leave the rest of the stripe alone.
      if (Buffer.isBuffer(found) && isRight) {
        await made.write(Buffer.from('z'), 1200);
        const again = Buffer.from(found);
        again.write('z', 1200);
        await made.release();
        const last = await made.read();
        if (!last.equals(again)) t.fail(`${shown(fates)}: the next write changes other bytes`);
      }
      await made.top.fini();
    }
    t.end();
  });
}

t.test(
  'while a write stays incomplete, its stripes cannot be read, and the file is marked for the heal daemon',
  async t => {
    const old = Buffer.alloc(8 * 2 * CHUNK, 'ab');
    const made = await volume(t, 2, 1, old);
    const { connections, write, top, file, xattr, release } = made;
    const plans = [1, 2].map(i => connections[i]!.fail({ fop: 'writev', nth: 'each', when: 'before', what: 'EIO' }));
    await t.rejects(write(Buffer.from('x'), 100), { code: 'EIO' });
    await release();
    for (const i of [0, 1, 2]) t.match(await xattr(i, 'dirty'), /[1-9]/, `brick ${i} is marked`);
    await t.rejects(top.readv(frame, file.fd, 10, 0), { code: 'EIO' });
    await t.rejects(write(Buffer.from('y'), 200), { code: 'EIO' });
    const { data } = await top.readv(frame, file.fd, 1024, 4096);
    t.equal(data.toString(), old.toString('latin1', 4096, 5120), 'what it is not about can be read');
    for (const plan of plans) plan.cancel();
    const expected = Buffer.from(old);
    expected.write('x', 100);
    t.ok((await made.read()).equals(expected), 'it is completed as soon as the bricks take it');
  },
);

t.test('bricks that come back are given what they lack of a write, without any call', async t => {
  const { connections, write, read, turns, release, xattr } = await volume(t, 2, 1, Buffer.alloc(2048, 'ab'));
  for (const i of [1, 2]) connections[i]!.fail({ fop: 'writev', when: 'before', what: 'down' });
  await t.rejects(write(Buffer.from('x'), 100), { code: 'ENOTCONN' });
  for (const one of connections) one.calls.length = 0;
  connections[1]!.connect();
  await turns();
  for (const i of [0, 1])
    t.ok(
      connections[i]!.calls.some(({ fop }) => fop === 'writev'),
      `brick ${i}`,
    );
  connections[2]!.connect();
  await release();
  t.not(await xattr(2, 'version'), await xattr(1, 'version'), 'the third one has missed it');
  const expected = Buffer.alloc(2048, 'ab');
  expected.write('x', 100);
  t.ok((await read()).equals(expected));
});

t.test('what another client has written meanwhile is kept', async t => {
  const { file, connections, write, read, turns } = await volume(t, 2, 1, Buffer.alloc(1024, 'ab'));
  for (const i of [1, 2]) connections[i]!.fail({ fop: 'writev', when: 'before', what: 'down' });
  await t.rejects(write(Buffer.from('x'), 100), { code: 'ENOTCONN' });
  const theirs = Buffer.alloc(1024, 'theirs');
  for (const [i, fragment] of new Codec(3, 2).encode(theirs).entries())
    await connections[i]!.children[0]!.writev(frame, file.fd, fragment, 0, Stable.UNSTABLE);
  for (const one of connections) one.connect();
  await turns();
  t.ok((await read()).equals(theirs));
});

t.test('a file that is removed is not completed', async t => {
  const { top, root, connections, write, turns } = await volume(t, 2, 1, Buffer.alloc(1024, 'ab'));
  for (const i of [1, 2]) connections[i]!.fail({ fop: 'writev', when: 'before', what: 'down' });
  await t.rejects(write(Buffer.from('x'), 100), { code: 'ENOTCONN' });
  for (const one of connections) await one.children[0]!.unlink(frame, root, 'f');
  for (const one of connections) one.connect();
  await turns();
  t.equal(top.dump()['incomplete'], 0);
});

t.test('a brick that takes only a part of a write has missed it', async t => {
  const { connections, write, read, release, xattr } = await volume(t, 2, 1, Buffer.alloc(2048, 'ab'));
  const memory = connections[1]!.children[0]!;
  const whole = memory.writev.bind(memory);
  memory.writev = async (one, fd, data, ...rest) => whole(one, fd, data.subarray(0, 100), ...rest);
  await write(Buffer.alloc(2048, 'cd'), 0);
  await release();
  t.not(await xattr(1, 'version'), await xattr(0, 'version'));
  for (let turn = 0; turn < 3; turn++) t.ok((await read()).equals(Buffer.alloc(2048, 'cd')));
});

t.test('a stable write whose size too few bricks take is not acknowledged', async t => {
  const { connections, write } = await volume(t, 2, 1, Buffer.alloc(1024, 'ab'));
  connections[2]!.fail({ fop: 'writev', when: 'before', what: 'EIO' });
  connections[1]!.fail({ fop: 'xattrop', nth: 2, when: 'before', what: 'EIO' });
  await t.rejects(write(Buffer.alloc(1024, 'cd'), 1024, Stable.FILE_SYNC), { code: 'ENOTCONN' });
});

t.test('a name or a mode that some bricks have and others have not is marked for the heal daemon', async t => {
  const { top, root, file, connections, release, turns } = await volume(t, 2, 1, Buffer.alloc(1024, 'ab'));
  const dirtyOf = async (inode: Inode) => {
    const values = connections.map(one => one.children[0]!.getxattr(frame, inode, 'trusted.ec.dirty'));
    const settled = await Promise.allSettled(values);
    return settled.map(one => (one.status === 'fulfilled' ? one.value.get('trusted.ec.dirty')?.toString('hex') : ''));
  };
  const fail = (fop: 'create' | 'setattr') => {
    connections[1]!.fail({ fop, when: 'before', what: 'ENOSPC' });
    connections[2]!.fail({ fop, when: 'after', what: 'EIO' });
  };
  fail('create');
  await t.rejects(top.create(frame, root, 'g', { mode: 'guarded', attr: { mode: 0o644 } }));
  top.notify({ kind: 'upcall', gfid: root.gfid, about: 'contention' });
  await turns();
  for (const marks of await dirtyOf(root)) t.match(marks, /[1-9]/);
  fail('setattr');
  await t.rejects(top.setattr(frame, file, { mode: 0o600 }));
  await release();
  for (const marks of await dirtyOf(file)) t.match(marks, /[1-9]/);
});

t.test('different refusals of enough bricks are a refusal: what the others have done counts as missed', async t => {
  const { connections, write, read, release, xattr } = await volume(t, 2, 1, Buffer.alloc(2048, 'ab'));
  connections[1]!.fail({ fop: 'writev', when: 'before', what: 'ENOSPC' });
  connections[2]!.fail({ fop: 'writev', when: 'before', what: 'EDQUOT' });
  await t.rejects(write(Buffer.from('x'), 100), { code: 'ENOSPC' });
  await release();
  t.equal(await xattr(1, 'version'), await xattr(2, 'version'));
  t.not(await xattr(0, 'version'), await xattr(1, 'version'));
  t.ok((await read()).equals(Buffer.alloc(2048, 'ab')));
});
