/**
 * How a client comes to its brick, and back to it when it was lost, without I/O: events go in, and actions come out.
 *
 * A brick is at another port each time it starts, so glusterd is asked for the port before each attempt.
 */

export type Phase =
  /** Not started, or stopped. */
  | 'off'
  /** glusterd is asked for the port. */
  | 'asking'
  | 'connecting'
  /** SETVOLUME is under way. */
  | 'introducing'
  /** What was open and locked on the connection before is made so again. */
  | 'restoring'
  | 'up'
  /** Connected to a brick whose storage has failed. */
  | 'no-storage'
  /** Until the next attempt. */
  | 'waiting';

export interface LinkState {
  readonly phase: Phase;
  /** Attempts that have failed since the brick was last up for a while. */
  readonly failures: number;
  /** Where the brick last was. */
  readonly port: number | undefined;
  /** The id of the volume that the brick belongs to, as it said the first time. */
  readonly volumeId: string | undefined;
  /** Names the process of the brick; another one may have lost what the one before had not synced. */
  readonly process: string | undefined;
  /** The process of the brick is another one than at the last connection. */
  readonly restarted: boolean;
  /** What is wrong, for the operator. */
  readonly trouble: string | undefined;
}

/** The answer to SETVOLUME. */
export type Introduction =
  | { readonly ok: true; readonly volumeId: string; readonly process: string; readonly hasStorage: boolean }
  | { readonly ok: false; readonly code: string; readonly text: string };

export type LinkEvent =
  | { readonly kind: 'start' | 'stop' }
  /** glusterd has answered; `undefined`: the brick does not run. */
  | { readonly kind: 'port'; readonly port: number | undefined }
  /** No glusterd can be asked. */
  | { readonly kind: 'no-port'; readonly why: string }
  | { readonly kind: 'connected' | 'restored' }
  /** The connection has ended, or could not be made, or did not become usable. */
  | { readonly kind: 'lost'; readonly why: string }
  | { readonly kind: 'introduced'; readonly answer: Introduction }
  /** The brick says of itself that its storage works again, or has failed (GlusterFS's CHILD_UP and CHILD_DOWN). */
  | { readonly kind: 'storage-up' | 'storage-down' }
  /** The time of a `wait` or `settle` is over. */
  | { readonly kind: 'time' };

export type LinkAction =
  | { readonly do: 'ask-port' | 'introduce' | 'restore' | 'disconnect' }
  | { readonly do: 'connect'; readonly port: number }
  | { readonly do: 'wait'; readonly ms: number }
  /** The connection counts as one that works when it has lasted so long. */
  | { readonly do: 'settle'; readonly ms: number }
  /** Calls may be made. `restarted`: the brick may have lost what it had not synced. */
  | { readonly do: 'up'; readonly restarted: boolean }
  | { readonly do: 'down' }
  | { readonly do: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly text: string };

export type Step = readonly [LinkState, readonly LinkAction[]];

export const OFF: LinkState = {
  phase: 'off',
  failures: 0,
  port: undefined,
  volumeId: undefined,
  process: undefined,
  restarted: false,
  trouble: undefined,
};

/** How long to wait after the first, the second … failure; the last one is for all further failures. */
const RETRY_MS = [100, 500, 1000, 2000, 3000] as const;
/** How long to wait where only an administrator can help. */
const REFUSED_MS = 30_000;
/** A brick that comes and goes faster is waited for longer each time, as one that does not come. */
const SETTLED_MS = 5000;

