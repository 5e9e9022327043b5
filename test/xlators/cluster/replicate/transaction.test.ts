/**
 * The state machine of transactions, as tables: on each line an event, and what is to be done then. `lock 0 1 2:EAGAIN`
 * are the answers of three children to `lock`; `#1` is the number of a lock or of a fop, and of number 0 if it is absent.
 */
import t from 'tap';
import type { Errno } from '#src/errno.ts';
import { listOf, quorumOf } from '#src/xlators/cluster/replicate/children.ts';
import type { Action, Effect, Event, Setting, Step } from '#src/xlators/cluster/replicate/transaction/steps.ts';
import { Transaction } from '#src/xlators/cluster/replicate/transaction/transaction.ts';

const setOf = (digits: string) => Array.from(digits).reduce((set, digit) => set | (1 << Number(digit)), 0);
const digits = (children: number) => listOf(children).join('') || '-';

const DATA: Setting = {
  kind: 'data',
  count: 3,
  isQuorum: quorumOf(3, 'auto'),
  arbiters: 0,
  locks: 1,
  single: false,
  creates: false,
  undoes: false,
  durable: true,
};
const METADATA: Setting = { ...DATA, kind: 'metadata', single: true };
const ENTRY: Setting = { ...DATA, kind: 'entry', single: true };
const CREATE: Setting = { ...ENTRY, creates: true, undoes: true };
const RENAME: Setting = { ...ENTRY, locks: 2 };
const ARBITER: Setting = { ...DATA, arbiters: 0b100 };
const PAIR: Setting = { ...DATA, count: 2, isQuorum: quorumOf(2, 'none') };

function eventsOf(text: string): Event[] {
  const [word, ...rest] = text.trim().split(/\s+/);
  const [step, id = '0'] = word!.split('#');
  if (step === 'up') return [{ is: 'start', up: setOf(rest[0]!) }];
  if (step === 'close') return [{ is: 'close' }];
  if (step === 'down') return [{ is: 'down', child: Number(rest[0]) }];
  if (step === 'request') return [{ is: 'request', id: Number(id), effect: rest[0] as Effect }];
  return rest.map(answer => {
    const [child, what] = answer.split(':');
    const told = what?.startsWith('accuses-')
      ? { accuses: setOf(what.slice(8)) }
      : { error: what as Errno | undefined };
    return { is: 'answer', to: step as Step, id: Number(id), child: Number(child), ...told };
  });
}

function textOf(action: Action): string {
  if (action.do === 'reply') return `reply#${action.id} ${action.code ?? 'ok'} ${digits(action.from)}`;
  if (!('on' in action)) return action.do;
  const { id, on, whom, dirty } = action;
  return [
    `${action.do}${id === 0 ? '' : `#${id}`} ${digits(on)}`,
    ...(whom === 0 ? [] : [`whom ${digits(whom)}`]),
    ...(dirty === 0 ? [] : [`dirty ${dirty}`]),
  ].join(' ');
}

function table(name: string, setting: Setting, text: string): void {
  t.test(name, async t => {
    const transaction = new Transaction(setting);
    const lines = text.trim().split('\n');
    const happened = lines.map(line => {
      const event = line.split('=>')[0]!.trim();
      const actions = eventsOf(event).flatMap(event => transaction.next(event));
      return `${event} => ${actions.map(textOf).join('; ')}`.trim();
    });
    t.strictSame(
      happened,
      lines.map(line => line.replace(/\s+/g, ' ').trim()),
    );
  });
}

table(
  'two writes share lock and pre-op; what is unsynced is synced before the dirty marks go',
  DATA,
  `
  request#1 unsynced         =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  request#2 unsynced         => fop#2 012
  fop#1 0 1 2                => reply#1 ok 012
  fop#2 2 1 0                => reply#2 ok 012
  close                      => sync 012
  sync 0 1 2                 => post-op 012 dirty -1
  post-op 0 1 2              => unlock 012
  unlock 0 1 2               => over
`,
);

table(
  'what is locked already is not locked again, nor given up',
  { ...CREATE, locks: 0 },
  `
  request#1 durable          =>
  up 012                     => fop#1 012
  fop#1 0 1 2                => reply#1 ok 012; over
`,
);

table(
  'a child that goes away under a lock that was held already is blamed',
  { ...CREATE, locks: 0 },
  `
  request#1 durable          =>
  up 012                     => fop#1 012
  down 2                     =>
  fop#1 0 1 2:ENOTCONN       => doubt 01
  doubt 0 1                  => new-entry 01 whom 2
  new-entry 0 1              => post-op 01 whom 2
  post-op 0 1                => reply#1 ok 01; over
`,
);

