import t from 'tap';
import { FileType } from '#src/graph/iatt.ts';
import { DENTRIES_MAX, DEPTH_MAX } from '#src/inode/dentries.ts';
import type { Inode } from '#src/graph/inode.ts';
import { InodeTable } from '#src/inode/table.ts';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import { gfidOf, iattOf } from '../support/iatt.ts';

const file = (number: number) => iattOf({ gfid: gfidOf(number) });
const dir = (number: number) => iattOf({ gfid: gfidOf(number), type: FileType.DIR });

function tableWith(limit: number) {
  const forgotten: Inode[] = [];
  return { table: new InodeTable({ limit, forget: inode => void forgotten.push(inode) }), forgotten };
}

t.test('the root is there from the start and stays', async t => {
  const { table, forgotten } = tableWith(1);
  t.equal(table.find(ROOT_GFID), table.root);
  t.equal(table.find(Buffer.from('00000000000000000000000000000001', 'hex')), table.root);
  table.invalidate(table.root);
  table.forget(table.root);
  for (let i = 2; i < 100; i++) table.link(file(i), table.root, `f${i}`);
  t.equal(table.find(ROOT_GFID), table.root);
  t.notOk(forgotten.includes(table.root));
  t.equal(table.path(table.root), '/');
});

t.test('an inode is one object, found by its gfid in any buffer', async t => {
  const { table } = tableWith(10);
  const inode = table.link(file(7));
  t.equal(table.link(file(7)), inode);
  t.equal(table.find(gfidOf(7)), inode);
  t.equal(table.findAt(Buffer.concat([Buffer.alloc(9), gfidOf(7)]), 9), inode);
  t.equal(table.find(gfidOf(8)), undefined);
  t.equal(table.find(gfidOf(7).subarray(0, 15)), undefined);
  t.throws(() => table.link(iattOf({ gfid: Buffer.alloc(3) })), RangeError);
});

t.test('notes of attributes are put into the slots of the inode each time', t => {
  const { table } = tableWith(10);
  const layout = { name: 'layout' };
  const next = { slot: 4, value: 'below', next: undefined };
  const inode = table.link(iattOf({ gfid: gfidOf(7), notes: { slot: 1, value: layout, next } }));
  t.equal(inode.slots[1], layout);
  t.equal(inode.slots[4], 'below');
  table.link(file(7));
  t.equal(inode.slots[1], layout, 'attributes without notes leave them as they are');
  t.equal(table.link(iattOf({ gfid: gfidOf(7), notes: { slot: 4, value: 'newer', next: undefined } })), inode);
  t.strictSame([inode.slots[1], inode.slots[4]], [layout, 'newer']);
  t.end();
});

t.test('the gfid of a handle does not keep the record in which it came', async t => {
  const { table } = tableWith(10);
  const record = Buffer.concat([Buffer.alloc(9), gfidOf(7)]);
  table.link(file(7));
  table.findAt(record, 9);
  record.fill(0xff);
  t.same(table.find(gfidOf(7))?.gfid, gfidOf(7));
});

t.test('hard links are one inode with several names', async t => {
  const { table } = tableWith(10);
  const a = table.link(dir(2), table.root, 'a');
  const inode = table.link(file(3), table.root, 'x');
  table.link(file(3), a, 'y');
  t.equal(table.lookup(table.root, 'x'), inode);
  t.equal(table.lookup(a, 'y'), inode);
  t.equal(table.path(inode), '/a/y');
  table.ref(inode);
  table.removed(a, 'y');
  table.removed(a, 'y');
  t.equal(table.lookup(table.root, 'x'), inode);
  t.equal(table.path(inode), '/x');
});

t.test('the oldest of very many hard links are forgotten', async t => {
  const { table } = tableWith(10);
  const inode = table.link(file(3));
  for (let i = 0; i <= DENTRIES_MAX; i++) table.link(file(3), table.root, `${i}`);
  t.equal(table.lookup(table.root, '0'), undefined);
  t.equal(table.lookup(table.root, '1'), inode);
  t.equal(table.lookup(table.root, `${DENTRIES_MAX}`), inode);
});

