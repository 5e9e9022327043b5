import { execFile } from 'node:child_process';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import t from 'tap';
import { identityOf } from '#src/graph/identity.ts';
import { type GroupLookUp, Groups, groupsOf } from '#src/sys/process/groups.ts';
import { asCaller, asServer } from '#src/sys/process/identity.ts';

/** Look-ups that end when the test says so. */
function held() {
  let nowMs = 0;
  const asked: number[] = [];
  const answers: PromiseWithResolvers<readonly number[]>[] = [];
  const lookUp: GroupLookUp = uid => {
    asked.push(uid);
    const answer = Promise.withResolvers<readonly number[]>();
    answers.push(answer);
    return answer.promise;
  };
  const groups = new Groups(lookUp, () => nowMs);
  return {
    groups,
    asked,
    advance: (ms: number) => (nowMs += ms),
    answer: async (with_: readonly number[] | Error) => {
      const next = answers.shift()!;
      if (with_ instanceof Error) next.reject(with_);
      else next.resolve(with_);
      await turn();
    },
  };
}

t.test('an answer is used for ten seconds, and for twenty more while it is looked up again', async t => {
  const { groups, asked, answer, advance } = held();
  t.equal(groups.known(7, 70, 'a'), undefined);
  const first = groups.of(7, 70, 'a');
  await answer([1, 2]);
  t.strictSame(await first, { groups: [1, 2], untilMs: 10_000 });
  advance(9_999);
  t.strictSame(groups.known(7, 70, 'a'), { groups: [1, 2], untilMs: 10_000 });
  t.equal(asked.length, 1);
  advance(2);
  const stale = groups.known(7, 70, 'a')!;
  t.strictSame(stale.groups, [1, 2]);
  t.ok(stale.untilMs < 12_000, 'the user is looked up again soon');
  t.equal(asked.length, 2);
  groups.known(7, 70, 'a');
  t.equal(asked.length, 2, 'once');
  advance(20_000);
  t.equal(groups.known(7, 70, 'a'), undefined);
  await answer([3]);
  t.strictSame(groups.known(7, 70, 'a')!.groups, [3]);
  t.equal(groups.known(7, 71, 'a'), undefined, 'another primary group is another question');
});

t.test('a failure is passed on, and not kept', async t => {
  const { groups, answer, asked } = held();
  const first = groups.of(7, 7, 'a');
  await Promise.all([t.rejects(first, /no answer/), answer(new Error('no answer'))]);
  t.equal(groups.known(7, 7, 'a'), undefined);
  const second = groups.of(7, 7, 'a');
  await answer([]);
  t.strictSame((await second).groups, [], 'an unknown user is in no group');
  t.equal(asked.length, 2);
});

t.test('one look-up runs at a time, those of a user are shared, and clients take turns', async t => {
  const { groups, answer, asked } = held();
  for (const uid of [1, 2, 3, 1, 2]) groups.of(uid, uid, 'many').catch(() => {});
  const last = groups.of(9, 9, 'one');
  t.strictSame(asked, [1]);
  for (let i = 0; i < 4; i++) {
    await answer([i]);
  }
  t.strictSame(asked, [1, 2, 9, 3]);
  t.strictSame((await last).groups, [2]);
});

t.test('the number of waiting look-ups is limited for each client and in total', async t => {
  const { groups, answer } = held();
  const fail = (uid: number, client: string) => t.rejects(groups.of(uid, uid, client), /too many/);
  const ask = (uid: number, client: string) => void groups.of(uid, uid, client).catch(() => {});
  for (let uid = 0; uid < 65; uid++) ask(uid, 'a');
  await fail(65, 'a');
  for (let i = 0; i < 960; i++) ask(1000 + i, `client ${i}`);
  await fail(5000, 'the last');
  await answer([]);
  ask(5000, 'the last');
  await fail(5001, 'the last');
});

t.test('a limited number of answers is kept: the latest', async t => {
  const groups = new Groups(async uid => [uid]);
  for (let uid = 0; uid < 10_010; uid++) {
    await groups.of(uid, 0, 'a');
  }
  t.equal(groups.known(0, 0, 'a'), undefined);
  t.ok(groups.known(10_009, 0, 'a'));
});

t.test('the system knows root, and an unknown user is in no group', async t => {
  const { stdout } = await promisify(execFile)('id', ['-G', '0']);
  const expected = stdout
    .trim()
    .split(' ')
    .map(Number)
    .filter(gid => gid !== 0);
  t.strictSame(new Set(await groupsOf(0, 0)), new Set(expected));
  t.strictSame(await groupsOf(4_000_000_000, 5), []);
});

t.test("the system is asked with the server's identity, whichever caller's this thread has", async t => {
  t.teardown(asServer);
  const code = `
    import { identityOf } from '#src/graph/identity.ts';
    import { asCaller } from '#src/sys/process/identity.ts';
    import { groupsOf } from '#src/sys/process/groups.ts';
    asCaller(identityOf(1000, 1000));
    process.stdout.write(JSON.stringify(await groupsOf(4_000_000_000, 5)));
    process.exit();`;
  const args = ['--input-type=module', '-e', code];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: new URL('../../../', import.meta.url) });
  t.equal(stdout, '[]');
  asCaller(identityOf(1000, 1000));
  t.strictSame(await groupsOf(4_000_000_001, 5), []);
});

t.test('a look-up neither waits for a thread of the pool nor takes one', async t => {
  // Opening a fifo for reading waits for a writer. Four such calls take the whole pool.
  const code = `
    import { execFileSync } from 'node:child_process';
    import { mkdtempSync, open } from 'node:fs';
    import { groupsOf } from '#src/sys/process/groups.ts';
    const fifo = mkdtempSync('/tmp/groups-') + '/fifo';
    execFileSync('mkfifo', [fifo]);
    for (let i = 0; i < 4; i++) open(fifo, 'r', () => {});
    const groups = await groupsOf(4_000_000_000, 5);
    execFileSync('rm', ['-r', fifo.slice(0, -5)]);
    process.stdout.write(JSON.stringify(groups), () => process.kill(process.pid, 'SIGKILL'));`;
  const args = ['--input-type=module', '-e', code];
  const cwd = new URL('../../../', import.meta.url);
  const said = await promisify(execFile)(process.execPath, args, { cwd, timeout: 20_000 }).catch(error => error);
  t.equal(said.stdout, '[]');
});
