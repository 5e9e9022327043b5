/** What each signal does to a server. The signals that are not named here do what they do to any program. */
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { unblock } from '../sys/signals.ts';

/** They end the server; a second one kills it. SIGXCPU comes at the soft limit of CPU time. */
const STOPPING = ['SIGTERM', 'SIGINT', 'SIGXCPU'] as const;

/** They would kill silently, and mean nothing to a server. */
const IGNORED = ['SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGPROF', 'SIGIO', 'SIGPWR', 'SIGSTKFLT'] as const;

export interface SignalHandlers {
  /** SIGHUP: load the volfile anew, open the log file anew. */
  hangup(): void;
  /** SIGUSR1: write a state dump. */
  dump(): void;
  /** A signal came that has no meaning; called once for each. */
  ignored(signal: NodeJS.Signals): void;
}

/** Takes the process's signals from its construction on. */
export class Signals {
  /** The signal that asks the server to end. */
  readonly stop: Promise<NodeJS.Signals>;
  readonly #terminals = [0, 1, 2].filter(fd => isatty(fd));
  readonly #early = new Set<(handlers: SignalHandlers) => void>();
  #handlers: SignalHandlers | undefined;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
    this.stop = promise;
    const stopping = (signal: NodeJS.Signals) => {
      for (const one of STOPPING) process.off(one, stopping);
      resolve(signal);
    };
    for (const signal of STOPPING) process.on(signal, stopping);
    const dump = (handlers: SignalHandlers) => handlers.dump();
    const hangup = (handlers: SignalHandlers) => handlers.hangup();
    process.on('SIGUSR1', () => this.#tell(dump));
    unblock(constants.signals.SIGUSR1); // which Node.js leaves blocked when it does not use it itself
    process.on('SIGHUP', () => {
      if (this.#terminalIsGone()) stopping('SIGHUP');
      else this.#tell(hangup);
    });
    for (const signal of IGNORED) process.once(signal, () => this.#ignore(signal));
  }

  /** From now on `handlers` are told; of what came before, each kind once. */
  handle(handlers: SignalHandlers): void {
    this.#handlers = handlers;
    for (const tell of this.#early) tell(handlers);
    this.#early.clear();
  }

  #tell(tell: (handlers: SignalHandlers) => void): void {
    if (this.#handlers) tell(this.#handlers);
    else this.#early.add(tell);
  }

  #ignore(signal: NodeJS.Signals): void {
    process.on(signal, () => {}); // or the next one would kill
    this.#tell(handlers => handlers.ignored(signal));
  }

  /**
   * Whether the terminal that the server was started from has closed. The kernel sends SIGHUP for that, as people send
   * it for a reload; but no call on a terminal that has hung up is answered any more.
   */
  #terminalIsGone(): boolean {
    return this.#terminals.length > 0 && !this.#terminals.some(fd => isatty(fd));
  }
}