t.test('a directory has one name, and a new one replaces the old', async t => {
  const { table } = tableWith(10);
  const a = table.link(dir(2), table.root, 'a');
  table.link(dir(2), table.root, 'b');
  t.equal(table.lookup(table.root, 'a'), undefined);
  t.equal(table.lookup(table.root, 'b'), a);
});

t.test('a name can become that of another object', async t => {
  const { table } = tableWith(10);
  table.link(file(2), table.root, 'a');
  const other = table.link(file(3), table.root, 'a');
  t.equal(table.lookup(table.root, 'a'), other);
  t.equal(table.path(table.find(gfidOf(2))!), `<gfid:${gfidOf(2).toString('hex')}>`);
});

t.test('a removed name is forgotten, and its inode with it unless that is in use', async t => {
  const { table, forgotten } = tableWith(10);
  const unused = table.link(file(2), table.root, 'unused');
  const inUse = table.ref(table.link(file(3), table.root, 'used'));
  table.removed(table.root, 'unused');
  table.removed(table.root, 'used');
  table.removed(table.root, 'unknown');
  t.same(forgotten, [unused]);
  t.equal(table.lookup(table.root, 'used'), undefined);
  t.equal(table.find(gfidOf(3)), inUse);
});

t.test('a removed object is forgotten by its gfid if it is not known by the removed name', async t => {
  const { table, forgotten } = tableWith(10);
  const nameless = table.link(file(2));
  const otherName = table.link(file(3), table.root, 'other');
  table.removed(table.root, 'a', gfidOf(2));
  table.removed(table.root, 'b', gfidOf(3));
  table.removed(table.root, 'c', gfidOf(4));
  t.same(forgotten, [nameless, otherName]);
  t.equal(table.stats().inodes, 1);
});

t.test('a moved name leads to the same inode', async t => {
  const { table, forgotten } = tableWith(20);
  const a = table.link(dir(2), table.root, 'a');
  const b = table.link(dir(3), table.root, 'b');
  const x = table.link(file(4), a, 'x');
  const y = table.link(file(5), b, 'y');
  table.moved(a, 'x', b, 'y');
  t.equal(table.lookup(a, 'x'), undefined);
  t.equal(table.lookup(b, 'y'), x);
  t.same(forgotten, [y], 'the inode that it replaced is forgotten');

  t.test('not remembered: the name that it replaced is forgotten all the same', async t => {
    table.moved(a, 'unknown', b, 'y');
    t.equal(table.lookup(b, 'y'), undefined);
    t.same(forgotten, [y, x]);
  });
  t.test('replacing an object that is known by its gfid alone', async t => {
    const nameless = table.link(file(8));
    table.moved(a, 'unknown', b, 'unknown', gfidOf(8));
    t.same(forgotten, [y, x, nameless]);
  });
  t.test('onto another name of the same inode: both stay, as in rename(2)', async t => {
    const inode = table.link(file(6), a, 'one');
    table.link(file(6), b, 'two');
    table.moved(a, 'one', b, 'two');
    t.equal(table.lookup(a, 'one'), inode);
    t.equal(table.lookup(b, 'two'), inode);
  });
  t.test('of a directory: everything below it moves, too', async t => {
    const inode = table.link(file(7), a, 'z');
    table.moved(table.root, 'a', b, 'c');
    t.equal(table.path(inode), '/b/c/z');
  });
  t.test('onto itself: nothing changes', async t => {
    table.moved(b, 'c', b, 'c');
    t.equal(table.lookup(b, 'c'), a);
  });
});

