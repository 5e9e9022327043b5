/** How a client comes to its brick: each table has the events in order, and what is done at each. */
import t from 'tap';
import {
  type Introduction,
  type LinkAction,
  type LinkEvent,
  type LinkState,
  next,
  OFF,
} from '#src/xlators/protocol/client/link/state.ts';

const VOLUME = '77a69505-2bfd-48f1-90b0-1968cbece7bb';
const OTHER = '11111111-2bfd-48f1-90b0-1968cbece7bb';

/** An event by its words: `port 49152`, `introduced process=B`, `refused EACCES`. */
function eventOf(words: string): LinkEvent {
  const [kind = '', argument] = words.split(' ');
  switch (kind) {
    case 'port':
      return { kind, port: argument === undefined ? undefined : Number(argument) };
    case 'no-port':
    case 'lost':
      return { kind, why: words.slice(kind.length + 1) };
    case 'refused':
      return { kind: 'introduced', answer: { ok: false, code: argument!, text: 'no' } };
    case 'introduced': {
      const [key, value] = (argument ?? '').split('=');
      const answer = { ok: true, volumeId: VOLUME, process: 'A', hasStorage: true } satisfies Introduction;
      const changed = { volume: { volumeId: OTHER }, process: { process: value! }, storage: { hasStorage: false } };
      return { kind, answer: { ...answer, ...changed[key as keyof typeof changed] } };
    }
    default:
      return { kind } as LinkEvent;
  }
}

function actionText(action: LinkAction): string {
  if (action.do === 'connect') return `connect ${action.port}`;
  if (action.do === 'wait' || action.do === 'settle') return `${action.do} ${action.ms}`;
  if (action.do === 'up') return action.restarted ? 'up restarted' : 'up';
  return action.do === 'log' ? `${action.level}: ${action.text}` : action.do;
}

/** Runs a table of `event -> action, action` and answers the state at its end. */
function run(table: string, from: LinkState = OFF, fixedPort?: number): LinkState {
  let state = from;
  for (const line of table.trim().split('\n')) {
    const [event, expected = ''] = line.trim().split(/ *-> */);
    const [after, actions] = next(state, eventOf(event!), fixedPort);
    t.equal(actions.map(actionText).join(', '), expected, event!);
    state = after;
  }
  return state;
}

const UP = run(`
  start        -> ask-port
  port 49152   -> connect 49152
  connected    -> introduce
  introduced   -> restore
  restored     -> info: the brick is connected, up
`);

t.test('up', async t => {
  t.match(UP, { phase: 'up', failures: 0, port: 49152, volumeId: VOLUME, process: 'A', trouble: undefined });
});

t.test('a brick that is lost and comes back at another port', async t => {
  const state = run(
    `
    lost it closed the connection -> down, warn: it closed the connection, wait 100
    time            -> ask-port
    port            -> warn: the brick does not run, wait 500
    time            -> ask-port
    port            -> wait 1000
    time            -> ask-port
    port 49153      -> connect 49153
    lost refused    -> warn: refused, wait 2000
    time            -> ask-port
    port 49153      -> connect 49153
    connected       -> introduce
    introduced process=B -> restore
    restored        -> info: the brick is connected again, up restarted, settle 5000
    time            ->
  `,
    UP,
  );
  t.match(state, { phase: 'up', failures: 0, trouble: undefined, restarted: false, process: 'B' });
});

t.test('a brick that comes and goes is waited for longer each time', async t => {
  const comes = (ms: number) => `lost x      -> down, warn: x, wait ${ms}
    time        -> ask-port
    port 49152  -> connect 49152
    connected   -> introduce
    introduced  -> restore
    restored    -> info: the brick is connected again, up, settle 5000`;
  const state = run([100, 500, 1000, 2000, 3000, 3000].map(comes).join('\n'), UP);
  t.equal(state.failures, 6);
  run(`time ->\n${comes(100)}`, state);
});

t.test('the time between attempts grows to three seconds', async t => {
  const state = run(
    `
    lost x -> down, warn: x, wait 100
    time   -> ask-port
    port   -> warn: the brick does not run, wait 500
    time   -> ask-port
    port   -> wait 1000
    time   -> ask-port
    port   -> wait 2000
    time   -> ask-port
    port   -> wait 3000
    time   -> ask-port
    port   -> wait 3000
  `,
    UP,
  );
  t.equal(state.trouble, 'the brick does not run');
});

