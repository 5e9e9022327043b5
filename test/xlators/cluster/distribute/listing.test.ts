/** Listings of subvolumes that do not trust the attributes of their entries, as replicas of which one is not healed. */
import t from 'tap';
import { Client, newStore } from './support.ts';

t.test('without attributes from the subvolumes each name is listed once', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const { top, frame } = hand;
  const d = await hand.dir('d');
  await hand.dir('sub', d);
  const [first, gone] = client.names('/d', 1, 'z', 2) as [string, string];
  const moved = client.name('/d', 2, 'y');
  await hand.file(first, 'moved', d);
  await hand.file(gone, '', d);
  await top.rename(frame, d, first, d, moved);
  for (const i of [0, 1, 2]) {
    const brick = client.brick(i);
    const readdirp = brick.readdirp.bind(brick);
    brick.readdirp = async (...args) => {
      const list = await readdirp(...args);
      return { ...list, entries: list.entries.map(({ iatt: _iatt, xdata: _xdata, ...entry }) => entry) };
    };
  }
  const listed = async (bytes: number) => (await hand.names('readdirp', d, bytes)).map(({ name }) => name).toSorted();
  const expected = ['.', '..', 'sub', gone, moved].toSorted();
  for (const bytes of [1, 4096]) t.strictSame(await listed(bytes), expected, `in pages of ${bytes} bytes`);
  const isGone = (_frame: unknown, _parent: unknown, name: string) => name === gone;
  client.brick(1).fail({ fop: 'lookup', of: isGone, nth: 'each', when: 'before', what: 'ENOENT' });
  t.strictSame(await listed(4096), ['.', '..', 'sub', moved].toSorted(), 'gone by then');
});
