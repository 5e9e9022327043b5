/** Which of several glusterds is asked next, and when: a state machine without I/O. */
import { type GlusterdAddress, serverText } from './servers.ts';

export interface Choice {
  /** The servers that were given, and behind them the peers that were learned. */
  readonly servers: readonly GlusterdAddress[];
  readonly given: number;
  /** The index of the server that is asked now, or next. */
  readonly at: number;
  /** How many attempts have failed since the last that did not. */
  readonly failures: number;
}

/** The most servers that are kept; a glusterd could name any number. */
const SERVERS_MAX = 64;
/** The pauses after the first, the second and each further round in which no server answered. */
const PAUSES_MS = [500, 1000, 2000, 3000] as const;

export function choiceOf(servers: readonly GlusterdAddress[]): Choice {
  return { servers, given: servers.length, at: 0, failures: 0 };
}

export const serverOf = ({ servers, at }: Choice): GlusterdAddress => servers[at]!;

export const worked = (choice: Choice): Choice => ({ ...choice, failures: 0 });

/** The next server is asked. */
export function failed(choice: Choice): Choice {
  return { ...choice, at: (choice.at + 1) % choice.servers.length, failures: choice.failures + 1 };
}

/** How long to wait before the next attempt: after each round without an answer. */
export function pauseMs({ failures, servers }: Choice): number {
  if (failures === 0 || failures % servers.length !== 0) return 0;
  return PAUSES_MS[Math.min(failures / servers.length, PAUSES_MS.length) - 1]!;
}

/** Takes the place of the peers that were learned before. The server that is asked now stays the one. */
export function learned(choice: Choice, peers: readonly GlusterdAddress[]): Choice {
  const present = serverOf(choice);
  const all = new Map<string, GlusterdAddress>();
  const given = choice.servers.slice(0, choice.given);
  for (const server of [...given, present, ...peers]) {
    if (all.size < SERVERS_MAX || server === present) all.set(serverText(server), server);
  }
  const servers = [...all.values()];
  const at = servers.findIndex(server => serverText(server) === serverText(present));
  return { ...choice, servers, at, given: given.length };
}
