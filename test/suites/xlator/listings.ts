import type { Inode } from '#src/graph/inode.ts';
import { hasBricks } from './brick-has.ts';
import { failure, steady, type Tests } from './hand.ts';

export function listings(test: Tests): void {
  for (const kind of ['readdir', 'readdirp'] as const) {
    test(`${kind}: every entry comes once, in pages of any size`, async (t, hand) => {
      const dir = await hand.dir('d');
      const made = new Map<string, Inode>();
      for (let i = 0; i < 40; i++) made.set(`entry-${i}`, await hand.file(`entry-${i}`, '', dir));
      for (const size of [1, 500, 100_000]) {
        const entries = await hand.names(kind, dir, size);
        t.same(entries.map(entry => entry.name).toSorted(), ['.', '..', ...made.keys()].toSorted(), `pages of ${size}`);
        t.equal(new Set(entries.map(entry => entry.cookie)).size, entries.length, 'each has a cookie of its own');
      }
      for (const { name, ino, iatt } of await hand.names(kind, dir, 4096)) {
        const inode = name === '.' ? dir : name === '..' ? hand.root : made.get(name)!;
        const expected = await hand.stat(inode);
        t.equal(ino, expected.ino);
        // Of several bricks it may not be known whether the one that lists has missed a change: a lookup tells.
        const told = iatt ?? (hasBricks(hand.top) ? (await hand.top.lookup(hand.frame, dir, name)).iatt : undefined);
        if (kind === 'readdirp') t.same(steady(told!), steady(expected));
        else t.equal(iatt, undefined);
      }
    });

    test(`${kind}: continues after a cookie whatever has happened in the meantime`, async (t, hand) => {
      const { top, frame } = hand;
      const dir = await hand.dir('d');
      for (let i = 0; i < 20; i++) await hand.file(`entry-${i}`, '', dir);
      const entries = await hand.names(kind, dir, 4096);
      const [at, rest] = [entries[9]!, entries.slice(10)];
      await top.unlink(frame, dir, entries.find(entry => !entry.name.startsWith('.'))!.name);
      const behind = await top[kind](frame, dir.fd, 100_000, at.cookie);
      t.same(
        behind.entries.map(entry => entry.name),
        rest.map(entry => entry.name),
      );
      t.ok(behind.eof);
      t.same(behind.iatt.gfid, dir.gfid);
    });
  }

  test('opendir and fsyncdir work on directories', async (t, hand) => {
    const { top, frame, root } = hand;
    const fd = await hand.opendir(root);
    await top.fsyncdir(frame, fd, false);
    await top.fsyncdir(frame, root.fd, true);
    hand.release(fd);
    t.equal((await failure(top.opendir(frame, await hand.file('f')))).code, 'ENOTDIR');
  });
}