t.test('the network was lost and not the brick: nothing is lost', async () => {
  run(
    `
    lost x      -> down, warn: x, wait 100
    time        -> ask-port
    port 49152  -> connect 49152
    connected   -> introduce
    introduced  -> restore
    lost y      -> warn: y, wait 500
    time        -> ask-port
    port 49152  -> connect 49152
    connected   -> introduce
    introduced  -> restore
    restored    -> info: the brick is connected again, up, settle 5000
  `,
    UP,
  );
});

t.test('a brick that was restarted, and is lost again before it is up: it is still told', async () => {
  run(
    `
    lost x      -> down, warn: x, wait 100
    time        -> ask-port
    port 49153  -> connect 49153
    connected   -> introduce
    introduced process=B -> restore
    lost y      -> warn: y, wait 500
    time        -> ask-port
    port 49153  -> connect 49153
    connected   -> introduce
    introduced process=B -> restore
    restored    -> info: the brick is connected again, up restarted, settle 5000
  `,
    UP,
  );
});

t.test('no glusterd: the brick is tried where it was, if it ever was anywhere', async () => {
  run(
    `
    lost x          -> down, warn: x, wait 100
    time            -> ask-port
    no-port refused -> connect 49152
  `,
    UP,
  );
  run(`
    start           -> ask-port
    no-port refused -> down, warn: refused, wait 100
    time            -> ask-port
    no-port refused -> wait 500
  `);
});

t.test('a port in the volfile: glusterd is never asked', async () => {
  run(
    `
    start     -> connect 24100
    lost x    -> down, warn: x, wait 100
    time      -> connect 24100
    connected -> introduce
  `,
    OFF,
    24100,
  );
});

const INTRODUCING = run(`
  start      -> ask-port
  port 49152 -> connect 49152
  connected  -> introduce
`);

t.test('what a brick refuses with, and what follows', async t => {
  const no = 'the brick refuses this client: no';
  run(`refused ENOENT -> down, warn: ${no} (ENOENT), disconnect, wait 100\n time -> ask-port`, INTRODUCING);
  run(`refused EAGAIN -> down, warn: ${no} (EAGAIN), disconnect, wait 100\n time -> ask-port`, INTRODUCING);
  run(`refused ESTALE -> down, warn: ${no} (ESTALE); the volume has changed, disconnect, wait 100`, INTRODUCING);
  const state = run(
    `
    refused EACCES -> down, error: ${no} (EACCES), disconnect, wait 30000
    time           -> ask-port
    port 49152     -> connect 49152
    connected      -> introduce
    refused EACCES -> disconnect, wait 30000
  `,
    INTRODUCING,
  );
  t.equal(state.trouble, `${no} (EACCES)`);
});

t.test('a brick of another volume is refused', async t => {
  const state = run(
    `
    lost x     -> down, warn: x, wait 100
    time       -> ask-port
    port 49152 -> connect 49152
    connected  -> introduce
    introduced volume -> error: the brick belongs to volume ${OTHER} and no longer to ${VOLUME}, disconnect, wait 30000
  `,
    UP,
  );
  t.equal(state.volumeId, VOLUME);
});

t.test('a brick without its storage: connected, and up when the storage works', async t => {
  const state = run(
    `
    introduced storage -> down, warn: the storage of the brick has failed
    storage-down ->
    storage-up   -> restore
    restored     -> info: the brick is connected again, up
  `,
    INTRODUCING,
  );
  t.equal(state.phase, 'up');
});

t.test('storage that fails: the connection ends, so that the brick forgets its locks', async () => {
  run(
    `
    storage-down -> down, warn: the storage of the brick has failed, disconnect, wait 100
    storage-up   ->
    time         -> ask-port
    port 49152   -> connect 49152
    connected    -> introduce
    introduced storage ->
    lost x       -> warn: x, wait 500
  `,
    UP,
  );
});

t.test('stopped, whatever is under way, and started once', async t => {
  t.equal(run('stop -> disconnect\n stop ->\n time ->\n lost x ->', UP).phase, 'off');
  run('stop -> disconnect\n introduced ->\n restored ->', INTRODUCING);
  run('stop ->');
  run('start -> ask-port\n start ->\n stop -> disconnect\n port 5 ->\n connected ->');
});

t.test('events that come too late change nothing', async t => {
  const late = [
    'port 7',
    'port',
    'no-port x',
    'connected',
    'introduced',
    'refused EACCES',
    'restored',
    'time',
    'storage-up',
  ];
  for (const words of late) t.strictSame(next(UP, eventOf(words)), [UP, []], words);
});
