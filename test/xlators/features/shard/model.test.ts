/** Random calls on a sharded file, compared with a buffer. */
import * as fc from 'fast-check';
import t from 'tap';
import { Stable } from '#src/graph/fops.ts';
import { frame, stackOf, volumeOf } from '../../../support/graph.ts';
import { Hand } from '../../../suites/xlator/hand.ts';

const BLOCK = 4096;
const END_MAX = 6 * BLOCK;

const offset = fc.oneof(
  fc.integer({ min: 0, max: END_MAX }),
  fc.constantFrom(0, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK),
);
const length = fc.oneof(fc.integer({ min: 0, max: 2 * BLOCK }), fc.constantFrom(0, 1, BLOCK, 2 * BLOCK));
const call = fc.record({
  kind: fc.constantFrom('write', 'read', 'truncate', 'discard', 'zerofill', 'fallocate', 'fsync'),
  offset,
  length,
  byte: fc.integer({ min: 1, max: 255 }),
});
type Call = typeof call extends fc.Arbitrary<infer C> ? C : never;

/** What a file would be. */
class Model {
  data: Buffer = Buffer.alloc(0);

  write(bytes: Buffer, offset: number): void {
    this.grow(offset + bytes.length);
    bytes.copy(this.data, offset);
  }

  grow(size: number): void {
    if (size > this.data.length) this.resize(size);
  }

  resize(size: number): void {
    const data = Buffer.alloc(size);
    this.data.copy(data);
    this.data = data;
  }
}

t.test('a sharded file is a file', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 30 }), async calls => {
      const { top, root, table } = await volumeOf(t, stackOf('features/shard shard-block-size=4KB', 'test/memory'));
      const hand = new Hand({ top, root, table });
      const { fd, gfid } = await hand.file('f');
      const model = new Model();
      const run = async ({ kind, offset, length, byte }: Call) => {
        const bytes = Buffer.alloc(length, byte);
        if (kind === 'write') {
          const { count } = await top.writev(frame, fd, bytes, offset, Stable.UNSTABLE);
          if (count !== length) throw new Error(`wrote ${count} of ${length}`);
          if (length > 0) model.write(bytes, offset);
        } else if (kind === 'truncate') {
          await top.truncate(frame, fd.inode, offset);
          model.resize(offset);
        } else if (kind === 'discard') {
          await top.discard(frame, fd, offset, length);
          model.data.subarray(offset, offset + length).fill(0);
        } else if (kind === 'zerofill' && length > 0) {
          await top.zerofill(frame, fd, offset, length);
          model.write(Buffer.alloc(length), offset);
        } else if (kind === 'fallocate' && length > 0) {
          await top.fallocate(frame, fd, 0, offset, length);
          model.grow(offset + length);
        } else if (kind === 'fsync') {
          await top.fsync(frame, fd, false);
        } else if (kind === 'read') {
          const { data, eof } = await top.readv(frame, fd, length, offset);
          if (!data.equals(model.data.subarray(offset, offset + length))) throw new Error('read other bytes');
          if (eof !== offset + length >= model.data.length && length > 0) throw new Error(`eof is ${eof}`);
        }
        const { size } = await hand.stat(fd.inode);
        if (size !== model.data.length) throw new Error(`size is ${size}, expected ${model.data.length}`);
      };
      for (const one of calls) await run(one);
      const { data, eof } = await top.readv(frame, fd, END_MAX * 2, 0);
      if (!data.equals(model.data) || !eof) throw new Error('the file is another one in the end');
      const { used } = (await top.discover(frame, gfid, undefined)).iatt;
      if (used > END_MAX * 2) throw new Error(`${used} bytes are used`);
    }),
    { numRuns: 200 },
  );
});
