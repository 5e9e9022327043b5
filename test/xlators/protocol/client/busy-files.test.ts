/** Files that are opened because they are read or written often, and what comes of it when that does not work out. */
import { constants } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { mock } from 'node:test';
import t, { type Test } from 'tap';
import { Stable } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import { RpcError } from '#src/rpcclnt/error.ts';
import * as data from '#src/xlators/protocol/client/fops/data.ts';
import { fopErrorOf } from '#src/xlators/protocol/client/remote.ts';
import { frame } from '../../../support/graph.ts';
import { gfidOf } from '../../../support/iatt.ts';
import { type Answers, DONE, iattx, refused, remoteOf } from '../../../support/remote.ts';

const { O_RDONLY, O_RDWR } = constants;
const ANONYMOUS = -2;
const [ENOENT, EBADF, EIO, ENOSPC, ESTALE] = [2, 9, 5, 28, 116];
const OPEN_MAX = 256;
const bytes = Buffer.from('data');

const inodeOf = (number: number) => {
  const gfid = gfidOf(number);
  gfid.writeUInt32LE(number, 12); // where a random gfid has its last bytes
  return new Inode(gfid, FileType.REG);
};

/** A brick whose files have one name, unless the answers are others. Each file that it opens has the next number. */
function busyBrick(t: Test, answers: Answers = {}) {
  mock.timers.enable({ apis: ['setInterval', 'Date'] });
  t.teardown(() => mock.timers.reset());
  let opened = 0;
  const made = remoteOf({
    READ: ({ gfid }) => ({ ...DONE, op_ret: 4, stat: stat(gfid), size: 4, data: bytes }),
    WRITE: ({ gfid }) => ({ ...DONE, op_ret: 4, prestat: stat(gfid), poststat: stat(gfid) }),
    OPEN: () => ({ ...DONE, fd: opened++ }),
    RELEASE: () => DONE,
    ...answers,
  });
  const { remote, calls } = made;
  return {
    ...made,
    read: (inode: Inode) => data.readv(remote, frame, inode.fd, 4, 0),
    write: (inode: Inode) => data.writev(remote, frame, inode.fd, bytes, 0, Stable.UNSTABLE),
    /** The calls since this was last asked, with the number of the open file of each, or the flags with which it is opened. */
    seen: () => calls.splice(0).map(({ fop, args }) => `${fop} ${fop === 'OPEN' ? args.flags : args.fd}`),
  };
}

function stat(gfid: Buffer, nlink = 1) {
  return { ...iattx(gfid, 0o100644), ia_nlink: nlink };
}

const times = (count: number, text: string) => Array<string>(count).fill(text);

/** Makes a call so often that the file is open afterwards. */
async function makeBusy(call: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 4; i++) await call();
  await turn();
}

t.test('the fourth call within a second has the file opened, beside it, and the next ones use that', async t => {
  const { remote, read, write, seen } = busyBrick(t);
  const file = inodeOf(8);
  await makeBusy(() => read(file));
  t.strictSame(seen(), [...times(4, `READ ${ANONYMOUS}`), `OPEN ${O_RDONLY}`]);
  await read(file);
  t.strictSame(seen(), ['READ 0']);
  await makeBusy(() => write(file));
  t.strictSame(
    seen(),
    [...times(4, `WRITE ${ANONYMOUS}`), 'RELEASE 0', `OPEN ${O_RDWR}`],
    'it was open for reads only',
  );
  await Promise.all([read(file), write(file), read(inodeOf(9))]);
  t.strictSame(seen(), ['READ 1', 'WRITE 1', `READ ${ANONYMOUS}`]);
  t.equal(remote.busy.size, 1);
});

t.test('calls that come slowly, or for other files, open nothing', async t => {
  const { remote, read, seen } = busyBrick(t);
  const file = inodeOf(8);
  for (let i = 0; i < 10; i++) {
    await read(file);
    mock.timers.tick(334);
  }
  const others = Array.from({ length: 30 }, (_, i) => inodeOf(100 + i * 1024));
  for (const other of [...others, ...others]) await read(other);
  t.strictSame(
    seen(),
    times(70, `READ ${ANONYMOUS}`),
    'files that are counted in one place are not taken for each other',
  );
  t.equal(remote.busy.size, 0);
});

