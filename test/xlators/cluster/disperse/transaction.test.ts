/** Tables of what a transaction does about each event. Bricks are bits: 7 are all three. */
import t from 'tap';
import type { Action, Change, Event, Outcome, Wish } from '#src/xlators/cluster/disperse/lock/events.ts';
import { Transaction } from '#src/xlators/cluster/disperse/lock/transaction.ts';

interface Op extends Wish {
  readonly name: string;
}

const op = (name: string, parts: Partial<Wish> = {}): Op => ({
  name,
  exclusive: true,
  from: 0,
  to: 1024,
  info: true,
  change: 'data',
  marks: true,
  flush: false,
  ...parts,
});
const write = op('write');
const other = op('other', { from: 1024, to: 2048 });
const read = op('read', { exclusive: false, change: 'nothing', marks: false });
/** A change of attributes, of names in a directory, and a flush. */
const chmod = op('chmod', { change: 'metadata', marks: false, to: Infinity });
const names = op('names', { info: false, marks: false, to: Infinity });
const flush = op('flush', { exclusive: false, info: false, change: 'nothing', marks: false, to: 0, flush: true });

const entered = (one: Op): Event<Op> => ({ is: 'entered', op: one });
const locked = (granted: number, busy = 0): Event<Op> => ({ is: 'locked', granted, busy, code: undefined });
const prepared = (good: number, size: number | undefined = 100, healing = 0, failed = 0): Event<Op> => ({
  is: 'prepared',
  good,
  failed,
  healing,
  size,
  code: undefined,
});
const left = (one: Op, outcome: Partial<Outcome> = {}): Event<Op> => ({
  is: 'left',
  op: one,
  outcome: { changed: one.change, missed: 0, ...outcome },
});
const updated = (good: number): Event<Op> => ({ is: 'updated', good });
const unlocked: Event<Op> = { is: 'unlocked' };
const timeout: Event<Op> = { is: 'timeout' };
const contention: Event<Op> = { is: 'contention' };
const down = (brick: number): Event<Op> => ({ is: 'down', brick });

/** An action as a short text. */
function shown(action: Action<Op>): string {
  switch (action.do) {
    case 'start':
      return `start ${action.op.name}`;
    case 'fail':
      return `fail ${action.op.name} ${action.code}`;
    case 'lock':
    case 'unlock':
      return `${action.do} ${action.bricks}`;
    case 'wait':
      return `wait ${action.brick}`;
    case 'prepare':
      return `prepare ${action.bricks}${action.info ? ' info' : ''} dirty ${action.dirty.join()} version ${action.version.join()}`;
    case 'update':
      return `update ${action.bricks} size ${action.size} dirty ${action.dirty.join()} version ${action.version.join()}`;
    case 'timer':
    case 'lost':
    case 'cancel':
    case 'settled':
    case 'idle':
      return action.do;
  }
}

/** What has happened, and what is then to be done. */
type Row = readonly [Event<Op>, string];

const TABLES: Readonly<
  Record<
    string,
    { readonly up?: number; readonly optimistic?: boolean; readonly versioned?: boolean; readonly rows: readonly Row[] }
  >
