/** What the kernel is told of changes that were not made through the mount. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Notify, Opcode, ROOT_ID } from '#protocols/fuse/constants.ts';
import * as header from '#protocols/fuse/header.ts';
import { fuse_attr_out, fuse_getattr_in, fuse_name_in } from '#protocols/fuse/object.ts';
import type { FuseActors } from '#src/xlators/mount/fuse/fuse-actor.ts';
import { Kernel } from '../../../support/fuse/kernel.ts';
import { frame, stackOf, xlatorOf } from '../../../support/graph.ts';
import { Failing } from '../../../support/memory/failing.ts';

const MEMORY = stackOf('test/memory');
const REMOTE = stackOf('test/failing', 'test/memory');
const LONG = { 'entry-timeout': '3600', 'attribute-timeout': '3600', 'negative-timeout': '3600' };

/** The messages to the kernel, when there are as many as this. */
async function told(kernel: Kernel, count: number): Promise<readonly string[]> {
  while (kernel.unasked.length < count) await sleep(2);
  return kernel.unasked.splice(0).map(bytes => {
    const { size } = header.fuse_out_header;
    const { error, unique, len } = header.fuse_out_header.decode(bytes, 0);
    if (unique !== 0 || len !== bytes.length) throw new Error('expected a message that answers no request');
    if (error === Notify.INVAL_INODE) {
      const { nodeid, off } = header.fuse_notify_inval_inode_out.decode(bytes, size);
      return `${nodeid}${off < 0 ? '' : ' data'}`;
    }
    const { parent, namelen, flags } = header.fuse_notify_inval_entry_out.decode(bytes, size);
    const name = bytes.subarray(size + header.fuse_notify_inval_entry_out.size);
    if (error !== Notify.INVAL_ENTRY || flags !== 1 || name.length !== namelen + 1) throw new Error('no such message');
    return `${parent}/${name.subarray(0, -1).toString('latin1')}`;
  });
}

async function withFile(kernel: Kernel) {
  const { top, table } = kernel.subvolume.volume;
  const made = await top.create(frame, table.root, 'a', { mode: 'unchecked', attr: { mode: 0o644 } });
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  return { gfid: made.iatt.gfid, nodeid, root: table.root, invalidations: kernel.session.serving.invalidations };
}

t.test('nodes and names are told of, if the kernel has them', async t => {
  const kernel = await Kernel.over(t, MEMORY, { options: LONG });
  const { gfid, nodeid, root, invalidations } = await withFile(kernel);
  invalidations.objectChanged(gfid, false);
  t.strictSame(await told(kernel, 1), [`${nodeid}`]);
  invalidations.objectChanged(gfid, true);
  t.strictSame(await told(kernel, 1), [`${nodeid} data`]);
  invalidations.objectChanged(Buffer.alloc(16, 7), true); // the kernel has no node of it
  invalidations.nameChanged(root, 'a', false);
  invalidations.nameChanged(root, 'n\xe4me', true);
  t.strictSame(await told(kernel, 2), ['1/a', '1/n\xe4me']);
  invalidations.everythingChanged();
  t.strictSame(await told(kernel, 2), ['1 data', `${nodeid} data`]);
});

t.test('what changes several times before it is told is told once', async t => {
  const kernel = await Kernel.over(t, MEMORY, { options: LONG });
  const { gfid, nodeid, root, invalidations } = await withFile(kernel);
  for (let i = 0; i < 10; i++) {
    invalidations.objectChanged(gfid, i === 3);
    invalidations.nameChanged(root, 'a', false);
  }
  invalidations.objectChanged(root.gfid, false);
  t.strictSame(await told(kernel, 3), ['1/a', `${nodeid} data`, '1']);
  t.strictSame(kernel.unasked, []);
});

t.test('a kernel that does not remember what was not there is not told of new names', async t => {
  const kernel = await Kernel.over(t, MEMORY);
  const { gfid, nodeid, root, invalidations } = await withFile(kernel);
  invalidations.nameChanged(root, 'b', true);
  invalidations.objectChanged(gfid, false);
  t.strictSame(await told(kernel, 1), [`${nodeid}`]);
});

t.test('what a brick tells of another client is passed on, with the name that the kernel knows', async t => {
  const kernel = await Kernel.over(t, REMOTE, { options: LONG });
  const { gfid, nodeid } = await withFile(kernel);
  xlatorOf(kernel.subvolume.top, 'v1', Failing).notify({ kind: 'upcall', gfid, about: 'changed' });
  kernel.subvolume.notify({ kind: 'upcall', gfid, about: 'changed' });
  t.strictSame(await told(kernel, 2), ['1/a', `${nodeid} data`]);
});

t.test('an answer that a change has overtaken is not kept by the kernel', async t => {
  const kernel = await Kernel.over(t, MEMORY, { options: LONG });
  const { gfid, invalidations } = await withFile(kernel);
  const getattr = (): Promise<fuse_attr_out> =>
    kernel.ask(Opcode.GETATTR, ROOT_ID, fuse_getattr_in, { getattr_flags: 0, dummy: 0, fh: 0 }, fuse_attr_out);
  t.equal((await getattr()).attr_valid, 3600);
  const { top } = kernel.session.serving.volume;
  const stat = top.stat.bind(top);
  top.stat = (...args) => {
    invalidations.objectChanged(gfid, false); // of whatever object
    return stat(...args);
  };
  t.equal((await getattr()).attr_valid, 0);
});

t.test('when the session ends, those who wait get ENOTCONN, and nothing more is told', async t => {
  const answer = Promise.withResolvers<void>();
  const actors: FuseActors[number][] = [];
  actors[Opcode.LOOKUP] = { name: 'LOOKUP', args: fuse_name_in, changes: false, run: () => answer.promise };
  const kernel = await Kernel.over(t, MEMORY, { actors });
  const asked = kernel.send(Opcode.LOOKUP, ROOT_ID, fuse_name_in, { name: 'a' });
  const { active, invalidations } = kernel.session.serving;
  while (active.size === 0) await sleep(2);
  const { root } = kernel.subvolume.volume.table;
  invalidations.objectChanged(root.gfid, true);
  await Promise.resolve();
  const closed = kernel.session.close();
  kernel.subvolume.listeners.tell(undefined, one => one.objectChanged(root.gfid, true));
  t.equal((await asked).error, 'ENOTCONN');
  await closed;
  answer.resolve();
  t.ok(kernel.unasked.length <= 1);
});