table(
  'after a COMMIT, and after durable writes, there is nothing to sync',
  DATA,
  `
  request#1 unsynced         =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  fop#1 0 1 2                => reply#1 ok 012
  request#2 sync             => fop#2 012
  fop#2 0 1 2                => reply#2 ok 012
  request#3 durable          => fop#3 012
  fop#3 0 1 2                => reply#3 ok 012
  close                      => post-op 012 dirty -1
  post-op 0 1 2              => unlock 012
  unlock 0 1 2               => over
`,
);

table(
  'a sync covers only the writes that were done when it began',
  DATA,
  `
  request#1 unsynced         =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  request#2 sync             => fop#2 012
  fop#1 0 1 2                => reply#1 ok 012
  fop#2 0 1 2                => reply#2 ok 012
  close                      => sync 012
  sync 0 1 2                 => post-op 012 dirty -1
`,
);

table(
  'a child that was down before is blamed before the first write is answered, and once',
  DATA,
  `
  request#1 durable          =>
  up 01                      => lock 01
  lock 0 1                   => pre-op 01
  pre-op 0 1                 => fop#1 01
  fop#1 0 1                  => blame 01 whom 2
  blame 0 1                  => reply#1 ok 01
  request#2 durable          => fop#2 01
  fop#2 0 1                  => reply#2 ok 01
  close                      => post-op 01 dirty -1
  post-op 0 1                => unlock 01
  unlock 0 1                 => over
`,
);

table(
  'a lock that another client has is waited for, one child after the other',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1:EAGAIN 2          => unlock 02; wait 0
  wait 0                     => wait 1
  unlock 0 2                 =>
  wait 1                     => wait 2
  wait 2                     => pre-op 012
`,
);

table(
  'a child that fails while locks are waited for is left out',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0:EAGAIN 1 2:EAGAIN   => unlock 1; wait 0
  wait 0                     => wait 1
  wait 1:ENOTCONN            => wait 2
  unlock 1:ENOTCONN          =>
  wait 2                     => pre-op 02
  pre-op 0 2                 => fop#1 02
  fop#1 0 2                  => blame 02 whom 1
`,
);

table(
  'a child fails at the lock',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1:ENOTCONN 2        => pre-op 02
  pre-op 0 2                 => fop#1 02
  fop#1 0 2                  => blame 02 whom 1
`,
);

table(
  'the lock of a child that went down is gone',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 1                     =>
  down 1                     =>
  lock 0 2                   => pre-op 02
`,
);

table(
  'no quorum is up',
  DATA,
  `
  request#1 durable          =>
  up 0                       => reply#1 ENOTCONN -; over
`,
);

table(
  'no quorum is locked',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0:ENOTCONN 1:ENOTCONN 2 => reply#1 ENOTCONN -; unlock 2
  unlock 2                   => over
`,
);

table(
  'the file is gone: the error that a quorum gives at the lock is the answer',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0:ESTALE 1:ESTALE 2   => reply#1 ESTALE -; unlock 2
  unlock 2                   => over
`,
);

table(
  'a child fails at the pre-op',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2:ENOTCONN      => fop#1 01
  fop#1 0 1                  => blame 01 whom 2
`,
);

table(
  'no quorum made the pre-op: nothing was changed, so the marks go',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1:ENOTCONN 2:ENOTCONN => reply#1 ENOTCONN -; post-op 0 dirty -1
  post-op 0                  => unlock 012
  unlock 0 1 2               => over
`,
);

table(
  'a child dies during the write: blamed by the others, and the caller sees no error',
  DATA,
  `
  request#1 unsynced         =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  fop#1 0                    =>
  down 2                     =>
  fop#1 2:ENOTCONN 1         => blame 01 whom 2
  blame 0 1                  => reply#1 ok 01; sync 01
  sync 0 1                   => post-op 01 dirty -1
  post-op 0 1                => unlock 01
  unlock 0 1                 => over
`,
);

table(
  'a child that fails a durable write is blamed together with the end of the transaction',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  fop#1 0 1 2:ENOSPC         => post-op 01 whom 2 dirty -1
  post-op 0 1                => reply#1 ok 01; unlock 012
  unlock 0 1 2               => over
`,
);

table(
  'what a child did before it went away does not count',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  fop#1 2                    =>
  down 2                     =>
  fop#1 0 1:ENOTCONN         => reply#1 ENOTCONN -; unlock 01
`,
);