t.test('many calls at a time open a file once, and an answer that comes late is used for those after it', async t => {
  const opening = Promise.withResolvers<void>();
  const { read, write, seen } = busyBrick(t, { OPEN: () => opening.promise.then(() => ({ ...DONE, fd: 5 })) });
  const file = inodeOf(8);
  await Promise.all(Array.from({ length: 20 }, () => write(file)));
  t.strictSame(seen(), [...times(4, `WRITE ${ANONYMOUS}`), `OPEN ${O_RDWR}`, ...times(16, `WRITE ${ANONYMOUS}`)]);
  opening.resolve();
  await turn();
  await read(file);
  t.strictSame(seen(), ['READ 5']);
});

t.test('a file that is idle is closed, and one that is used stays open', async t => {
  const { remote, read, seen } = busyBrick(t);
  const [idle, used] = [inodeOf(8), inodeOf(9)];
  await makeBusy(() => read(idle));
  await makeBusy(() => read(used));
  for (let i = 0; i < 2; i++) {
    await read(used);
    mock.timers.tick(1000);
  }
  t.equal(remote.busy.size, 1);
  seen();
  await read(used);
  await read(idle);
  t.strictSame(seen(), ['READ 1', `READ ${ANONYMOUS}`]);
  mock.timers.tick(2000);
  t.strictSame([seen(), remote.busy.size], [['RELEASE 1'], 0]);
});

t.test('a file that is forgotten is closed at once, but not before the calls by it are answered', async t => {
  const answers: Record<string, () => void> = {};
  const later = (name: string) => new Promise<void>(resolve => (answers[name] = resolve));
  let isSlow = false;
  const { remote, read, seen } = busyBrick(t, {
    OPEN: () => (isSlow ? later('open') : Promise.resolve()).then(() => ({ ...DONE, fd: 7 })),
    async READ({ gfid }) {
      if (isSlow) await later('read');
      return { ...DONE, op_ret: 4, stat: stat(gfid), size: 4, data: bytes };
    },
  });
  const file = inodeOf(8);
  await makeBusy(() => read(file));
  remote.busy.forget(file);
  t.match(seen().at(-1), 'RELEASE 7');
  remote.busy.forget(file);
  await makeBusy(() => read(file));
  isSlow = true;
  const reading = read(file);
  remote.busy.forget(file);
  mock.timers.tick(5000);
  t.notMatch(seen(), ['RELEASE 7']);
  answers.read!();
  await reading;
  t.strictSame(seen(), ['RELEASE 7']);
  const calls = Promise.all(Array.from({ length: 4 }, () => read(file).finally(() => {})));
  await turn();
  remote.busy.forget(file);
  answers.open!();
  await turn();
  t.match(seen().at(-1), 'RELEASE 7', 'it was not open yet');
  void calls;
});

for (const [why, code] of Object.entries({ EBADF, ENOENT, ESTALE, EIO })) {
  t.test(`what fails with ${why} by an open file is done without one, in the same call`, async t => {
    const { read, write, seen } = busyBrick(t, {
      READ: ({ fd, gfid }) =>
        fd === ANONYMOUS
          ? { ...DONE, op_ret: 4, stat: stat(gfid), size: 4, data: bytes }
          : { ...refused(code), stat: stat(Buffer.alloc(16)), size: 0, data: Buffer.alloc(0) },
      WRITE: ({ fd, gfid }) => {
        const both = { prestat: stat(gfid), poststat: stat(gfid) };
        return fd === ANONYMOUS ? { ...DONE, op_ret: 4, ...both } : { ...refused(code), ...both };
      },
    });
    const file = inodeOf(8);
    await makeBusy(() => read(file));
    seen();
    t.equal((await read(file)).data.toString(), 'data');
    t.strictSame(seen(), ['READ 0', 'RELEASE 0', `READ ${ANONYMOUS}`]);
    await makeBusy(() => write(file));
    seen();
    t.match(await write(file), { count: 4, after: { gfid: file.gfid } });
    t.strictSame(seen(), ['WRITE 1', 'RELEASE 1', `WRITE ${ANONYMOUS}`]);
  });
}

t.test('a file without a name is not kept: the brick decides whether it is gone', async t => {
  let nlink = 1;
  const { read, write, seen } = busyBrick(t, {
    READ: ({ fd, gfid }) =>
      nlink === 0 && fd === ANONYMOUS
        ? { ...refused(ESTALE), stat: stat(Buffer.alloc(16)), size: 0, data: Buffer.alloc(0) }
        : { ...DONE, op_ret: 4, stat: stat(gfid, nlink), size: 4, data: bytes },
    WRITE: ({ gfid }) => ({ ...DONE, op_ret: 4, prestat: stat(gfid), poststat: stat(gfid, nlink) }),
  });
  const file = inodeOf(8);
  await makeBusy(() => read(file));
  seen();
  nlink = 0;
  await t.rejects(read(file), { code: 'ESTALE' });
  t.strictSame(seen(), ['READ 0', 'RELEASE 0', `READ ${ANONYMOUS}`]);
  nlink = 1;
  await makeBusy(() => write(file));
  seen();
  nlink = 0;
  t.match(await write(file), { count: 4 }, 'another client may have it open');
  t.strictSame(seen(), ['WRITE 1', 'RELEASE 1', `WRITE ${ANONYMOUS}`]);
});

