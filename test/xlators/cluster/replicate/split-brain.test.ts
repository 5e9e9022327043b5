/** What is answered when the replicas blame each other, or have different objects of one name. */
import t, { type Test } from 'tap';
import { Stable, type Xattrs } from '#src/graph/fops.ts';
import { gfidText } from '#src/graph/gfid.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import { replicas } from './bricks.ts';

const BRICKS = [0, 1, 2];

/** The counters of a brick that blames two others: three numbers for each, of data, metadata and names. */
const blame = (others: readonly number[], counts: readonly number[]): Xattrs => {
  const value = Buffer.alloc(12);
  for (const [i, count] of counts.entries()) value.writeInt32BE(count, 4 * i);
  return new Map(others.map(other => [`trusted.afr.c-${other}`, value]));
};

async function setup(t: Test) {
  const volume = await replicas(t, 'post-op-delay-secs=0');
  const { top, table, root, frame, bricks } = volume;
  const { iatt } = await top.create(frame, root, 'f', { mode: 'guarded', attr: { mode: 0o644 } });
  const file = table.link(iatt, root, 'f');
  /** As another client would have left it. */
  const blamed = async (by: number, others: readonly number[], counts: readonly number[]) => {
    await bricks[by]!.xattrop(frame, new Inode(file.gfid, FileType.REG), 'add32', blame(others, counts));
  };
  return { ...volume, file, blamed };
}

t.test('data in split brain are not read, and the log says once what to do', async t => {
  const { top, frame, file, blamed, lines, root } = await setup(t);
  for (const i of BRICKS)
    await blamed(
      i,
      BRICKS.filter(other => other !== i),
      [1, 0, 0],
    );
  t.match((await top.lookup(frame, root, 'f')).iatt, { gfid: file.gfid }, 'its attributes are known');
  for (let i = 0; i < 2; i++) await t.rejects(top.readv(frame, file.fd, 10, 0), { code: 'EIO' });
  const told = lines.filter(line => /blame each other for the data/.test(JSON.stringify(line)));
  t.equal(told.length, 1);
  const text = JSON.stringify(told[0]);
  t.match(text, /gluster volume heal VOL info split-brain/);
  t.match(text, /gluster volume heal VOL split-brain source-brick HOST:BRICK PATH/);
  t.match(text, /c-0, c-1, c-2/, 'the bricks');
  t.match(text, gfidText(file.gfid), 'the file');
});

t.test('attributes in split brain are not answered', async t => {
  const { top, frame, file, blamed, root } = await setup(t);
  for (const i of BRICKS)
    await blamed(
      i,
      BRICKS.filter(other => other !== i),
      [0, 1, 0],
    );
  await t.rejects(top.lookup(frame, root, 'f'), { code: 'EIO' });
  await t.rejects(top.discover(frame, file.gfid, undefined), { code: 'EIO' });
});

t.test('while a brick is away that might tell, the client waits', async t => {
  const { top, frame, file, blamed, connections } = await setup(t);
  await blamed(0, [1], [1, 1, 0]);
  await blamed(1, [0], [1, 1, 0]);
  connections[2]!.disconnect();
  await t.rejects(top.discover(frame, file.gfid, undefined), { code: 'ENOTCONN' });
});

t.test('attributes and size come from different bricks, if each lacks something', async t => {
  const { top, frame, blamed, bricks, file, root } = await setup(t);
  const { fd } = new Inode(file.gfid, FileType.REG);
  await bricks[0]!.writev(frame, fd, Buffer.from('0123456789'), 0, Stable.FILE_SYNC);
  for (const i of [1, 2]) await bricks[i]!.setattr(frame, fd.inode, { mode: 0o600 });
  await blamed(0, [1, 2], [1, 0, 0]);
  await blamed(1, [0], [0, 1, 0]);
  await blamed(2, [0], [0, 1, 0]);
  t.match((await top.lookup(frame, root, 'f')).iatt, { size: 10, mode: 0o600 });
});

t.test('of different objects of one name that of a quorum is taken, and none without one', async t => {
  const { top, frame, root, bricks } = await setup(t);
  const attr = (i: number) => ({ mode: 'guarded', attr: { mode: 0o644, gfid: Buffer.alloc(16, i + 1) } }) as const;
  for (const i of BRICKS) await bricks[i]!.create(frame, root, 'two', attr(i === 2 ? 1 : i));
  t.match((await top.lookup(frame, root, 'two')).iatt.gfid, attr(1).attr.gfid);
  for (const i of BRICKS) await bricks[i]!.create(frame, root, 'three', attr(i + 5));
  await t.rejects(top.lookup(frame, root, 'three'), { code: 'EIO' });
  await bricks[0]!.entrylk(frame, 'r', root, 'three', 'write', false);
  await t.rejects(top.lookup(frame, root, 'three'), { code: 'EJUKEBOX' }, 'another client is making it');
});

t.test('of different types of one name none is taken', async t => {
  const { top, frame, root, bricks } = await setup(t);
  const gfid = Buffer.alloc(16, 9);
  await bricks[0]!.mkdir(frame, root, 'n', { mode: 0o755, gfid });
  for (const i of [1, 2]) await bricks[i]!.create(frame, root, 'n', { mode: 'guarded', attr: { gfid } });
  await t.rejects(top.lookup(frame, root, 'n'), { code: 'EIO' });
});
