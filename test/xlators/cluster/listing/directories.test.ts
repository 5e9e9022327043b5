import t from 'tap';
import type { Dirent } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import { type Directory, Remembered } from '#src/xlators/cluster/listing/directories.ts';

const inodeOf = (i: number) => new Inode(Buffer.alloc(16, i), FileType.DIR);
const entries = (count: number): Dirent[] =>
  Array.from({ length: count }, (_, i) => ({ name: `name-${i}`, ino: 1n, cookie: BigInt(i + 1) }));

/** Lists so many names of a directory for a client. */
function list(all: Remembered, owner: Map<string, Directory>, i: number, client: string, names: number): void {
  const directory = all.of(owner, inodeOf(i));
  directory.toldBy(0).note(0n, entries(names), all.hasRoom(directory));
  all.changed(directory, client);
}

const has = (owner: Map<string, Directory>) => [...owner.values()].map(({ key }) => key.charCodeAt(0));

t.test('the directories that were listed least recently are forgotten first', async t => {
  const all = new Remembered(2000);
  const owner = new Map<string, Directory>();
  for (const i of [1, 2, 3, 4, 5]) list(all, owner, i, `client ${i}`, 250);
  t.strictSame(has(owner), [1, 2, 3, 4, 5]);
  all.of(owner, inodeOf(1));
  list(all, owner, 6, 'client 6', 250);
  t.strictSame(has(owner), [1, 3, 4, 5, 6]);
  t.ok(all.cost <= 2000);
});

t.test('a client has a half of it at most, and makes others forget nothing', async t => {
  const all = new Remembered(2000);
  const owner = new Map<string, Directory>();
  list(all, owner, 1, 'quiet', 500);
  for (let i = 2; i < 40; i++) list(all, owner, i, 'greedy', 250);
  t.ok(has(owner).includes(1));
  t.strictSame(has(owner), [1, 38, 39]);
});

t.test('a directory that takes a half grows no more', async t => {
  const all = new Remembered(2000);
  const owner = new Map<string, Directory>();
  list(all, owner, 1, 'client', 1000);
  t.notOk(all.hasRoom(all.of(owner, inodeOf(1))));
});

t.test('what a layer has is forgotten with it', async t => {
  const all = new Remembered(2000);
  const [first, second] = [new Map<string, Directory>(), new Map<string, Directory>()];
  list(all, first, 1, 'client', 250);
  list(all, second, 1, 'client', 250);
  all.drop(first);
  t.equal(first.size, 0);
  t.equal(second.size, 1);
  all.drop(second);
  t.equal(all.cost, 0);
});