t.test('a disk that is full is full either way', async t => {
  let isFull = false;
  const { read, write, seen } = busyBrick(t, {
    WRITE: ({ gfid }) => {
      const both = { prestat: stat(gfid), poststat: stat(gfid) };
      return isFull ? { ...refused(ENOSPC), ...both } : { ...DONE, op_ret: 4, ...both };
    },
  });
  const file = inodeOf(8);
  await makeBusy(() => write(file));
  seen();
  isFull = true;
  await t.rejects(write(file), { code: 'ENOSPC' });
  t.strictSame(seen(), ['WRITE 0', 'RELEASE 0']);
  await makeBusy(() => read(file));
  t.strictSame(seen(), times(4, `READ ${ANONYMOUS}`), 'nothing is opened at a brick without space');
  await t.rejects(write(file), { code: 'ENOSPC' });
  isFull = false;
  await write(file);
  await makeBusy(() => read(file));
  t.ok(seen().includes(`OPEN ${O_RDONLY}`), 'there is space again');
});

t.test('a file that cannot be opened is used without, and not tried again at once', async t => {
  let opens = 0;
  const { remote, read, write, seen } = busyBrick(t, { OPEN: () => ({ ...refused(1), fd: opens++ }) });
  const file = inodeOf(8);
  for (let i = 0; i < 3; i++) await makeBusy(() => read(file));
  t.equal(opens, 1);
  await makeBusy(() => write(file));
  t.equal(opens, 2, 'to write is another right');
  await makeBusy(() => read(file));
  t.equal(opens, 2);
  mock.timers.tick(2000);
  t.equal(remote.busy.size, 0);
  await makeBusy(() => read(file));
  t.equal(opens, 3);
  t.notMatch(seen(), ['RELEASE']);
});

t.test('when the connection is lost everything is closed, and the next one numbers anew', async t => {
  const lost = Promise.withResolvers<void>();
  let isLosing = false;
  const { remote, read, seen } = busyBrick(t, {
    async READ({ gfid }) {
      if (isLosing) await lost.promise;
      return { ...DONE, op_ret: 4, stat: stat(gfid), size: 4, data: bytes };
    },
  });
  const [file, forgotten] = [inodeOf(8), inodeOf(9)];
  await makeBusy(() => read(file));
  await makeBusy(() => read(forgotten));
  seen();
  isLosing = true;
  const reading = read(forgotten);
  remote.busy.forget(forgotten);
  remote.busy.dropped();
  t.equal(remote.busy.size, 0);
  lost.reject(fopErrorOf('b', new RpcError('CLOSED', 'the connection has ended')));
  await t.rejects(reading, { code: 'ENOTCONN' });
  isLosing = false;
  await makeBusy(() => read(file));
  mock.timers.tick(500);
  t.strictSame(seen(), ['READ 1', ...times(4, `READ ${ANONYMOUS}`), `OPEN ${O_RDONLY}`], 'no number of before is used');
});

t.test('so many files are open at most: those that were not used lately make room', async t => {
  const { remote, read, seen } = busyBrick(t);
  const files = Array.from({ length: OPEN_MAX }, (_, i) => inodeOf(i + 1));
  for (const file of files) await makeBusy(() => read(file));
  seen();
  const last = inodeOf(5000);
  await makeBusy(() => read(last));
  t.strictSame(seen(), times(4, `READ ${ANONYMOUS}`), 'all are in use');
  for (const file of files) await read(file);
  mock.timers.tick(1000);
  for (const file of files.slice(0, -1)) await read(file);
  seen();
  for (let tries = 1; tries < OPEN_MAX; tries++) {
    await makeBusy(() => read(last));
    if (seen().includes(`RELEASE ${OPEN_MAX - 1}`)) break;
  }
  t.equal((await read(last)).data.toString(), 'data');
  t.strictSame(seen(), [`READ ${OPEN_MAX}`]);
  t.equal(remote.busy.size, OPEN_MAX);
});
