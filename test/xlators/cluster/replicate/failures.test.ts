/** Replicas of which some fail: nothing is read from one that lacks something, and no lock and no alarm is left behind. */
import { mock } from 'node:test';
import t, { type Test } from 'tap';
import { settled } from './settled.ts';
import { type Flock, type Fop, Stable } from '#src/graph/fops.ts';
import type { GraphEvent } from '#src/graph/event.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import type { Xlator } from '#src/graph/xlator.ts';
import { O_RDWR, O_TRUNC } from '#src/sys/constants.ts';
import { replicas } from './bricks.ts';

const BRICKS = [0, 1, 2];

/** Three replicas with a file. */
async function volume(t: Test, options = '') {
  const all = await replicas(t, options);
  const { top, root, frame } = all;
  const events: GraphEvent['kind'][] = [];
  top.parents.push({ notify: ({ kind }: GraphEvent) => void events.push(kind) } as Xlator);
  const { iatt } = await top.create(frame, root, 'f', { mode: 'guarded', attr: { mode: 0o644 } });
  const file = new Inode(iatt.gfid, FileType.REG);
  const write = (text: string, stable = Stable.UNSTABLE, offset = 0) =>
    top.writev(frame, file.fd, Buffer.from(text), offset, stable);
  const read = async () => (await top.readv(frame, file.fd, 100, 0)).data.toString();
  const release = async () => {
    top.notify({ kind: 'upcall', gfid: file.gfid, about: 'contention' });
    await settled(30);
  };
  /** As another client would have left it: failures of data, attributes and names. */
  const blame = (by: readonly number[], child: number, of = [1, 0, 0], inode: Inode = file) => {
    const counts = Buffer.alloc(12);
    for (const [i, count] of of.entries()) counts.writeInt32BE(count, 4 * i);
    const change = new Map([[`trusted.afr.c-${child}`, counts]]);
    return Promise.all(by.map(i => all.bricks[i]!.xattrop(frame, inode, 'add32', change)));
  };
  await settled(30);
  return { ...all, file, events, write, read, release, blame };
}

type Volume = Awaited<ReturnType<typeof volume>>;

t.test('a file is removed while writes to it are not durable: no other file is written again for that', async t => {
  const { top, root, frame, events, write, release } = await volume(t);
  await write('data');
  await top.unlink(frame, root, 'f');
  await release();
  t.notOk(events.includes('unstable-lost'));
});

t.test('a lookup that only a stale brick has answered', async t => {
  const { top, root, frame, file, connections, write, release } = await volume(t);
  connections[0]!.disconnect();
  await write('longer');
  await release();
  connections[0]!.connect();
  await settled(30);
  for (const one of connections.slice(1)) one.fail({ fop: 'lookup', when: 'before', what: 'ENOTCONN' });
  await t.rejects(top.lookup(frame, root, 'f'), { code: 'ENOTCONN' });
  for (const one of connections.slice(1)) one.fail({ fop: 'discover', when: 'before', what: 'ENOTCONN' });
  await t.rejects(top.discover(frame, file.gfid, undefined), { code: 'ENOTCONN' });
});

t.test('a lock is given up on the bricks that are left', async t => {
  const { top, root, frame, connections, bricks, file } = await volume(t);
  const owner = { ...frame, lkOwner: Buffer.from('12345678') };
  const other = { ...frame, lkOwner: Buffer.from('87654321') };
  const range = { start: 0n, length: 0n } as const;
  const lock: Flock = { type: 'write', ...range };
  await top.inodelk(owner, 'd', file, lock, false);
  await top.entrylk(owner, 'd', root, 'n', 'write', false);
  await top.lk(owner, file.fd, 'set', lock);
  for (const one of connections.slice(1)) one.disconnect();
  await top.inodelk(owner, 'd', file, { type: 'unlock', ...range }, false).catch(() => {});
  await top.entrylk(owner, 'd', root, 'n', 'unlock', false).catch(() => {});
  await top.lk(owner, file.fd, 'set', { type: 'unlock', ...range }).catch(() => {});
  await t.resolves(bricks[0]!.inodelk(other, 'd', file, lock, false));
  await t.resolves(bricks[0]!.entrylk(other, 'd', root, 'n', 'write', false));
  await t.resolves(bricks[0]!.lk(other, file.fd, 'set', lock));
});

t.test('what was learnt while a blame was on its way does not hold', async t => {
  const { top, frame, connections, file, write, read } = await volume(t, 'read-subvolume=c-2');
  await write('old');
  const blames = connections.slice(0, 2).map(one => one.fail({ fop: 'xattrop', when: 'before', what: 'hang' }));
  connections[2]!.fail({ fop: 'writev', when: 'before', what: 'down' });
  const written = write('new');
  await settled(30);
  connections[2]!.connect();
  await settled(30);
  await top.discover(frame, file.gfid, undefined);
  t.equal(await read(), 'old');
  for (const one of blames) one.resume();
  await written;
  t.equal(await read(), 'new');
});

