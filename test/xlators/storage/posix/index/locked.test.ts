/** The index while another process has locked it. No call waits for long, and no completed change is denied. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { Iatt } from '#src/graph/iatt.ts';
import { FileType } from '#src/graph/iatt.ts';
import { codeOf, inodeOf, makePlace, needsRoot, root, startBrick, type TestBrick } from '../support/brick-test.ts';
import { byIndex, guarded, indexFiles, known, otherProcess, patiently } from './ground.ts';

/** A call that makes something, which must exist if and only if the call is answered. */
interface Case {
  readonly name: string;
  readonly run: (brick: TestBrick) => Promise<unknown>;
  /** A name that exists before the call and must not exist after it. */
  readonly takes?: string;
  readonly makes?: string;
  /**
   * Whether the call returns a handle, so that it must not be answered while the handle cannot be written to the index.
   */
  readonly waits: boolean;
}

const CASES: readonly Case[] = [
  { name: 'create', run: ({ fops, root: top }) => fops.create(root, top, 'new', guarded), makes: 'new', waits: true },
  {
    name: 'exclusive create',
    run: ({ fops, root: top }) =>
      fops.create(root, top, 'exclusive', { mode: 'exclusive', verifier: Buffer.from('12345678') }),
    makes: 'exclusive',
    waits: true,
  },
  {
    name: 'mkdir',
    run: ({ fops, root: top }) => fops.mkdir(root, top, 'dir', { mode: 0o755 }),
    makes: 'dir',
    waits: true,
  },
  {
    name: 'symlink',
    run: ({ fops, root: top }) => fops.symlink(root, top, 'symlink', 'to', {}),
    makes: 'symlink',
    waits: true,
  },
  {
    name: 'mknod',
    run: ({ fops, root: top }) => fops.mknod(root, top, 'fifo', FileType.FIFO, {}, { major: 0, minor: 0 }),
    makes: 'fifo',
    waits: true,
  },
  { name: 'lookup', run: ({ fops, root: top }) => fops.lookup(root, top, 'unseen'), waits: true },
  { name: 'readdirplus', run: ({ fops, root: top }) => fops.readdirp(root, top.fd, 100_000, 0n), waits: true },
  {
    name: 'link',
    run: async brick => brick.fops.link(root, await brick.walk('seen'), brick.root, 'link'),
    makes: 'link',
    waits: false,
  },
  {
    name: 'rename',
    run: ({ fops, root: top }) => fops.rename(root, top, 'before', top, 'after'),
    takes: 'before',
    makes: 'after',
    waits: false,
  },
  { name: 'remove', run: ({ fops, root: top }) => fops.unlink(root, top, 'old'), takes: 'old', waits: false },
  { name: 'rmdir', run: ({ fops, root: top }) => fops.rmdir(root, top, 'olddir'), takes: 'olddir', waits: false },
];

for (const lock of ['BEGIN IMMEDIATE', 'BEGIN EXCLUSIVE']) {
  for (const { name, run, takes, makes, waits } of CASES) {
    t.test(`${lock} of another process, and ${name}`, needsRoot, async t => {
      const place = makePlace(t);
      for (const file of ['seen', 'unseen', 'before', 'old']) writeFileSync(place.path(file), file);
      mkdirSync(place.path('olddir'));
      const brick = await startBrick(t, place, byIndex);
      const handles: Iatt[] = [];
      for (const file of ['seen', 'before', 'old', 'olddir']) {
        handles.push((await brick.fops.lookup(root, brick.root, file)).iatt);
      }
      const free = await otherProcess(t, indexFiles(place)[0]!, lock);
      const began = performance.now();
      const answer = await codeOf(run(brick));
      for (let i = 0; i < 20; i++) await codeOf(brick.fops.lookup(root, brick.root, 'unseen'));
      t.ok(performance.now() - began < 4000, 'no call waits for 5 s, the timeout of a lock');
      t.equal(waits ? answer : typeof answer, waits ? 'EJUKEBOX' : 'object');
      if (makes !== undefined) t.equal(existsSync(place.path('.')) && readdirSync(place.dir).includes(makes), !waits);
      if (takes !== undefined) t.notOk(existsSync(place.path(takes)));
      await free();
      if (waits) t.type(await patiently(() => run(brick)), 'object', 'a repeated call succeeds');
      if (makes !== undefined)
        handles.push(((await patiently(() => brick.fops.lookup(root, brick.root, makes))) as { iatt: Iatt }).iatt);
      await patiently(() => brick.fops.lookup(root, brick.root, 'unseen'));
      await brick.stop();
      const again = await startBrick(t, place, byIndex);
      const gone = takes === undefined || makes !== undefined ? 0 : 1;
      t.equal(await known(again, handles), handles.length - gone, 'all handles are valid after a restart');
      t.ok(inodeOf(handles[0]!));
    });
  }
}

t.test('changes made while the index was locked are written later without a call', needsRoot, async t => {
  const place = makePlace(t);
  writeFileSync(place.path('a'), 'a');
  const brick = await startBrick(t, place, byIndex);
  const a = (await brick.fops.lookup(root, brick.root, 'a')).iatt;
  const [file] = indexFiles(place);
  const free = await otherProcess(t, file!, 'BEGIN IMMEDIATE');
  for (const [from, to] of [
    ['a', 'b'],
    ['b', 'c'],
    ['c', 'd'],
  ]) {
    await brick.fops.rename(root, brick.root, from!, brick.root, to!);
  }
  await free();
  // No call is made in the meantime.
  const named = `SELECT count(*) AS n FROM place WHERE name = x'64'`;
  const { DatabaseSync } = await import('node:sqlite');
  const db = new DatabaseSync(file!, { timeout: 5000 });
  t.teardown(() => db.close());
  while ((db.prepare(named).get() as { n: number }).n === 0) await new Promise(resolve => setTimeout(resolve, 20));
  await brick.stop();
  t.equal(await known(await startBrick(t, place, byIndex), [a]), 1);
});

t.test(
  'a start waits for the lock for a while, and then says how to find its holder',
  { ...needsRoot, timeout: 60_000 },
  async t => {
    const place = makePlace(t);
    const before = await startBrick(t, place, byIndex);
    await before.stop();
    const [file] = indexFiles(place);
    const free = await otherProcess(t, file!, 'BEGIN EXCLUSIVE');
    const expected = `the index of file handles ${file} is locked by another process: stop that one ("fuser ${file}" names it)`;
    await t.rejects(startBrick(t, place, byIndex), { message: expected });
    const starting = startBrick(t, place, byIndex);
    await free();
    t.ok(await starting);
  },
);
