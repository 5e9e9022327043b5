/** Defines what each signal does to a server. Signals that are not named here keep their default effect. */
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { unblock } from '../sys/process/signals.ts';

/** Signals that stop the server; a second one kills it. SIGXCPU is sent at the soft limit of CPU time. */
const STOPPING = ['SIGTERM', 'SIGINT', 'SIGXCPU'] as const;

/** Signals that have no meaning for the server and would kill it silently by default. */
const IGNORED = ['SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGPROF', 'SIGIO', 'SIGPWR', 'SIGSTKFLT'] as const;

export interface SignalHandlers {
  /** Called on SIGHUP: reload the volfile and reopen the log file. */
  hangup(): void;
  /** Called on SIGUSR1: write a state dump. */
  dump(): void;
  /** Called once for each signal without a meaning that arrives. */
  ignored(signal: NodeJS.Signals): void;
}

/** Handles the signals of the process from the moment it is constructed. */
export class Signals {
  /** Resolves with the first signal that asks the server to stop. */
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
   * Whether the terminal that the server was started from has closed. The kernel sends SIGHUP then; otherwise SIGHUP
   * asks for a reload. A call on the terminal tells the two apart: it fails once the terminal has hung up.
   */
  #terminalIsGone(): boolean {
    return this.#terminals.length > 0 && !this.#terminals.some(fd => isatty(fd));
  }
}