t.test('a directory below itself is refused', async t => {
  const { table } = tableWith(20);
  const a = table.link(dir(2), table.root, 'a');
  const b = table.link(dir(3), a, 'b');
  const c = table.link(dir(4), b, 'c');
  t.equal(table.link(dir(2), c, 'a again'), a, 'the inode is returned nevertheless');
  t.equal(table.lookup(c, 'a again'), undefined);
  table.link(dir(3), b, 'itself');
  t.equal(table.lookup(b, 'itself'), undefined);
  table.link(iattOf({ gfid: ROOT_GFID, type: FileType.DIR }), c, 'root');
  t.equal(table.lookup(c, 'root'), undefined);
  t.equal(table.stats().cyclesRefused, 2);
  t.equal(table.path(c), '/a/b/c');
});

t.test('a tree too deep to be checked takes no more directories, but still takes files', async t => {
  const { table } = tableWith(1e6);
  let at = table.root;
  for (let i = 2; i < DEPTH_MAX + 2; i++) at = table.link(dir(i), at, 'd');
  const next = table.link(dir(1e6), at, 'd');
  t.equal(table.lookup(at, 'd'), undefined);
  t.equal(table.lookup(at, 'f'), undefined);
  t.equal(table.link(file(2e6), at, 'f'), table.lookup(at, 'f'));
  t.ok(table.path(at).startsWith('…/d/d/'));
  t.ok(table.path(at).length < 100);
  t.equal(next.type, FileType.DIR);
});

t.test('empty names, . and .., and names below a file are not noted', async t => {
  const { table } = tableWith(10);
  const a = table.link(dir(2), table.root, 'a');
  const f = table.link(file(3), table.root, 'f');
  for (const name of ['', '.', '..']) {
    table.link(file(3), a, name);
    t.equal(table.lookup(a, name), undefined);
  }
  table.link(file(4), f, 'below a file');
  t.equal(table.lookup(f, 'below a file'), undefined);
});

t.test('names are bytes, and text in messages', async t => {
  const { table } = tableWith(10);
  const name = Buffer.from('dürr').toString('latin1');
  t.equal(table.path(table.link(file(3), table.root, name)), '/dürr');
});

t.test('unused inodes are forgotten above the limit, the least recently used first', async t => {
  const { table, forgotten } = tableWith(4);
  const inodes = [2, 3, 4, 5].map(number => table.link(file(number)));
  table.find(gfidOf(2));
  table.link(file(6));
  t.same(forgotten, [inodes[1]]);
  t.equal(table.find(gfidOf(3)), undefined);
  t.equal(table.find(gfidOf(2)), inodes[0]);
  t.not(table.link(file(3)), inodes[1], 'another object when it comes back');
});

t.test('even if all inodes are used all the time, there are no more than the limit', async t => {
  const { table, forgotten } = tableWith(100);
  for (let i = 2; i < 2000; i++) {
    table.link(file(i));
    const before = forgotten.length;
    for (let j = 2; j <= i; j++) table.find(gfidOf(j));
    t.ok(forgotten.length - before <= 8);
    if (table.stats().inodes > 102) t.fail(`${table.stats().inodes}`);
    if (i > 300) break;
  }
});

t.test('an inode in use stays, and is forgotten later', async t => {
  const { table, forgotten } = tableWith(2);
  const held = [2, 3, 4, 5, 6].map(number => table.ref(table.link(file(number))));
  for (let i = 100; i < 200; i++) table.link(file(i));
  t.notOk(held.some(inode => forgotten.includes(inode)));
  t.strictSame(table.stats().inUse, 6);
  table.ref(held[0]!);
  for (const inode of held) table.unref(inode);
  t.equal(table.stats().inUse, 2, 'the root, and the inode that is held twice');
  t.ok(table.stats().inodes <= 2 + 2);
  table.unref(held[0]!);
  t.ok(table.stats().inodes <= 1 + 2);
  const inode = table.link(file(9));
  t.throws(() => table.unref(inode), { message: `unref without a ref: ${table.path(inode)}` });
});

