/** Defines what each signal does to a server. Signals that are not named here have their default effect. */
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { unblock } from '../sys/process/signals.ts';

/** Signals that end the server; a second one kills it. SIGXCPU is sent at the soft limit of CPU time. */
const STOPPING = ['SIGTERM', 'SIGINT', 'SIGXCPU'] as const;

/** Signals that would kill the server silently and have no meaning for it. */
const IGNORED = ['SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGPROF', 'SIGIO', 'SIGPWR', 'SIGSTKFLT'] as const;

export interface SignalHandlers {
  /** Called on SIGHUP: reload the volfile and reopen the log file. */
  hangup(): void;
  /** Called on SIGUSR1: write a state dump. */
  dump(): void;
  /** Called once for each signal that arrives and has no meaning. */
  ignored(signal: NodeJS.Signals): void;
}

/** Handles the process's signals, beginning with its construction. */
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
    unblock(constants.signals.SIGUSR1); // Node.js leaves it blocked when it does not use it itself
    process.on('SIGHUP', () => {
      if (this.#terminalIsGone()) stopping('SIGHUP');
      else this.#tell(hangup);
    });
    for (const signal of IGNORED) process.once(signal, () => this.#ignore(signal));
  }

  /** Calls `handlers` from now on, and once for each kind of signal that arrived before. */
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
    process.on(signal, () => {}); // otherwise the next one would kill the process
    this.#tell(handlers => handlers.ignored(signal));
  }

  /**
   * Whether the terminal that the server was started from has closed. The kernel then sends SIGHUP, as people do for a
   * reload. They are told apart by a call on the terminal, which fails once it has hung up.
   */
  #terminalIsGone(): boolean {
    return this.#terminals.length > 0 && !this.#terminals.some(fd => isatty(fd));
  }
}
