/** The commands that there are. Each is loaded only when it is asked for: most need little of the machine. */
import type { Command } from './command.ts';

export interface CommandEntry {
  /** As yargs has it, with what is no option: `serve [dirs..]`. */
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
    describe: 'Looks at a volfile without serving it: prints the effective graph, what it exports, and warnings.',
    load: async () => (await import('./check.ts')).check,
  },
  {
    usage: 'exports',
    describe: 'What a running server exports, to whom and how.',
    load: async () => (await import('./exports.ts')).exports,
  },
  {
    usage: 'mounts',
    describe: 'Who has mounted what of a running server, as far as the clients have told (as showmount -a).',
    load: async () => (await import('./mounts.ts')).mounts,
  },
  {
    usage: 'status',
    describe: 'How a running server is: programs, stages, clients, operations and how long they take, memory.',
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