t.test('a brick that comes up again without having gone down has dropped its locks', async t => {
  const { top, connections, write, marks, release } = await volume(t);
  await write('data');
  top.notify({ kind: 'child-up' }, connections[2]!);
  await release();
  t.match(marks()[0], ['/f: c-2=1,0,0']);
});

t.test('all bricks have failing disks: the error says so', async t => {
  const { connections, write } = await volume(t);
  for (const one of connections) one.fail({ fop: 'writev', when: 'before', what: 'EIO' });
  await t.rejects(write('data'), { code: 'EIO' });
});

t.test('a write that ends after the transaction has broken is not answered as done', async t => {
  const { connections, write, events } = await volume(t);
  await write('first');
  const plans = connections.map(one =>
    one.fail({ fop: 'writev', of: (_frame, _fd, _data, offset) => offset === 100, when: 'after', what: 'hang' }),
  );
  const slow = write('second', Stable.UNSTABLE, 100);
  for (const one of connections.slice(1)) one.fail({ fop: 'writev', nth: 1, when: 'before', what: 'EIO' });
  await t.rejects(write('third', Stable.UNSTABLE, 200));
  for (const one of plans) one.resume();
  await t.rejects(slow, { code: 'ENOTCONN' });
  t.ok(events.includes('unstable-lost'));
});

t.test('another client records that a brick lacks something: it is not read after the next lookup', async t => {
  const { top, root, frame, file, bricks, blame, write, read, release } = await volume(t, 'read-subvolume=c-2');
  await write('good');
  await release();
  await top.lookup(frame, root, 'f');
  await bricks[2]!.writev(frame, file.fd, Buffer.from('lack'), 0, Stable.UNSTABLE);
  t.equal(await read(), 'lack', 'the brick that is read');
  await blame([0, 1], 2);
  await top.lookup(frame, root, '.');
  t.equal(await read(), 'good');
});

t.test('the only brick that lacks nothing goes away: it is not blamed by those that do', async t => {
  const { connections, write, read, blame, release, marks, events } = await volume(t);
  await blame([0, 1], 2);
  await blame([1, 2], 0);
  await write('data');
  connections[1]!.disconnect();
  await release();
  t.notOk(
    marks()
      .flat()
      .some(mark => mark.includes('c-1=')),
  );
  t.ok(events.includes('unstable-lost'));
  connections[1]!.connect();
  t.equal(await read(), 'data');
});

t.test(
  'a name is taken back only where the lock is still held, and only if it leads to the object that was made',
  async t => {
    const { top, root, frame, connections, bricks, contents } = await volume(t);
    // Two bricks refuse the name, each for another reason; the third has made it, and its connection breaks before it can be taken back.
    connections[1]!.fail({ fop: 'create', when: 'before', what: 'ENOSPC' });
    connections[2]!.fail({ fop: 'create', when: 'before', what: 'EDQUOT' });
    const lookup = connections[0]!.fail({
      fop: 'lookup',
      of: (_frame, _parent, name) => name === 'n',
      when: 'after',
      what: 'hang',
    });
    const made = top.create(frame, root, 'n', { mode: 'guarded', attr: { mode: 0o600 } });
    await lookup.happened;
    connections[0]!.disconnect();
    connections[0]!.connect();
    await bricks[0]!.unlink(frame, root, 'n');
    await bricks[0]!.create(frame, root, 'n', { mode: 'guarded', attr: { mode: 0o644, gfid: Buffer.alloc(16, 7) } });
    lookup.resume();
    await t.rejects(made);
    await settled(30);
    t.equal(contents()[0]!['/n']?.mode, 0o644, 'what another client has made meanwhile');
  },
);

t.test('the disks of two bricks fail after they have made a name: it is taken back there too', async t => {
  const { top, root, frame, connections, contents, marks } = await volume(t);
  for (const one of connections.slice(1)) one.fail({ fop: 'create', when: 'after', what: 'EIO' });
  await t.rejects(top.create(frame, root, 'n', { mode: 'guarded', attr: {} }), { code: 'EIO' });
  await settled(30);
  for (const brick of contents()) t.notOk('/n' in brick);
  t.strictSame(marks(), [[], [], []]);
});

