/** What the bricks count when one of them fails at each step of each kind of transaction, and what the caller sees. */
import t from 'tap';
import { settled } from './settled.ts';
import { type Errno, errnoOf } from '#src/errno.ts';
import { type Fop, Stable } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import type { Fault } from '../../../support/memory/failing.ts';
import { type Replicated, replicas } from './bricks.ts';

/** The objects that the operations below work on. */
async function prepared({ top, table, root, frame }: Replicated) {
  const made = async (name: string) => {
    const { iatt } = await top.create(frame, root, name, { mode: 'guarded', attr: { mode: 0o644 } });
    return table.link(iatt, root, name);
  };
  const file = await made('f');
  await made('old');
  const { iatt } = await top.mkdir(frame, root, 'd', { mode: 0o755 });
  return { file, dir: table.link(iatt, root, 'd') };
}

type Operation = (volume: Replicated, on: { readonly file: Inode; readonly dir: Inode }) => Promise<unknown>;

const OPERATIONS: Readonly<Record<string, { readonly fop: Fop; readonly lock: Fop; readonly run: Operation }>> = {
  write: {
    fop: 'writev',
    lock: 'inodelk',
    run: ({ top, frame }, { file }) => top.writev(frame, file.fd, Buffer.from('written'), 0, Stable.FILE_SYNC),
  },
  truncate: { fop: 'truncate', lock: 'inodelk', run: ({ top, frame }, { file }) => top.truncate(frame, file, 100) },
  setattr: {
    fop: 'setattr',
    lock: 'inodelk',
    run: ({ top, frame }, { file }) => top.setattr(frame, file, { mode: 0o600 }),
  },
  setxattr: {
    fop: 'setxattr',
    lock: 'inodelk',
    run: ({ top, frame }, { file }) => top.setxattr(frame, file, new Map([['user.a', Buffer.from('a')]]), 0),
  },
  create: {
    fop: 'create',
    lock: 'entrylk',
    run: ({ top, frame, root }) => top.create(frame, root, 'n', { mode: 'guarded', attr: { mode: 0o600 } }),
  },
  mkdir: { fop: 'mkdir', lock: 'entrylk', run: ({ top, frame, root }) => top.mkdir(frame, root, 'n', { mode: 0o700 }) },
  mknod: {
    fop: 'mknod',
    lock: 'entrylk',
    run: ({ top, frame, root }) => top.mknod(frame, root, 'n', FileType.FIFO, {}, { major: 0, minor: 0 }),
  },
  symlink: { fop: 'symlink', lock: 'entrylk', run: ({ top, frame, root }) => top.symlink(frame, root, 'n', 't', {}) },
  link: { fop: 'link', lock: 'entrylk', run: ({ top, frame, root }, { file }) => top.link(frame, file, root, 'n') },
  unlink: { fop: 'unlink', lock: 'entrylk', run: ({ top, frame, root }) => top.unlink(frame, root, 'old') },
  rmdir: { fop: 'rmdir', lock: 'entrylk', run: ({ top, frame, root }) => top.rmdir(frame, root, 'd') },
  rename: {
    fop: 'rename',
    lock: 'entrylk',
    run: ({ top, frame, root }, { dir }) => top.rename(frame, root, 'old', dir, 'new'),
  },
};

const DATA = 'c-2=1,0,0';
const METADATA = 'c-2=0,1,0';
const ENTRY = 'c-2=0,0,1';

/** What bricks 0 and 1 count when brick 2 has missed the operation. */
const BLAME: Readonly<Record<string, readonly string[]>> = {
  write: [`/f: ${DATA}`],
  truncate: [`/f: ${DATA}`],
  setattr: [`/f: ${METADATA}`],
  setxattr: [`/f: ${METADATA}`],
  create: [`/n: c-2=1,1,0`, `: ${ENTRY}`],
  mkdir: [`/n: c-2=1,1,1`, `: ${ENTRY}`],
  mknod: [`/n: ${METADATA}`, `: ${ENTRY}`],
  symlink: [`: ${ENTRY}`],
  link: [`: ${ENTRY}`],
  unlink: [`: ${ENTRY}`],
  rmdir: [`: ${ENTRY}`],
  rename: [`/d: ${ENTRY}`, `: ${ENTRY}`],
};

async function tried(volume: Replicated, name: string, fail: (volume: Replicated) => void) {
  const on = await prepared(volume);
  await settled(50);
  fail(volume);
  const { run } = OPERATIONS[name]!;
  const code = await run(volume, on).then(
    () => undefined,
    (error: unknown) => errnoOf(error) as Errno,
  );
  await settled(50);
  return code;
}

