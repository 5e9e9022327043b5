/** What the brick in memory does as a GlusterFS brick does, since the cluster xlators rely on it. */
import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Flock, Xdata, XdataValue } from '#src/graph/fops.ts';
import type { GraphEvent } from '#src/graph/event.ts';
import { FileType } from '#src/graph/iatt.ts';
import { frame, volumeOf, xlatorOf } from '../graph.ts';
import { failure, Hand } from '../../suites/xlator/hand.ts';
import { contentsOf } from './contents.ts';
import { Failing } from './failing.ts';
import { Memory } from './memory.ts';

let stores = 0;

/** Two clients of one brick, each through a connection of its own. */
async function twoClients(t: Test) {
  const store = `memory-test-${++stores}`;
  const text = `volume brick
    type test/memory
    option store ${store}
end-volume
volume link
    type test/failing
    subvolumes brick
end-volume`;
  const [a, b] = [await volumeOf(t, text), await volumeOf(t, text)];
  const link = xlatorOf(a.top, 'link', Failing);
  return { a: new Hand(a), b: new Hand(b), link, brick: xlatorOf(a.top, 'brick', Memory) };
}

const xdata = (values: Record<string, XdataValue>): Xdata => new Map(Object.entries(values));
const owned = (owner: string) => ({ ...frame, lkOwner: Buffer.from(owner) });
const range = (type: Flock['type'], start = 0n, length = 0n): Flock => ({ type, start, length });
const NO_DEVICE = { major: 0, minor: 0 };

t.test('two clients see one tree', async t => {
  const { a, b, brick } = await twoClients(t);
  const file = await a.file('f', 'text');
  t.equal(await b.content(await b.lookup(b.root, 'f')), 'text');
  t.match(contentsOf(brick), { '/f': { data: 'text', gfid: file.gfid.toString('hex') } });
});

t.test('an inodelk is given up by its exact range only, and as often as it was taken', async t => {
  const { a } = await twoClients(t);
  const file = await a.file('f');
  const lock = (flock: Flock, owner = 'a', domain = 'd') => a.top.inodelk(owned(owner), domain, file, flock, false);
  await lock(range('write', 0n, 10n));
  await lock(range('write', 0n, 10n));
  t.equal((await failure(lock(range('unlock', 0n, 5n)))).code, 'EINVAL');
  await lock(range('unlock', 0n, 10n));
  t.equal((await failure(lock(range('write', 5n, 1n), 'b'))).code, 'EAGAIN');
  await lock(range('unlock', 0n, 10n));
  await lock(range('write', 5n, 1n), 'b');
  t.equal((await failure(lock(range('unlock', 0n, 10n)))).code, 'EINVAL');
});

t.test('the lock on attributes and the lock on the content are apart', async t => {
  const { a } = await twoClients(t);
  const file = await a.file('f');
  const attributes = range('write', 0x7fff_ffff_ffff_fffen);
  await a.top.inodelk(owned('a'), 'd', file, range('write'), false);
  await a.top.inodelk(owned('b'), 'd', file, attributes, false);
  t.equal((await failure(a.top.inodelk(owned('c'), 'd', file, attributes, false))).code, 'EAGAIN');
});

t.test('locks are of a connection, not of an NFS client, and end with it', async t => {
  const { a, b, link } = await twoClients(t);
  const [here, there] = [await a.file('f'), await b.lookup(b.root, 'f')];
  await a.top.inodelk(owned('o'), 'd', here, range('write'), false);
  const other = { ...owned('o'), client: '192.0.2.77' };
  await a.top.inodelk(other, 'd', here, range('unlock'), false);
  await a.top.inodelk(other, 'd', here, range('write'), false);
  await a.top.entrylk(owned('o'), 'd', a.root, 'f', 'write', false);
  t.equal((await failure(b.top.inodelk(owned('o'), 'd', there, range('write'), false))).code, 'EAGAIN');
  const waiting = b.top.inodelk(owned('o'), 'd', there, range('write'), true);
  link.disconnect();
  await waiting;
  await b.top.entrylk(owned('o'), 'd', b.root, 'f', 'write', false);
  link.connect();
  t.equal((await failure(a.top.inodelk(owned('o'), 'd', here, range('read'), false))).code, 'EAGAIN');
});