table(
  'a child that goes away between two writes is blamed for its dirty mark',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  fop#1 0 1 2                => reply#1 ok 012
  down 0                     => post-op 12 whom 0 dirty -1
  post-op 1 2                => unlock 12
  unlock 1 2                 => over
`,
);

table(
  'no quorum did the write: nobody is blamed, and the dirty marks stay',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  fop#1 0 1:ENOTCONN 2:ENOTCONN => reply#1 ENOTCONN -; unlock 012
  unlock 0 1:ENOTCONN 2:ENOTCONN => over
`,
);

table(
  'unsynced data are at risk when a quorum goes away',
  DATA,
  `
  request#1 unsynced         =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  fop#1 0 1 2                => reply#1 ok 012
  request#2 unsynced         => fop#2 012
  down 1                     =>
  down 2                     => data-at-risk
  fop#2 0 1:ENOTCONN 2:ENOTCONN => reply#2 ENOTCONN -; unlock 0
`,
);

table(
  'all children give the same error: nothing has failed',
  DATA,
  `
  request#1 unsynced         =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  fop#1 0:ENOSPC 1:ENOSPC 2:ENOSPC => reply#1 ENOSPC 012
  request#2 unsynced         => fop#2 012
  fop#2 0 1 2                => reply#2 ok 012
`,
);

table(
  'a quorum is full and one child is not: that one is astray',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  fop#1 0:ENOSPC 1:ENOSPC 2  => post-op 01 whom 2 dirty -1
  post-op 0 1                => reply#1 ENOSPC 01; unlock 012
`,
);

table(
  'a child that was down lacks nothing if the fop failed everywhere',
  DATA,
  `
  request#1 durable          =>
  up 01                      => lock 01
  lock 0 1                   => pre-op 01
  pre-op 0 1                 => fop#1 01
  fop#1 0:EFBIG 1:EFBIG      => reply#1 EFBIG 01
  close                      => post-op 01 dirty -1
`,
);

table(
  'a child fails at the blame: it is blamed as well, as long as a quorum is left',
  { ...DATA, count: 5, isQuorum: quorumOf(5, 'auto') },
  `
  request#1 durable          =>
  up 01234                   => lock 01234
  lock 0 1 2 3 4             => pre-op 01234
  pre-op 0 1 2 3 4           => fop#1 01234
  request#2 durable          => fop#2 01234
  fop#1 0 1 2 3 4:ENOTCONN   => blame 0123 whom 4
  blame 0 1 2 3:ENOTCONN     => blame 012 whom 3
  blame 0 1 2                => reply#1 ok 0123
`,
);

table(
  'the blame reaches no quorum: the caller is not told that the write was done',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  fop#1 0 1 2:ENOTCONN       => post-op 01 whom 2 dirty -1
  post-op 0 1:ENOTCONN       => reply#1 ENOTCONN -; retract 0 whom 2
  retract 0                  => unlock 012
`,
);

table(
  'names: another client has meanwhile blamed those that record a blame: it is taken back, and a mark remains',
  ENTRY,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => fop#1 012
  fop#1 0 1 2:ENOSPC         => doubt 012
  doubt 0:accuses-1 1 2      => post-op 01 whom 2
  post-op 0:accuses-12 1:accuses-02 => reply#1 ENOTCONN -; retract 01 whom 2
  retract 0 1                => unlock 012
`,
);

table(
  'a sync fails on one child: it is blamed',
  DATA,
  `
  request#1 unsynced         =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  fop#1 0 1 2                => reply#1 ok 012
  close                      => sync 012
  sync 0 1:EIO 2             => post-op 02 whom 1 dirty -1
  post-op 0 2                => unlock 012
`,
);

table(
  'a sync fails on all children: the dirty marks stay, and the data are at risk',
  DATA,
  `
  request#1 unsynced         =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0 1 2               => fop#1 012
  fop#1 0 1 2                => reply#1 ok 012
  close                      => sync 012
  sync 0:EIO 1:EIO 2:EIO     => data-at-risk; unlock 012
`,
);

table(
  'a write to children that blame each other is refused, as another has everything',
  DATA,
  `
  request#1 durable          =>
  up 12                      => lock 12
  lock 1 2                   => pre-op 12
  pre-op 1:accuses-2 2:accuses-1 => reply#1 ENOTCONN -; post-op 12 dirty -1
  post-op 1 2                => unlock 12
`,
);

table(
  'a write is refused if all children are blamed',
  DATA,
  `
  request#1 durable          =>
  up 12                      => lock 12
  lock 1 2                   => pre-op 12
  pre-op 1:accuses-02 2:accuses-1 => split-brain; reply#1 EIO -; post-op 12 dirty -1
  post-op 1 2                => unlock 12
`,
);

table(
  'a write to a child that is blamed goes on if another is not',
  DATA,
  `
  request#1 durable          =>
  up 01                      => lock 01
  lock 0 1                   => pre-op 01
  pre-op 0:accuses-1 1       => fop#1 01
`,
);

table(
  'a write is not done if all that have done it lacked something before',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0:accuses-12 1 2    => fop#1 012
  fop#1 0:EIO 1 2            => reply#1 ENOTCONN -; unlock 012
`,
);