t.test('a directory stays as long as an entry of it is remembered', async t => {
  const { table, forgotten } = tableWith(3);
  const a = table.link(dir(2), table.root, 'a');
  const b = table.link(dir(3), a, 'b');
  const f = table.ref(table.link(file(4), b, 'f'));
  for (let i = 100; i < 200; i++) table.link(file(i));
  t.equal(table.path(f), '/a/b/f');
  table.unref(f);
  for (let i = 100; i < 200; i++) table.link(file(i));
  t.same(new Set([a, b, f].map(inode => forgotten.includes(inode))), new Set([true]));
  t.ok(table.stats().inodes <= 4);
});

t.test('an invalidated inode is no longer found, and is forgotten when it is no longer held', async t => {
  const { table, forgotten } = tableWith(10);
  const inode = table.ref(table.link(file(2), table.root, 'f'));
  table.invalidate(inode);
  table.invalidate(inode);
  t.equal(table.find(gfidOf(2)), undefined);
  t.equal(table.lookup(table.root, 'f'), undefined);
  t.same(forgotten, []);
  t.equal(table.stats().inUse, 1);
  const other = table.link(file(2), table.root, 'f');
  t.not(other, inode);
  table.unref(inode);
  t.same(forgotten, [inode]);
  t.equal(table.find(gfidOf(2)), other);

  t.test(
    'an inode used after it was forgotten is forgotten again, because its slots may have been filled',
    async () => {
      table.ref(inode);
      table.unref(inode);
      t.same(forgotten, [inode, inode]);
      t.equal(table.stats().inUse, 1);
    },
  );
});

t.test('a directory that is gone has no names and takes none', async t => {
  const { table } = tableWith(10);
  const a = table.link(dir(2), table.root, 'a');
  const f = table.link(file(3), a, 'f');
  table.invalidate(a);
  t.equal(table.lookup(a, 'f'), undefined);
  table.link(file(4), a, 'g');
  t.equal(table.lookup(a, 'g'), undefined);
  t.equal(table.path(f), `<gfid:${gfidOf(2).toString('hex')}>/f`);
  table.invalidate(f);
  t.equal(table.stats().inodes, 2);
});

t.test('a gfid that turns out to be another kind of object is another inode', async t => {
  const { table, forgotten } = tableWith(10);
  const before = table.link(file(2), table.root, 'f');
  const after = table.link(dir(2), table.root, 'f');
  t.equal(after.type, FileType.DIR);
  t.same(forgotten, [before]);
  t.equal(table.find(gfidOf(2)), after);
});

t.test('forget removes an inode when it was given back as often as it was given out', async t => {
  const { table, forgotten } = tableWith(10);
  const inode = table.link(file(2));
  table.link(file(2));
  table.forget(inode, 1);
  t.same(forgotten, []);
  table.ref(inode);
  table.forget(inode);
  t.same(forgotten, []);
  table.unref(inode);
  table.forget(inode);
  table.forget(inode);
  t.same(forgotten, [inode]);
});

t.test('one inode is found among many thousands', async t => {
  const { table } = tableWith(100_000);
  for (let i = 2; i < 50_000; i++) table.link(file(i));
  let wrong = 0;
  for (let i = 2; i < 50_000; i++) if (table.find(gfidOf(i))?.gfid.readUInt32BE(12) !== i) wrong++;
  t.equal(wrong, 0);
});

t.test('of very many inodes, those that remain are found and the others are not', async t => {
  const { table, forgotten } = tableWith(5000);
  for (let i = 2; i < 30_000; i++) table.link(file(i));
  const gone = new Set(forgotten.map(inode => inode.gfid.readUInt32BE(12)));
  let wrong = 0;
  for (let i = 2; i < 30_000; i++) if ((table.find(gfidOf(i)) === undefined) !== gone.has(i)) wrong++;
  t.equal(wrong, 0);
  t.equal(gone.size, 30_000 - 2 - 5000);
});