t.test('all bricks fail in turn: the last one that has everything is not blamed, whatever is changed', async t => {
  const changes: Record<string, (volume: Volume) => Promise<unknown>> = {
    setattr: ({ top, frame, file }: Volume) => top.setattr(frame, file, { mode: 0o600 }),
    setxattr: ({ top, frame, file }: Volume) => top.setxattr(frame, file, new Map([['user.a', Buffer.from('1')]]), 0),
    create: ({ top, frame, root }: Volume) => top.create(frame, root, 'n', { mode: 'guarded', attr: {} }),
    mkdir: ({ top, frame, root }: Volume) => top.mkdir(frame, root, 'n', {}),
    unlink: ({ top, frame, root }: Volume) => top.unlink(frame, root, 'f'),
    rename: ({ top, frame, root }: Volume) => top.rename(frame, root, 'f', root, 'g'),
    link: ({ top, frame, root, file }: Volume) => top.link(frame, file, root, 'g'),
    truncate: ({ top, frame, file }: Volume) => top.truncate(frame, file, 0),
  };
  for (const [fop, change] of Object.entries(changes)) {
    const all = await volume(t, 'post-op-delay-secs=0');
    const { connections, blame, marks, top, root, frame } = all;
    // The first two failed before: each kind is counted on the file and on its directory.
    await blame([1, 2], 0, [1, 1, 0]);
    await blame([0, 2], 1, [1, 1, 0]);
    await blame([1, 2], 0, [0, 0, 1], root);
    await blame([0, 2], 1, [0, 0, 1], root);
    connections[2]!.fail({ fop: fop as Fop, when: 'before', what: 'ENOSPC' });
    await t.rejects(() => change(all), { code: 'ENOSPC' }, fop);
    await settled(30);
    t.notOk(
      marks()
        .flat()
        .some(mark => mark.includes('c-2=')),
      `${fop}: ${marks().join()}`,
    );
    t.equal((await top.lookup(frame, root, 'f')).iatt.size, 0);
    connections[2]!.disconnect();
    await t.rejects(() => change(all), { code: 'ENOTCONN' }, `${fop} without it`);
  }
});

/** The first and the third brick have made a name that the second lacks; the third went down before it could record that. */
async function unrecorded(t: Test) {
  const all = await volume(t, 'eager-lock=off');
  const { top, root, frame, connections } = all;
  const create = () => top.create(frame, root, 'n', { mode: 'guarded', attr: { mode: 0o644 } });
  connections[1]!.disconnect();
  connections[2]!.fail({ fop: 'xattrop', nth: 2, when: 'before', what: 'down' });
  await t.rejects(create(), { code: 'ENOTCONN' });
  await settled(30);
  for (const one of connections.slice(1)) one.connect();
  return { ...all, create };
}

t.test('a brick goes down that may have made another object of a name which the others have: it is blamed', async t => {
  const { create, connections, marks } = await unrecorded(t);
  connections[1]!.fail({ fop: 'create', when: 'after', what: 'down' });
  await t.rejects(create(), { code: 'EEXIST' });
  await settled(30);
  for (const i of [0, 2]) t.ok(marks()[i]!.includes(': c-1=0,0,1'), `brick ${i} has ${marks()[i]!.join()}`);
});

t.test(
  'a brick makes a name that the others have, and too few are left to blame it: it takes the name back',
  async t => {
    const { create, connections, contents } = await unrecorded(t);
    connections[0]!.fail({ fop: 'xattrop', when: 'before', what: 'down' });
    await t.rejects(create(), { code: 'EEXIST' });
    await settled(30);
    const having = contents().map(names => '/n' in names);
    t.strictSame(having, [true, false, true]);
  },
);

t.test('what one brick has opened is closed if the file cannot be opened', async t => {
  const { top, root, frame, connections, bricks, file } = await volume(t);
  const open = () => bricks.map(brick => brick.dump()['open']);
  const refuse = (fop: Fop, what: 'EACCES' | 'EMFILE', i: number) =>
    connections[i]!.fail({ fop, when: 'before', what });
  for (const fop of ['open', 'opendir'] as const) {
    refuse(fop, 'EACCES', 1);
    refuse(fop, 'EMFILE', 2);
    await t.rejects(() => (fop === 'open' ? top.open(frame, file, O_RDWR) : top.opendir(frame, root)));
    t.strictSame(open(), [0, 0, 0], fop);
  }
  for (const i of BRICKS) refuse('truncate', 'EACCES', i);
  await t.rejects(top.open(frame, file, O_RDWR | O_TRUNC), { code: 'EACCES' });
  t.strictSame(open(), [0, 0, 0], 'a file that could not be cut off');
  refuse('create', 'EACCES', 1);
  refuse('create', 'EMFILE', 2);
  await t.rejects(top.create(frame, root, 'n', { mode: 'unchecked', attr: {} }, O_RDWR));
  t.strictSame(open(), [0, 0, 0], 'create');
});

t.test('the end of the layer does not wait for a brick that answers nothing', async t => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const { top, connections, write } = await volume(t, 'post-op-delay-secs=1000');
  await write('data');
  connections[1]!.freeze();
  const ended = top.fini();
  await settled(30);
  mock.timers.tick(5000);
  await ended;
  connections[1]!.thaw();
});
