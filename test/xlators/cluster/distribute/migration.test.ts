/** The rebalance daemon moves files while their names are changed: no name that was removed comes back. */
import t, { type Test } from 'tap';
import { FsError } from '#src/errno.ts';
import { type ReadReply, Stable } from '#src/graph/fops.ts';
import type { Inode } from '#src/graph/inode.ts';
import { hashOf } from '#src/xlators/cluster/distribute/layout/hash.ts';
import { failure } from '../../../suites/xlator/hand.ts';
import { Daemon } from './daemon.ts';
import { Client, newStore } from './support.ts';

async function scene(t: Test) {
  const store = newStore();
  const client = await Client.of(t, store);
  const daemon = new Daemon(await Client.of(t, store));
  const d = await client.hand.dir('d');
  return { store, client, daemon, d };
}

/** What another client sees in the directory. */
async function seen(t: Test, store: string): Promise<Record<string, string | undefined>> {
  const client = await Client.of(t, store);
  return Object.fromEntries(await client.tree(await client.hand.lookup(client.hand.root, 'd')));
}

const rename = ({ hand: { top, frame } }: Client, d: Inode, from: string, to: string) =>
  top.rename(frame, d, from, d, to);
const unlink = ({ hand: { top, frame } }: Client, d: Inode, name: string) => top.unlink(frame, d, name);

/** A name that belongs to these children by the layouts of the directory now and after the ranges went to others. */
async function nameFor(
  client: Client,
  daemon: Daemon,
  d: Inode,
  prefix: string,
  now: number,
  later: number,
  order: readonly number[],
) {
  await daemon.relayout(d, order);
  const after = client.layout('/d');
  await daemon.relayout(d, [0, 1, 2]);
  const before = client.layout('/d');
  for (let i = 0; ; i++) {
    const hash = hashOf(`${prefix}${i}`);
    if (before.childFor(hash) === now && after.childFor(hash) === later) return `${prefix}${i}`;
  }
}

for (const removed of ['rename', 'unlink'] as const) {
  t.test(
    `a linkto file that a change of the layout has left does not come back as a name after ${removed}`,
    async t => {
      const { store, client, daemon, d } = await scene(t);
      const order = [1, 2, 0];
      const { hand } = client;
      const made = await nameFor(client, daemon, d, 'made', 2, 0, order);
      const old = await nameFor(client, daemon, d, 'old', 1, 2, order);
      const fresh = await nameFor(client, daemon, d, 'new', 0, 1, order);
      await hand.lookup(hand.root, 'd'); // so that the client knows the layout of now
      await hand.file(made, 'text', d);
      await rename(client, d, made, old);
      t.match(client.contents(1)[`/d/${old}`], { mode: 0o1000 });
      // By the new layout the file is where it belongs, and nothing looks for the linkto file.
      await daemon.begin();
      await daemon.relayout(d, order);
      t.equal(await hand.content(await hand.lookup(d, old)), 'text');
      if (removed === 'rename') {
        await rename(client, d, old, fresh);
      } else {
        await hand.top.link(hand.frame, await hand.lookup(d, old), d, fresh);
        await unlink(client, d, old);
      }
      t.equal(await daemon.rebalance(d, '/d'), 1);
      t.strictSame(await seen(t, store), { [`/${fresh}`]: 'text' });
    },
  );
}

/** A file on one child whose name belongs to another one, with the daemon at it. */
async function moving(t: Test) {
  const { store, client, daemon, d } = await scene(t);
  const [made, name] = [client.name('/d', 0, 'made'), client.name('/d', 1, 'name')];
  await client.hand.file(made, 'text', d);
  await rename(client, d, made, name);
  const [task] = await daemon.tasks(d, '/d');
  return { store, client, daemon, d, name, task: task! };
}

for (const step of ['create', 'mark', 'copy', 'finish', 'switch', 'unlink', 'release']) {
  t.test(`a file that is removed before the daemon comes to "${step}" is gone`, async t => {
    const { store, client, daemon, d, name, task } = await moving(t);
    await daemon.migrate(task, async at => {
      if (at === step) await unlink(client, d, name);
    });
    t.strictSame(await seen(t, store), {});
    t.equal((await failure(client.hand.top.lookup(client.hand.frame, d, name))).code, 'ENOENT');
  });
}

t.test('a file is removed that the daemon has moved since it was found', async t => {
  const { store, client, daemon, d, name, task } = await moving(t);
  const { happened, resume } = client.brick(0).fail({ fop: 'unlink', when: 'before', what: 'hang' });
  const removed = unlink(client, d, name);
  await happened;
  t.ok(await daemon.migrate(task));
  resume();
  await removed;
  t.strictSame(await seen(t, store), {});
});