t.test('a lock that is waited for is not taken by a connection that has ended', async t => {
  const { a, b, link } = await twoClients(t);
  const [here, there] = [await a.file('f'), await b.lookup(b.root, 'f')];
  await b.top.inodelk(owned('b'), 'd', there, range('write'), false);
  const waiting = failure(a.top.inodelk(owned('a'), 'd', here, range('write'), true));
  link.disconnect();
  t.equal((await waiting).code, 'ENOTCONN');
  await b.top.inodelk(owned('b'), 'd', there, range('unlock'), false);
  await b.top.inodelk(owned('c'), 'd', there, range('write'), false);
});

t.test('no reader overtakes a writer that waits, and the holder is told of it', async t => {
  const { a, b, brick } = await twoClients(t);
  const [here, there] = [await a.file('f'), await b.lookup(b.root, 'f')];
  const events: GraphEvent[] = [];
  brick.parents.push({ notify: (event: GraphEvent) => void events.push(event) } as never);
  await a.top.inodelk(owned('a'), 'd', here, range('read'), false);
  const writer = b.top.inodelk(owned('b'), 'd', there, range('write'), true);
  t.same(events, [{ kind: 'upcall', gfid: here.gfid, about: 'contention' }]);
  t.equal((await failure(b.top.inodelk(owned('c'), 'd', there, range('read'), false))).code, 'EAGAIN');
  await a.top.inodelk(owned('a'), 'd', here, range('unlock'), false);
  await writer;
});

t.test('xdata asks for extended attributes and for counts', async t => {
  const { a } = await twoClients(t);
  const pending = Buffer.from('000000010000000000000000', 'hex');
  const file = await a.file('f', 'text');
  await a.top.xattrop(frame, file, 'add32', new Map([['trusted.afr.v-client-1', pending]]));
  await a.top.finodelk(owned('a'), 'd', file.fd, range('write'), false);
  await a.top.finodelk(owned('a'), 'e', file.fd, range('write'), false);
  await a.top.entrylk(owned('a'), 'd', a.root, 'f', 'write', false);
  const asked = xdata({
    'trusted.afr.v-client-1': 12,
    'trusted.afr.v-client-2': 12,
    'glusterfs.inodelk-count': 0,
    'glusterfs.parent-entrylk': 0,
    'glusterfs.content': 4,
    'link-count': 'glusterfs.xattrop_index_count',
  });
  const found = (await a.top.lookup(frame, a.root, 'f', asked)).xdata;
  t.same(
    found,
    xdata({
      'trusted.afr.v-client-1': pending,
      'glusterfs.inodelk-count': 2,
      'glusterfs.parent-entrylk': 1,
      'glusterfs.content': Buffer.from('text'),
      'link-count': 1,
    }),
  );
  const dom = xdata({ 'glusterfs.inodelk-dom-count': 'd', 'glusterfs.write-is-append': 0 });
  const written = await a.top.writev(frame, file.fd, Buffer.from('!'), 4, 0, dom);
  t.same(written.xdata, xdata({ 'glusterfs.inodelk-count': 1, 'glusterfs.write-is-append': 1 }));
});

t.test('a counter to which nothing is added does not begin to exist', async t => {
  const { a } = await twoClients(t);
  const file = await a.file('f');
  const zeros = new Map([['trusted.afr.dirty', Buffer.alloc(12)]]);
  t.same(await a.top.xattrop(frame, file, 'add32', zeros), zeros);
  t.equal((await failure(a.top.getxattr(frame, file, 'trusted.afr.dirty'))).code, 'ENODATA');
});

t.test('an object is made only if the layout of its parent is as the caller believes', async t => {
  const { a } = await twoClients(t);
  const layout = 'trusted.glusterfs.dht';
  await a.top.setxattr(frame, a.root, new Map([[layout, Buffer.from('old')]]), 0);
  const told = (value: string) =>
    xdata({ 'glusterfs.preop.parent.key': layout, [layout]: Buffer.from(value), 'trusted.x': 'y' });
  const failed: any = await a.top.mkdir(frame, a.root, 'd', {}, told('new')).catch((error: unknown) => error);
  t.match(failed, { code: 'EIO', xdata: xdata({ 'glusterfs.preop.check.failed': 1 }) });
  const dir = await a.made(a.root, 'd', a.top.mkdir(frame, a.root, 'd', {}, told('old')));
  t.same(await a.top.getxattr(frame, dir), new Map([['trusted.x', Buffer.from('y\0')]]));
});