table(
  'the error of the child that has everything is the answer, though the others have done the write',
  DATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => pre-op 012
  pre-op 0:accuses-12 1 2    => fop#1 012
  fop#1 0:ENOSPC 1 2         => reply#1 ENOSPC -; unlock 012
`,
);

table(
  'an error that only children give which lacked something before is not the answer',
  ENTRY,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => fop#1 012
  fop#1 0:ENOENT 1:ENOENT 2  => doubt 012
  doubt 0:accuses-1 1:accuses-0 2:accuses-01 => reply#1 ENOTCONN -; post-op 2 dirty 1
  post-op 2                  => unlock 012
`,
);

table(
  'attributes: all children fail in turn, and the last one that has everything is not blamed',
  METADATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => fop#1 012
  fop#1 0 1 2:ENOSPC         => doubt 012
  doubt 0:accuses-1 1 2:accuses-01 => reply#1 ENOSPC -; post-op 01 dirty 1
  post-op 0 1                => unlock 012
`,
);

table(
  'a write is refused if the arbiter alone can be trusted',
  ARBITER,
  `
  request#1 durable          =>
  up 12                      => lock 12
  lock 1 2                   => pre-op 12
  pre-op 1 2:accuses-1       => reply#1 ENOTCONN -; post-op 12 dirty -1
`,
);

table(
  'two children without quorum: one alone goes on, and blames the other',
  PAIR,
  `
  request#1 durable          =>
  up 1                       => lock 1
  lock 1                     => pre-op 1
  pre-op 1                   => fop#1 1
  fop#1 1                    => blame 1 whom 0
  blame 1                    => reply#1 ok 1
`,
);

table(
  'attributes: no marks if all is well, and the answer goes out before the unlock',
  METADATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => fop#1 012
  fop#1 0 1 2                => reply#1 ok 012; unlock 012
  unlock 0 1 2               => over
`,
);

table(
  'attributes: a child that was down',
  METADATA,
  `
  request#1 durable          =>
  up 02                      => lock 02
  lock 0 2                   => pre-op 02
  pre-op 0 2                 => fop#1 02
  fop#1 0 2                  => post-op 02 whom 1 dirty -1
  post-op 0 2                => reply#1 ok 02; unlock 02
`,
);

table(
  'attributes: a child fails in the middle',
  METADATA,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => fop#1 012
  down 1                     =>
  fop#1 0 1:ENOTCONN 2       => doubt 02
  doubt 0 2                  => post-op 02 whom 1
  post-op 0 2                => reply#1 ok 02; unlock 02
`,
);

table(
  'names: no quorum removed the name, so those that did are marked dirty',
  ENTRY,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => fop#1 012
  fop#1 0 1:ENOTCONN 2:ENOTCONN => doubt 0
  doubt 0                    => reply#1 ENOTCONN -; post-op 0 dirty 1
  post-op 0                  => unlock 012
`,
);

table(
  'names: no quorum made the name: it is taken back, and a mark remains, since another child may have it',
  CREATE,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => fop#1 012
  down 1                     =>
  down 2                     =>
  fop#1 0 1:ENOTCONN 2:ENOTCONN => doubt 0
  doubt 0                    => undo 0
  undo 0                     => reply#1 ENOTCONN -; post-op 0 dirty 1
  post-op 0                  => unlock 0
`,
);

table(
  'names: the disks of two children fail: what they may have made is taken back as well, and nothing remains',
  CREATE,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => fop#1 012
  fop#1 0 1:EIO 2:EIO        => doubt 0
  doubt 0                    => undo 012
  undo 0 1 2                 => reply#1 EIO -; unlock 012
`,
);