t.test('a file is renamed while the daemon still has the linkto file of its old name open', async t => {
  const { store, client, daemon, d, name, task } = await moving(t);
  const other = client.names('/d', 1, 'other', 2)[1]!;
  await daemon.migrate(task, async step => {
    if (step === 'mark') throw new FsError('EIO'); // It gives the file up.
    if (step === 'release') await rename(client, d, name, other);
  });
  t.equal(await daemon.rebalance(d, '/d'), 1);
  t.strictSame(await seen(t, store), { [`/${other}`]: 'text' });
});

t.test('a file is renamed that the daemon has moved since it was found', async t => {
  const { store, client, daemon, d, name, task } = await moving(t);
  const other = client.names('/d', 2, 'other')[0]!;
  const { happened, resume } = client.brick(0).fail({ fop: 'inodelk', when: 'before', what: 'hang' });
  const renamed = rename(client, d, name, other);
  await happened;
  t.ok(await daemon.migrate(task));
  resume();
  await renamed;
  t.strictSame(await seen(t, store), { [`/${other}`]: 'text' });
});

const changes: Readonly<Record<string, (client: Client, file: Inode) => Promise<unknown>>> = {
  write: ({ hand: { top, frame } }, { fd }) => top.writev(frame, fd, Buffer.from('NEW'), 0, Stable.UNSTABLE),
  truncate: ({ hand: { top, frame } }, file) => top.truncate(frame, file, 2),
  discard: ({ hand: { top, frame } }, { fd }) => top.discard(frame, fd, 0, 2),
};

for (const [what, change] of Object.entries(changes)) {
  t.test(`the daemon does not undo a ${what} by what it has read before`, async t => {
    const { client, daemon, d, name, task } = await moving(t);
    const file = await client.hand.lookup(d, name);
    await client.hand.top.writev(client.hand.frame, file.fd, Buffer.from('some longer text'), 0, Stable.UNSTABLE);
    const moved = await daemon.migrate(task, async step => {
      if (step === 'write') await change(client, file);
    });
    t.notOk(moved, 'it leaves the file where it is');
    const expected = { write: 'NEWe longer text', truncate: 'so', discard: '\0\0me longer text' }[what];
    t.equal(await client.hand.content(file), expected);
    t.equal(await daemon.rebalance(d, '/d'), 1, 'the next time it moves it');
    t.equal(await client.hand.content(await client.hand.lookup(d, name)), expected);
  });
}

t.test('a file moves to a subvolume that the graph does not have yet', async t => {
  const store = newStore();
  const client = await Client.of(t, store, 2);
  const { hand } = client;
  const made = await hand.dir('d');
  const name = client.name('/d', 0, 'name');
  const file = await hand.file(name, 'text', made);
  const write = () => hand.top.writev(hand.frame, file.fd, Buffer.from('NEW'), 0, Stable.UNSTABLE);
  const read = async () => (await hand.top.readv(hand.frame, file.fd, 10, 0)).data.toString();

  const other = await Client.of(t, store, 3);
  const dir = await other.hand.lookup(other.hand.root, 'd');
  const moved = await new Daemon(other).migrate({ dir, name, from: 0, to: 2 }, async step => {
    if (step === 'write') {
      t.equal(await read(), 'text');
      await t.rejects(write(), { code: 'EJUKEBOX' }, 'the daemon may have copied what it changes');
    }
    if (step === 'unlink') {
      await t.rejects(read(), { code: 'EJUKEBOX' }, 'the data are gone');
      await t.rejects(write(), { code: 'EJUKEBOX' });
    }
  });
  t.ok(moved);
  t.match(other.contents(2)[`/d/${name}`], { data: 'text' });
});

t.test(
  'the daemon has moved a file away before the answer comes from its old place, and another call has found it',
  async t => {
    const { client, daemon, d, name, task } = await moving(t);
    const { top, frame } = client.hand;
    const file = await client.hand.lookup(d, name);
    const { happened, resume } = client.brick(0).fail({ fop: 'readv', when: 'after', what: 'hang' });
    let read: Promise<ReadReply> | undefined;
    t.ok(
      await daemon.migrate(task, async step => {
        if (step !== 'unlink') return;
        read = top.readv(frame, file.fd, 10, 0);
        await happened;
      }),
    );
    await top.stat(frame, file);
    resume();
    t.equal((await read!).data.toString(), 'text');
  },
);

t.test(
  'a handle that is looked for while its file is moved, so that each child answers when it has not got it',
  async t => {
    const { store, client, daemon, d, name } = await moving(t);
    const { gfid } = await client.hand.lookup(d, name);
    const other = await Client.of(t, store);
    const { hand } = other;
    const asked = other.brick(0).fail({ fop: 'discover', when: 'before', what: 'hang' });
    const found = hand.top.discover(hand.frame, gfid, undefined);
    await asked.happened;
    t.equal(await daemon.rebalance(d, '/d'), 1);
    asked.resume();
    t.ok((await found).iatt.gfid.equals(gfid));
    await client.hand.top.unlink(client.hand.frame, d, name);
    t.equal((await failure(hand.top.discover(hand.frame, gfid, undefined))).code, 'ESTALE');
  },
);