t.test('linkto files are told from others when they are made, replaced and removed', async t => {
  const { a } = await twoClients(t);
  const file = await a.file('f', 'text');
  const gfid = randomBytes(16);
  const linkto = xdata({ 'trusted.glusterfs.dht.linkto': 'v-client-1', 'glusterfs-internal-fop': 'yes' });
  const mknod = (name: string, gfid: Buffer, more: Xdata = new Map()) =>
    a.top.mknod(frame, a.root, name, FileType.REG, { mode: 0o1000, gfid }, NO_DEVICE, new Map([...linkto, ...more]));
  await mknod('l', gfid);
  t.equal((await failure(mknod('l', randomBytes(16)))).code, 'EEXIST');
  const replaced = await mknod('l', randomBytes(16), xdata({ 'force-replace': 'yes' }));
  t.equal(replaced.iatt.nlink, 1);
  t.equal((await mknod('again', replaced.iatt.gfid)).iatt.nlink, 2, 'a gfid that exists gets a further name');
  const unlink = (name: string, told: Record<string, XdataValue>) => a.top.unlink(frame, a.root, name, xdata(told));
  t.equal((await failure(unlink('f', { 'unlink-only-if-dht-linkto-file': 1 }))).code, 'EBUSY');
  const fd = await a.open(file, 2);
  t.equal((await failure(unlink('f', { 'dont-unlink-for-open-fd': 1 }))).code, 'EBUSY');
  a.release(fd);
  t.same(
    (await unlink('l', { 'unlink-only-if-dht-linkto-file': 1, 'get-link-count': 1 })).xdata,
    xdata({ 'get-link-count': 2 }),
  );
  t.equal((await failure(a.top.mkdir(frame, a.root, 'd', { gfid: file.gfid }))).code, 'ENODATA');
});

t.test('a connection breaks before or after the n-th call, and calls under way fail', async t => {
  const { a, b, link } = await twoClients(t);
  const events: string[] = [];
  link.parents.push({ notify: ({ kind }: GraphEvent) => void events.push(kind) } as never);
  const before = link.fail({ fop: 'mkdir', nth: 2, when: 'before', what: 'down' });
  await a.dir('first');
  t.equal((await failure(a.dir('second'))).code, 'ENOTCONN');
  await before.happened;
  t.equal((await failure(a.stat(a.root))).code, 'ENOTCONN', 'the connection is down');
  link.connect();
  link.fail({ fop: ['mkdir', 'rmdir'], when: 'after', what: 'down' });
  const hang = link.fail({ fop: 'stat', when: 'after', what: 'hang' });
  const stat = failure(a.stat(a.root));
  await hang.happened;
  t.equal((await failure(a.dir('third'))).code, 'ENOTCONN');
  t.equal((await stat).code, 'ENOTCONN', 'a call under way fails, too');
  t.same(events, ['child-down', 'child-up', 'child-down']);
  const names = (await b.top.readdir(frame, b.root.fd, 1000, 0n)).entries.map(({ name }) => name);
  t.same(names, ['.', '..', 'first', 'third'], 'the brick has done what came before the end of the connection');
});

t.test('calls fail with an errno, hang, or wait for a frozen brick', async t => {
  const { a, link } = await twoClients(t);
  const full = link.fail({ fop: 'mkdir', nth: 'each', when: 'before', what: 'ENOSPC' });
  for (const name of ['d', 'e']) t.equal((await failure(a.dir(name))).code, 'ENOSPC');
  full.cancel();
  const hang = link.fail({ of: (_frame, _parent, name) => name === 'x', when: 'before', what: 'hang' });
  let answered = 0;
  const count = () => answered++;
  const first = a.dir('x').finally(count);
  await hang.happened;
  await a.dir('d');
  t.equal(answered, 0);
  hang.resume();
  await first;
  link.freeze();
  const second = a.dir('y').finally(count);
  for (let turns = 0; turns < 10; turns++) await setImmediate();
  t.equal(answered, 1);
  link.thaw();
  await second;
  t.same(
    link.calls.filter(({ fop }) => fop === 'mkdir').map(({ args }) => args[2]),
    ['d', 'e', 'x', 'd', 'y'],
  );
});