/** `fixedPort` is the port of a brick that glusterd is not asked for. */
export function next(state: LinkState, event: LinkEvent, fixedPort?: number): Step {
  const { phase } = state;
  switch (event.kind) {
    case 'start':
      return phase === 'off' ? attempt(state, fixedPort) : [state, []];
    case 'stop':
      // Nothing is told: another graph serves by then, and nothing is lost.
      return [{ ...state, phase: 'off' }, phase === 'off' ? [] : [{ do: 'disconnect' }]];
    case 'time':
      if (phase === 'up') return [{ ...state, failures: 0 }, []];
      return phase === 'waiting' ? attempt(state, fixedPort) : [state, []];
    case 'port':
      if (phase !== 'asking') return [state, []];
      if (event.port === undefined) return failed(state, 'the brick does not run', []);
      return connecting(state, event.port);
    case 'no-port':
      if (phase !== 'asking') return [state, []];
      // The brick may be where it was.
      return state.port === undefined ? failed(state, event.why, []) : connecting(state, state.port);
    case 'connected':
      return phase === 'connecting' ? [{ ...state, phase: 'introducing' }, [{ do: 'introduce' }]] : [state, []];
    case 'introduced':
      return phase === 'introducing' ? introduced(state, event.answer) : [state, []];
    case 'restored':
      return phase === 'restoring' ? isUp(state) : [state, []];
    case 'storage-up':
      return phase === 'no-storage' ? [{ ...state, phase: 'restoring' }, [{ do: 'restore' }]] : [state, []];
    case 'storage-down':
      // The connection is ended as well, so that the brick forgets the locks that would otherwise outlive their calls.
      return isConnected(phase) && phase !== 'no-storage'
        ? failed(state, NO_STORAGE, [{ do: 'disconnect' }])
        : [state, []];
    case 'lost':
      return phase === 'off' || phase === 'waiting' || phase === 'asking' ? [state, []] : failed(state, event.why, []);
  }
}

const NO_STORAGE = 'the storage of the brick has failed';

const isConnected = (phase: Phase): boolean =>
  phase === 'introducing' || phase === 'restoring' || phase === 'up' || phase === 'no-storage';

/** Before the brick was ever up, the layers above are told so once: they wait until each brick has said how it is. */
const downFrom = ({ phase, failures }: LinkState): LinkAction[] =>
  phase === 'up' || (failures === 0 && phase !== 'no-storage') ? [{ do: 'down' }] : [];

function attempt(state: LinkState, fixedPort: number | undefined): Step {
  return fixedPort === undefined ? [{ ...state, phase: 'asking' }, [{ do: 'ask-port' }]] : connecting(state, fixedPort);
}

const connecting = (state: LinkState, port: number): Step => [
  { ...state, phase: 'connecting', port },
  [{ do: 'connect', port }],
];

function introduced(state: LinkState, answer: Introduction): Step {
  if (!answer.ok) {
    const trouble = `the brick refuses this client: ${answer.text} (${answer.code})`;
    if (answer.code === 'EACCES') return refused(state, trouble);
    if (answer.code === 'ESTALE') return failed(state, `${trouble}; the volume has changed`, [{ do: 'disconnect' }]);
    return failed(state, trouble, [{ do: 'disconnect' }]);
  }
  const { volumeId, process, hasStorage } = answer;
  if (state.volumeId !== undefined && volumeId !== state.volumeId) {
    return refused(state, `the brick belongs to volume ${volumeId} and no longer to ${state.volumeId}`);
  }
  const restarted = state.restarted || (state.process !== undefined && process !== state.process);
  const known = { ...state, volumeId, process, restarted };
  if (hasStorage) return [{ ...known, phase: 'restoring' }, [{ do: 'restore' }]];
  return [
    { ...known, phase: 'no-storage', trouble: NO_STORAGE },
    [...downFrom(state), ...said(state, 'warn', NO_STORAGE)],
  ];
}

function isUp(state: LinkState): Step {
  const { restarted, trouble, failures } = state;
  const text = trouble === undefined ? 'the brick is connected' : 'the brick is connected again';
  return [
    { ...state, phase: 'up', restarted: false, trouble: undefined },
    [
      { do: 'log', level: 'info', text },
      { do: 'up', restarted },
      ...(failures > 0 ? [{ do: 'settle', ms: SETTLED_MS } as const] : []),
    ],
  ];
}

/** Tries again soon, after `actions`. */
function failed(state: LinkState, trouble: string, actions: readonly LinkAction[]): Step {
  const failures = state.failures + 1;
  const ms = RETRY_MS[Math.min(failures, RETRY_MS.length) - 1]!;
  return [
    { ...state, phase: 'waiting', failures, trouble },
    [...downFrom(state), ...said(state, 'warn', trouble), ...actions, { do: 'wait', ms }],
  ];
}

/** Tries again after a long time, since nothing but the brick's settings can change the answer. */
function refused(state: LinkState, trouble: string): Step {
  return [
    { ...state, phase: 'waiting', failures: state.failures + 1, trouble },
    [...downFrom(state), ...said(state, 'error', trouble), { do: 'disconnect' }, { do: 'wait', ms: REFUSED_MS }],
  ];
}

/** The same trouble is logged once. */
const said = (state: LinkState, level: 'warn' | 'error', text: string): LinkAction[] =>
  text === state.trouble ? [] : [{ do: 'log', level, text }];
