/** All commands. Each is loaded only when it is called, since most of them need few of the modules. */
import type { Command } from './command.ts';

export interface CommandEntry {
  /** The command in the notation of yargs, with its positional arguments: `serve [dirs..]`. */
  readonly usage: string;
  readonly describe: string;
  load(): Promise<Command>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    usage: 'serve [dirs..]',
    describe:
      'Serves directories, or what a volfile describes, until SIGTERM or SIGINT. SIGHUP loads the volfile and opens the ' +
      'log file anew, SIGUSR1 writes a state dump into the state directory.',
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    usage: 'check',
    describe: 'Checks a volfile without serving it: prints the effective graph, what it exports, and warnings.',
    load: async () => (await import('./check.ts')).check,
  },
  {
    usage: 'exports',
    describe: 'What a running server exports, to which hosts and with which access.',
    load: async () => (await import('./exports.ts')).exports,
  },
  {
    usage: 'mounts',
    describe: 'Which clients have mounted what from a running server, as far as they have said (like showmount -a).',
    load: async () => (await import('./mounts.ts')).mounts,
  },
  {
    usage: 'status',
    describe: 'The state of a running server: programs, stages, clients, operations and how long they take, memory.',
    load: async () => (await import('./status.ts')).status,
  },
  {
    usage: 'explain',
    describe:
      'Would this be allowed, by which rule, and as whom? Asks a running server, which looks at the path as well; ' +
      'with -f VOLFILE only the rules are asked. Exit code 0 if it is allowed, 1 if it is refused.',
    load: async () => (await import('./explain.ts')).explain,
  },
];

export const nameOf = ({ usage }: CommandEntry): string => usage.split(' ')[0]!;