table(
  'names: a child that came up again has no lock: nothing is taken back there',
  CREATE,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => fop#1 012
  fop#1 0 1:EEXIST           =>
  down 0                     =>
  fop#1 2:EACCES             => doubt 12
  doubt 1 2                  => reply#1 ENOTCONN -; post-op 0 dirty 1
`,
);

table(
  'names: a child that is blamed and came up again is not asked without a lock',
  ENTRY,
  `
  request#1 durable          =>
  up 02                      => lock 02
  lock 0 2                   => pre-op 02
  pre-op 0 2:accuses-0       => fop#1 2
  down 0                     =>
  fop#1 2                    => reply#1 ENOTCONN -; unlock 2
`,
);

table(
  'names: one child has a name that another has not: what was made is taken back',
  CREATE,
  `
  request#1 durable          =>
  up 02                      => lock 02
  lock 0 2                   => pre-op 02
  pre-op 0 2                 => fop#1 02
  fop#1 0 2:EEXIST           => undo 0
  undo 0                     => reply#1 EEXIST -; post-op 02 dirty -1
  post-op 0 2                => unlock 02
`,
);

table(
  'names: a new object is marked for the child that lacks it before the directory is',
  CREATE,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => fop#1 012
  fop#1 0 1 2:ENOTCONN       => doubt 01
  doubt 0 1                  => new-entry 01 whom 2
  new-entry 0 1              => post-op 01 whom 2
  post-op 0 1                => reply#1 ok 01; unlock 012
`,
);

table(
  'names: a child was down, and the name exists on the others',
  CREATE,
  `
  request#1 durable          =>
  up 01                      => lock 01
  lock 0 1                   => pre-op 01
  pre-op 0 1                 => fop#1 01
  fop#1 0:EEXIST 1:EEXIST    => reply#1 EEXIST 01; post-op 01 dirty -1
  post-op 0 1                => unlock 01
`,
);

table(
  'names: the name exists on one child only, which is blamed for it',
  CREATE,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => fop#1 012
  fop#1 0 1 2:EEXIST         => doubt 012
  doubt 0 1 2                => new-entry 01 whom 2
  new-entry 0 1              => post-op 01 whom 2
  post-op 0 1                => reply#1 ok 01; unlock 012
`,
);

table(
  'names: a child that is blamed is asked after those that are not, and not if they refuse',
  ENTRY,
  `
  request#1 durable          =>
  up 02                      => lock 02
  lock 0 2                   => pre-op 02
  pre-op 0 2:accuses-0       => fop#1 2
  fop#1 2:ENOENT             => reply#1 ENOENT -; post-op 02 dirty -1
`,
);

table(
  'names: a child that is blamed does what the others have done',
  ENTRY,
  `
  request#1 durable          =>
  up 02                      => lock 02
  lock 0 2                   => pre-op 02
  pre-op 0 2:accuses-0       => fop#1 2
  fop#1 2                    => fop#1 0
  fop#1 0                    => post-op 02 whom 1 dirty -1
  post-op 0 2                => reply#1 ok 02; unlock 02
`,
);

table(
  'names: every child gives another error, so nothing was done',
  ENTRY,
  `
  request#1 durable          =>
  up 012                     => lock 012
  lock 0 1 2                 => fop#1 012
  fop#1 0:ENOENT 1:EACCES 2:ENOSPC => reply#1 ENOENT -; unlock 012
`,
);

table(
  'names: two locks, of which another client has one',
  RENAME,
  `
  request#1 durable          =>
  up 012                     => lock 012; lock#1 012
  lock 0 1 2                 =>
  lock#1 0:EAGAIN 1 2        => unlock 012; unlock#1 12; wait 0
  wait 0                     => wait 1
  wait 1                     => wait 2
  wait 2                     => wait#1 0
  wait#1 0                   => wait#1 1
  wait#1 1:ENOTCONN          => wait#1 2
  wait#1 2                   => unlock 1; pre-op 02
  pre-op 0 2                 => fop#1 02
  fop#1 0 2                  => post-op 02 whom 1 dirty -1
  unlock 0 1 2 1             =>
  unlock#1 1 2               =>
  post-op 0 2                => reply#1 ok 02; unlock 02; unlock#1 02
  unlock 0 2                 =>
  unlock#1 0 2               => over
`,
);