> = {
  'a write marks before and unmarks after, in one message each': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [prepared(7), 'start write'],
      [left(write, { size: 300 }), 'timer'],
      [timeout, 'update 7 size 200 dirty -1,-1 version 1,1'],
      [updated(7), 'settled, unlock 7'],
      [unlocked, 'idle'],
    ],
  },
  'the lock is kept for what comes within a second': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [prepared(7), 'start write'],
      [left(write), 'timer'],
      [entered(other), 'start other, cancel'],
      [left(other), 'timer'],
      [entered(read), 'start read, cancel'],
      [left(read), 'timer'],
      [timeout, 'update 7 size 0 dirty -1,-1 version 0,0'],
    ],
  },
  'a read marks nothing, and a write after it marks': {
    rows: [
      [entered(read), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 0,0 version 0,0'],
      [prepared(7), 'start read'],
      [left(read), 'timer'],
      [entered(write), 'prepare 7 dirty 1,1 version 0,0, cancel'],
      [prepared(7, undefined), 'start write'],
    ],
  },
  'writes to different stripes run at the same time, to the same ones one after the other': {
    rows: [
      [entered(write), 'lock 7'],
      [entered(other), ''],
      [entered(read), ''],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [prepared(7), 'start write, start other'],
      [left(write), 'start read'],
    ],
  },
  'a second client makes the lock be given up when what runs has ended': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [prepared(7), 'start write'],
      [contention, ''],
      [entered(other), ''],
      [left(write), 'update 7 size 0 dirty -1,-1 version 0,0'],
      [updated(7), 'settled, unlock 7'],
      [unlocked, 'lock 7'],
      [locked(0, 7), 'wait 0'],
    ],
  },
  'a lock that waits is given up at once': {
    rows: [
      [entered(names), 'lock 7'],
      [locked(7), 'start names'],
      [left(names), 'timer'],
      [contention, 'cancel, settled, unlock 7'],
    ],
  },
  'another owner in the way: everything is given back and waited for in order': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(5, 2), 'unlock 5'],
      [unlocked, 'wait 0'],
      [{ is: 'granted', brick: 0, code: undefined }, 'wait 1'],
      [{ is: 'granted', brick: 1, code: 'ENOTCONN' }, 'wait 2'],
      [{ is: 'granted', brick: 2, code: undefined }, 'prepare 5 info dirty 1,1 version 0,0'],
    ],
  },
  'a stale brick gets nothing, and what it misses stays marked': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [prepared(5), 'start write'],
      [left(write, { size: 150 }), 'timer'],
      [timeout, 'update 5 size 50 dirty 0,0 version 1,1'],
    ],
  },
  'a brick that is healed gets each write, and its mark is taken away with the others': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [prepared(5, 100, 2), 'start write'],
      [left(write), 'timer'],
      [timeout, 'update 7 size 0 dirty -1,-1 version 0,0'],
    ],
  },
  'attributes that change while a brick is healed: it has missed them': {
    rows: [
      [entered(chmod), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 0,0 version 0,0'],
      [prepared(3, 100, 4), 'prepare 7 dirty 0,1 version 0,0'],
      [{ is: 'prepared', good: 7, failed: 0, healing: 0, size: undefined, code: undefined }, 'start chmod'],
      [left(chmod), 'update 3 size 0 dirty 0,0 version 0,1'],
      [updated(3), 'settled, unlock 7'],
    ],
  },
  'a brick that cannot be marked: the version of the others rises before the change is made': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [prepared(3, 100, 0, 4), 'prepare 3 dirty 0,0 version 1,1'],
      [prepared(3, undefined), 'start write'],
      [left(write), 'timer'],
      [timeout, 'settled, unlock 7'],
    ],
  },
  'without a brick the version rises before the change is made': {
    up: 3,
    rows: [
      [entered(write), 'lock 3'],
      [locked(3), 'prepare 3 info dirty 1,1 version 0,0'],
      [prepared(3), 'prepare 3 dirty 0,0 version 1,1'],
      [prepared(3, undefined), 'start write'],
      [left(write), 'timer'],
      [timeout, 'settled, unlock 3'],
    ],
  },
  'without a brick, and with too few that agree, no version rises': {
    up: 3,
    rows: [
      [entered(write), 'lock 3'],
      [locked(3), 'prepare 3 info dirty 1,1 version 0,0'],
      [
        { is: 'prepared', good: 0, failed: 0, healing: 0, size: undefined, code: 'ENOTCONN' },
        'fail write ENOTCONN, settled, unlock 3',
      ],
    ],
  },
  'the size is lost if too few bricks take it': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [prepared(7), 'start write'],
      [left(write, { end: 300 }), 'timer'],
      [timeout, 'update 7 size 200 dirty -1,-1 version 1,1'],
      [updated(1), 'lost, settled, unlock 7'],
    ],
  },
  'a brick fails in a write: the version of the others rises at once': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [prepared(7), 'start write'],
      [left(write, { missed: 2 }), 'update 5 size 0 dirty 0,0 version 1,1'],
      [updated(5), 'settled, unlock 7'],
    ],
  },
  'a brick goes down in a write': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [prepared(7), 'start write'],
      [down(1), ''],
      [left(write, { missed: 2 }), 'update 5 size 0 dirty 0,0 version 1,1'],
      [updated(5), 'settled, unlock 5'],
    ],
  },
  'a brick misses the last update: the others are marked again': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [prepared(7), 'start write'],
      [left(write), 'timer'],
      [timeout, 'update 7 size 0 dirty -1,-1 version 0,0'],
      [updated(3), 'update 3 size 0 dirty 1,1 version 1,1'],
      [updated(3), 'settled, unlock 7'],
    ],
  },
  'names are changed without a mark, which is made when a brick has missed one': {
    rows: [
      [entered(names), 'lock 7'],
      [locked(7), 'start names'],
      [left(names, { missed: 4 }), 'update 3 size 0 dirty 1,1 version 1,1'],
    ],
  },
  'attributes are changed without a mark, which is made when a brick has missed one': {
    rows: [
      [entered(chmod), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 0,0 version 0,0'],
      [prepared(7), 'start chmod'],
      [left(chmod, { missed: 4 }), 'update 3 size 0 dirty 0,1 version 0,1'],
    ],
  },
  'without optimism every change is marked': {
    optimistic: false,
    rows: [
      [entered(names), 'lock 7'],
      [locked(7), 'prepare 7 dirty 1,1 version 0,0'],
      [prepared(7, undefined), 'start names'],
      [left(names), 'timer'],
      [timeout, 'update 7 size 0 dirty -1,-1 version 0,0'],
    ],
  },
  'names without a brick are marked, and the version rises': {
    up: 6,
    rows: [
      [entered(names), 'lock 6'],
      [locked(6), 'prepare 6 info dirty 1,1 version 0,0'],
      [prepared(6, 0), 'prepare 6 dirty 0,0 version 1,1'],
      [prepared(6, undefined), 'start names'],
      [left(names), 'timer'],
      [timeout, 'settled, unlock 6'],
    ],
  },
  'a flush writes the size, and the mark stays': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [prepared(7), 'start write'],
      [left(write, { size: 101 }), 'timer'],
      [entered(flush), 'update 7 size 1 dirty 0,0 version 1,1, cancel'],
      [updated(7), 'start flush'],
      [left(flush), 'timer'],
      [timeout, 'update 7 size 0 dirty -1,-1 version 0,0'],
    ],
  },
  'too few bricks: the operation fails, and the next one tries again': {
    up: 4,
    rows: [
      [entered(write), 'lock 4'],
      [locked(4), 'fail write ENOTCONN, settled, unlock 4'],
      [entered(other), ''],
      [unlocked, 'lock 4'],
    ],
  },
  'a file of which too few bricks agree': {
    rows: [
      [entered(write), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 1,1 version 0,0'],
      [
        { is: 'prepared', good: 0, failed: 0, healing: 0, size: undefined, code: 'EIO' },
        'fail write EIO, settled, unlock 7',
      ],
    ],
  },
  'the first change of a directory that has no version gives it one': {
    versioned: false,
    rows: [
      [entered(names), 'lock 7'],
      [locked(7), 'start names'],
      [left(names), 'timer'],
      [timeout, 'update 7 size 0 dirty 0,0 version 1,1'],
      [updated(7), 'settled, unlock 7'],
    ],
  },
  'a brick that does not take the first version is told to the self-heal daemon': {
    versioned: false,
    rows: [
      [entered(names), 'lock 7'],
      [locked(7), 'start names'],
      [left(names), 'timer'],
      [timeout, 'update 7 size 0 dirty 0,0 version 1,1'],
      [updated(5), 'update 5 size 0 dirty 1,1 version 1,1'],
      [updated(5), 'settled, unlock 7'],
    ],
  },
  'what only reads a directory gives it no version': {
    versioned: false,
    rows: [
      [entered(chmod), 'lock 7'],
      [locked(7), 'prepare 7 info dirty 0,0 version 0,0'],
      [prepared(7), 'start chmod'],
      [left(chmod), 'timer'],
      [timeout, 'settled, unlock 7'],
    ],
  },
  'a brick that comes up is locked with the others at the next opportunity': {
    up: 3,
    rows: [
      [entered(read), 'lock 3'],
      [locked(3), 'prepare 3 info dirty 0,0 version 0,0'],
      [prepared(3), 'start read'],
      [{ is: 'up', brick: 2 }, ''],
      [entered(write), ''],
      [left(read), 'settled, unlock 3'],
      [unlocked, 'lock 7'],
    ],
  },
};

for (const [what, { up = 7, optimistic = true, versioned = true, rows }] of Object.entries(TABLES)) {
  t.test(what, async t => {
    const transaction = new Transaction<Op>({ n: 3, k: 2, up, optimistic, isVersioned: () => versioned });
    for (const [event, expected] of rows) {
      t.equal(transaction.next(event).map(shown).join(', '), expected, JSON.stringify(event));
    }
  });
}

t.test('the size is known while the lock is held, and not longer', async t => {
  const transaction = new Transaction<Op>({ n: 3, k: 2, up: 7, optimistic: true, isVersioned: () => true });
  const changes: Change[] = ['data', 'nothing'];
  for (const change of changes) {
    const one = op(change, { change, marks: false });
    for (const event of [entered(one), locked(7), prepared(7, 5)]) transaction.next(event);
    t.equal(transaction.size, 5);
    transaction.next(left(one, { size: 9 }));
    t.equal(transaction.size, 9);
    for (const event of [timeout, updated(7)]) transaction.next(event);
    t.equal(transaction.size, undefined);
    transaction.next(unlocked);
  }
});