/** Changes of names are tried with locks of their own, and with the lock on the directory that is kept after others. */
const CASES = Object.entries(OPERATIONS).flatMap(([operation, of]) =>
  (of.lock === 'entrylk' ? [false, true] : [false]).map(isKept => ({ operation, isKept, ...of })),
);

for (const { operation, isKept, fop, lock } of CASES) {
  const name = isKept ? `${operation} under a kept lock` : operation;
  const options = `post-op-delay-secs=0 eager-lock=${isKept || lock === 'inodelk' ? 'on' : 'off'}`;
  const blamed = [...BLAME[operation]!].sort();
  const faults: Readonly<Record<string, (volume: Replicated) => void>> = {
    'was down before': ({ connections }) => connections[2]!.disconnect(),
    ...(!isKept && {
      'goes down before it takes the lock': ({ connections }) =>
        void connections[2]!.fail({ fop: lock, when: 'before', what: 'down' }),
      'goes down when it has the lock': ({ connections }) =>
        void connections[2]!.fail({ fop: lock, when: 'after', what: 'down' }),
    }),
    'goes down before the fop': ({ connections }) => void connections[2]!.fail({ fop, when: 'before', what: 'down' }),
    'goes down after the fop': ({ connections }) => void connections[2]!.fail({ fop, when: 'after', what: 'down' }),
    'has no space': ({ connections }) => void connections[2]!.fail({ fop, when: 'before', what: 'ENOSPC' }),
  };
  for (const [fault, fail] of Object.entries(faults)) {
    t.test(`${name}: a brick ${fault}: the caller sees no error, and two bricks blame it`, async t => {
      const volume = await replicas(t, options);
      t.equal(await tried(volume, operation, fail), undefined);
      const [first, second, third] = volume.marks();
      t.strictSame(first!.sort(), blamed);
      t.strictSame(second!.sort(), blamed);
      // Where a directory is marked dirty, GlusterFS's daemon brings back the names that were removed on the others.
      if (lock === 'entrylk') t.strictSame(third, [], 'and it is not marked itself');
    });
  }

  t.test(`${name}: two bricks go down at the fop: an error, and nothing is blamed`, async t => {
    const volume = await replicas(t, options);
    const fault: Fault = { fop, when: 'before', what: 'down' };
    const fail = ({ connections }: Replicated) => {
      connections[1]!.fail(fault);
      connections[2]!.fail(fault);
    };
    t.equal(await tried(volume, operation, fail), 'ENOTCONN');
    const [first] = volume.marks();
    t.strictSame(
      first!.filter(mark => !/ dirty=/.test(mark)),
      [],
    );
    t.ok(
      first!.some(mark => / dirty=/.test(mark)),
      'but the brick that has done it is marked dirty',
    );
  });

  t.test(`${name}: all bricks give the same error: it is the answer, and nothing is marked`, async t => {
    const volume = await replicas(t, options);
    const fail = ({ connections }: Replicated) => {
      for (const connection of connections) connection.fail({ fop, when: 'before', what: 'EDQUOT' });
    };
    t.equal(await tried(volume, operation, fail), 'EDQUOT');
    t.strictSame(volume.marks(), [[], [], []]);
  });

  t.test(`${name}: nothing fails: nothing is marked, and the bricks are equal`, async t => {
    const volume = await replicas(t, options);
    t.equal(await tried(volume, operation, () => {}), undefined);
    t.strictSame(volume.marks(), [[], [], []]);
    const [first, second, third] = volume.contents();
    t.strictSame(second, first);
    t.strictSame(third, first);
  });
}

t.test('pre-op: a brick that goes down there is blamed', async t => {
  const volume = await replicas(t, 'post-op-delay-secs=0');
  const fail = ({ connections }: Replicated) =>
    void connections[2]!.fail({ fop: 'xattrop', when: 'after', what: 'down' });
  t.equal(await tried(volume, 'write', fail), undefined);
  t.strictSame(volume.marks(), [[`/f: ${DATA}`], [`/f: ${DATA}`], ['/f: dirty=1,0,0']]);
});

t.test('post-op: a brick that goes down there is blamed, and keeps its dirty mark', async t => {
  const volume = await replicas(t, 'post-op-delay-secs=0');
  const fail = ({ connections }: Replicated) =>
    void connections[2]!.fail({ fop: 'xattrop', nth: 2, when: 'before', what: 'down' });
  t.equal(await tried(volume, 'write', fail), undefined);
  t.strictSame(volume.marks(), [[`/f: ${DATA}`], [`/f: ${DATA}`], ['/f: dirty=1,0,0']]);
});
