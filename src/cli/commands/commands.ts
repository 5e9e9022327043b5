/** The list of all commands. Each is loaded only when it is called, since most commands need few modules. */
import type { Command } from './command.ts';

export interface CommandEntry {
  /** The command in the notation of yargs, with its positional arguments: `serve [dirs..]`. */
  readonly usage: string;
  readonly describe: string;
  /** The positional arguments in `usage`, in their order. */
  readonly arguments?: readonly { readonly name: string; readonly describe: string }[];
  load(): Promise<Command>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    usage: 'serve [dirs..]',
    describe:
      'Serves directories, or what a volfile describes, until SIGTERM or SIGINT. SIGHUP reloads the volfile and ' +
      'reopens the log file, SIGUSR1 writes a state dump into the state directory.',
    arguments: [{ name: 'dirs', describe: 'the directories to serve' }],
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    usage: 'mount [source] [mountpoint]',
    describe:
      'Mounts a directory, what a volfile describes, or a GlusterFS volume through FUSE. The command returns when the ' +
      'mount can be used; umount, or SIGTERM to the process in the background, ends it.',
    arguments: [
      { name: 'source', describe: 'a directory, a volfile, or HOST:/VOLUME' },
      { name: 'mountpoint', describe: 'the directory to mount on' },
    ],
    load: async () => (await import('./mount/mount.ts')).mount,
  },
  {
    usage: 'check',
    describe: 'Checks a volfile without serving it: prints the effective graph, what it exports, and warnings.',
    load: async () => (await import('./check.ts')).check,
  },
  {
    usage: 'exports',
    describe: 'Prints what a running server exports, to which hosts and with which access.',
    load: async () => (await import('./exports.ts')).exports,
  },
  {
    usage: 'mounts',
    describe:
      'Prints which clients have mounted what from a running server, as far as the clients have told it (as ' +
      'showmount -a does).',
    load: async () => (await import('./mounts.ts')).mounts,
  },
  {
    usage: 'status',
    describe:
      'Prints the state of a running server: programs, stages, clients, memory, operations and how long they take.',
    load: async () => (await import('./status.ts')).status,
  },
  {
    usage: 'explain',
    describe:
      'Tells whether a client may use a path, by which rule, and with which ids. It asks a running server, which ' +
      'also examines the path; with -f VOLFILE it examines only the rules. Exits with 0 if the use is allowed, and ' +
      'with 1 if it is refused.',
    load: async () => (await import('./explain.ts')).explain,
  },
  {
    usage: 'options [type]',
    describe:
      'Prints the options that a volfile may set: what each does, its values, its default, and when a change takes ' +
      'effect.',
    arguments: [{ name: 'type', describe: 'a type of volfiles, such as nfs/server; all types if there is none' }],
    load: async () => (await import('./options.ts')).options,
  },
];

export const nameOf = ({ usage }: CommandEntry): string => usage.split(' ')[0]!;
