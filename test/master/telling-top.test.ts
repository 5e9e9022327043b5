/** What masters of one volume are told of each other's changes. */
import t, { type Test } from 'tap';
import { Stable } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { Host } from '#src/master/host.ts';
import type { ChangeListener } from '#src/master/listeners.ts';
import { Master } from '#src/master/master.ts';
import { WriteVerifiers } from '#src/master/write-verifiers.ts';
import { envOf, frame, graphOf, TEST_XLATORS } from '../support/graph.ts';

class Door extends Master {}

const registry = { ...TEST_XLATORS, 'test/door': async () => Door };
const ONE = `
volume one
  type test/memory
end-volume
volume front
  type test/door
  subvolumes one
end-volume
`;
const TWO = `${ONE}volume back\n  type test/door\n  subvolumes one\nend-volume\n`;

/** Notes what it is told. */
class Listener implements ChangeListener {
  readonly told: string[] = [];
  readonly #nameOf: (gfid: Buffer) => string;

  constructor(nameOf: (gfid: Buffer) => string) {
    this.#nameOf = nameOf;
  }

  objectChanged(gfid: Buffer, data: boolean): void {
    this.told.push(`${this.#nameOf(gfid)}${data ? ' data' : ''}`);
  }

  nameChanged(directory: Inode, name: string, isNew: boolean): void {
    this.told.push(`${this.#nameOf(directory.gfid)}/${name}${isNew ? ' new' : ''}`);
  }

  everythingChanged(): void {
    this.told.push('everything');
  }
}

async function setup(t: Test, text: string) {
  const host = new Host({ verifiers: new WriteVerifiers(), programsOf: () => [] });
  const graph = await graphOf(t, text, { registry, env: envOf({ host }) });
  const [front] = graph.tops as [Door];
  await front.ready();
  const subvolume = front.subvolumes.get('one')!;
  const { table } = subvolume.volume;
  const named = new Map<string, string>([[table.root.gfid.toString('hex'), 'root']]);
  const nameOf = (gfid: Buffer) => named.get(gfid.toString('hex')) ?? 'unknown';
  const [own, other] = [new Listener(nameOf), new Listener(nameOf)];
  subvolume.listeners.add(own);
  subvolume.listeners.add(other);
  /** Calls a fop, and returns what the other listener is told. */
  const telling = async (fop: () => Promise<unknown>) => {
    other.told.length = 0;
    await fop();
    return [...other.told];
  };
  const link = ({ iatt }: { iatt: Parameters<typeof table.link>[0] }, name: string) => {
    named.set(iatt.gfid.toString('hex'), name);
    return table.link(iatt, table.root, name);
  };
  return { graph, subvolume, table, own, other, telling, link, top: subvolume.topFor(own) };
}

t.test('all but the one that has made a change are told of it', async t => {
  const { top, table, own, telling, link, subvolume } = await setup(t, TWO);
  const { root } = table;
  const attr = { mode: 0o644 };
  const device = { major: 0, minor: 0 };
  t.strictSame(await telling(async () => link(await top.mknod(frame, root, 'a', FileType.REG, attr, device), 'a')), [
    'root/a new',
    'root',
  ]);
  const a = table.lookup(root, 'a')!;
  const { fd } = a;
  const data = Buffer.from('text');
  const changes: readonly (readonly [readonly string[], () => Promise<unknown>])[] = [
    [['root/d new', 'root'], async () => link(await top.mkdir(frame, root, 'd', attr), 'd')],
    [['root/s new', 'root'], async () => link(await top.symlink(frame, root, 's', 'a', {}), 's')],
    [['root/a new', 'root', 'a data'], () => top.create(frame, root, 'a', { mode: 'unchecked', attr })],
    [['root/h new', 'root', 'a'], () => top.link(frame, a, root, 'h')],
    [['a data'], () => top.writev(frame, fd, data, 0, Stable.UNSTABLE)],
    [['a'], () => top.setattr(frame, a, { mode: 0o600 })],
    [['a data'], () => top.setattr(frame, a, { size: 1 })],
    [['a'], () => top.fsetattr(frame, fd, { mode: 0o644 })],
    [['a data'], () => top.truncate(frame, a, 3)],
    [['a data'], () => top.ftruncate(frame, fd, 2)],
    [['a'], () => top.setxattr(frame, a, new Map([['user.n', data]]), 0)],
    [['a'], () => top.removexattr(frame, a, 'user.n')],
    [['root/a', 'root', 'a', 'root/b', 'root'], () => top.rename(frame, root, 'a', root, 'b')],
    [['root/h', 'root'], () => top.unlink(frame, root, 'h')],
    [['root/d', 'root', 'd'], () => top.rmdir(frame, root, 'd')],
  ];
  for (const [told, change] of changes) t.strictSame(await telling(change), told, String(change));
  t.strictSame(await telling(() => top.unlink(frame, root, 'none').catch(() => {})), ['root/none', 'root']);
  t.strictSame(await telling(() => top.stat(frame, a)), []);
  t.strictSame(await telling(() => top.readv(frame, fd, 4, 0)), []);
  t.strictSame(own.told, []);
  const { count } = subvolume.volume.ahead.changes;
  await top.setattr(frame, a, { mode: 0o640 });
  t.ok(subvolume.volume.ahead.changes.count > count, 'what was listed ahead does not hold any more');
});

t.test('what NFS changes is told, and what bricks tell of others', async t => {
  const { subvolume, table, telling, own, other } = await setup(t, TWO);
  const { root } = table;
  const { top } = subvolume.volume;
  t.strictSame(await telling(() => top.mkdir(frame, root, 'd', {})), ['root/d new', 'root']);
  t.strictSame(own.told, ['root/d new', 'root']);
  const { gfid } = root;
  const upcall = (about: 'changed' | 'contention') => async () => subvolume.notify({ kind: 'upcall', gfid, about });
  t.strictSame(await telling(upcall('changed')), ['root data']);
  t.strictSame(await telling(upcall('contention')), []);
  t.strictSame(await telling(async () => subvolume.notify({ kind: 'child-down' })), ['everything']);
  subvolume.listeners.remove(other);
  t.strictSame(await telling(() => top.mkdir(frame, root, 'e', {})), []);
});

t.test('a volume with one master has no layer more', async t => {
  const { subvolume, graph, top } = await setup(t, ONE);
  t.equal(top, graph.xlators.get('one'));
  t.equal(subvolume.volume.top, top);
});
