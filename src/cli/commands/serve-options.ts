/** What `serve` takes, and what it makes of it: a configuration of the server. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { InferredOptionTypes } from 'yargs';
import { parseVolfile } from '../../volfile/volfile.ts';
import type { ServerConfig } from '../../server/config.ts';
import { LIMITS } from '../../server/limits.ts';
import { bytesOfText, textOfBytes } from '../../wire-text.ts';
import { choiceOf, integerOf, once, textOf, textsOf } from '../arguments.ts';
import { CliError, EXIT, reasonOf, usageError } from '../failure.ts';
import { generateVolfile } from '../../volfile/generated.ts';
import { LOG_OPTIONS, logOptions } from '../log-options.ts';

const STAGES_MAX = 64;
const ID_MAX = 0xffff_fffe;
const PORTMAP_PORT = 111;
const STOP_RESERVE_MS = 500;

/** `--portmapper`, `--portmapper 1111`. */
function portmapperPort(value: unknown): number | undefined {
  const text = once('--portmapper', value);
  return text === '' ? PORTMAP_PORT : integerOf('--portmapper', 0, 65_535)(text);
}

const text = (flag: string, describe: string) => ({ type: 'string', coerce: textOf(flag), describe }) as const;
const integer = (flag: string, min: number, max: number, describe: string) =>
  ({ type: 'string', coerce: integerOf(flag, min, max), describe }) as const;
const flag = (describe: string) => ({ type: 'boolean', default: false, describe }) as const;
const texts = (name: string, describe: string) =>
  ({ type: 'string', array: true, coerce: textsOf(name), describe }) as const;

export const SERVE_OPTIONS = {
  host: text('--host', 'the address to listen on; 0.0.0.0 or :: for all [127.0.0.1]'),
  port: { ...integer('--port', 0, 65_535, 'the TCP and UDP port; 0 lets the kernel choose [2049]'), alias: 'P' },
  name: texts('--name', "a volume's name, mounted as /NAME; once for each DIR, in their order [base name]"),
  squash: {
    type: 'string',
    coerce: choiceOf('--squash', ['none', 'root', 'all']),
    describe: 'whose calls are made as the anonymous user: none, root or all [none]',
  },
  anonuid: integer('--anonuid', 0, ID_MAX, "the anonymous user's uid [65534]"),
  anongid: integer('--anongid', 0, ID_MAX, "the anonymous user's gid [65534]"),
  'read-only': flag('nothing can be changed'),
  insecure: flag('clients may use ports from 1024 on; always so when the server does not run as root'),
  allow: text('--allow', 'who may mount: addresses, networks (10.0.0.0/8), wildcards and host names, with commas [*]'),
  reject: text('--reject', 'who may not, whatever is allowed'),
  volfile: { ...text('--volfile', 'serve what this volfile describes, instead of DIRs'), alias: 'f' },
  'xlator-option': texts('--xlator-option', 'NAME.OPTION=VALUE: an option of a volume; may be repeated'),
  stages: integer('--stages', 1, STAGES_MAX, 'threads that answer calls [as many as cores]'),
  portmapper: {
    type: 'string',
    coerce: portmapperPort,
    describe: `serve a portmapper (TCP and UDP), for where rpcbind is missing [port ${PORTMAP_PORT} if none is given]`,
  },
  portmap: flag('register with rpcbind; a volfile says it with rpc.register-with-portmap'),
  'state-dir': text(
    '--state-dir',
    "where this server keeps the file handles' key and more, for itself alone " +
      '[/var/lib/bricknfs, or below the home directory; in it, port-PORT for other ports than 2049]',
  ),
  control: text('--control', 'the control socket [STATE-DIR/control-PORT.sock]'),
  'pid-file': { ...text('--pid-file', 'write the process id there'), alias: 'p' },
  grace: integer('--grace', 0, 3600, 'seconds that a stop waits for calls under way [10]'),
  daemon: flag('go to the background once it serves'),
  'no-daemon': { ...flag('stay in the foreground (which is the default)'), alias: 'N' },
  'print-volfile': flag('print the volfile that the DIRs make, and do nothing'),
  ...LOG_OPTIONS,
} as const;

export type ServeArguments = InferredOptionTypes<typeof SERVE_OPTIONS>;

/** Where a generated volfile is said to be, in messages. */
export const GENERATED = '(generated volfile)';

/** Flags that say what a volfile says in its own words. */
const ONLY_FOR_DIRS = {
  name: 'the names are those of the volumes',
  squash: 'it is option nfs3.VOLUME.squash of nfs/server',
  anonuid: 'it is option nfs3.VOLUME.anonuid of nfs/server',
  anongid: 'it is option nfs3.VOLUME.anongid of nfs/server',
  'read-only': 'it is option nfs3.VOLUME.volume-access of nfs/server',
  insecure: 'it is option rpc-auth.ports.insecure of nfs/server',
  allow: 'it is option rpc-auth.addr.allow of nfs/server',
  reject: 'it is option rpc-auth.addr.reject of nfs/server',
  'print-volfile': 'that one is there already',
} as const satisfies Partial<Record<keyof ServeArguments, string>>;

/** @throws {CliError} {VolfileError} */
export function serverConfig(args: ServeArguments, dirs: readonly string[]): Omit<ServerConfig, 'stateDir'> {
  if (args.daemon && args['no-daemon']) throw usageError('expected one of --daemon and --no-daemon, found both');
  const graceMs = (args.grace ?? 10) * 1000;
  return {
    ...(args.volfile === undefined ? ofDirs(args, dirs) : ofVolfile(args, args.volfile, dirs)),
    log: logOptions(args),
    stages: args.stages ?? Math.min(STAGES_MAX, availableParallelism()),
    graceMs: Math.max(0, graceMs - STOP_RESERVE_MS),
    limits: LIMITS,
    portmapperPort: args.portmapper,
  };
}

type Source = Pick<ServerConfig, 'text' | 'file' | 'overrides'>;

function ofDirs(args: ServeArguments, dirs: readonly string[]): Source {
  const text = generateVolfile(dirs, {
    names: args.name ?? [],
    host: args.host ?? '127.0.0.1',
    port: args.port ?? 2049,
    squash: args.squash ?? 'none',
    anonuid: args.anonuid,
    anongid: args.anongid,
    readOnly: args['read-only'],
    // Who is not root has nothing to guard by it: everybody works as this one user.
    insecure: args.insecure || process.geteuid?.() !== 0,
    allow: args.allow,
    reject: args.reject,
    portmap: args.portmap,
  });
  return { text, file: GENERATED, overrides: args['xlator-option'] ?? [] };
}

function ofVolfile(args: ServeArguments, file: string, dirs: readonly string[]): Source {
  if (dirs.length > 0) throw usageError(`expected DIRs or -f VOLFILE, found both (${dirs[0]}, ${file})`);
  for (const [name, instead] of Object.entries(ONLY_FOR_DIRS)) {
    const value = args[name as keyof typeof ONLY_FOR_DIRS];
    const given = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
    if (given) throw usageError(`expected no --${name} with a volfile: ${instead}`);
  }
  const text = readVolfile(file);
  const top = parseVolfile(text, file).at(-1)!.name;
  const overrides = [...(args['xlator-option'] ?? [])];
  if (args.host !== undefined) overrides.push(`${top}.nfs.bind-address=${args.host}`);
  if (args.port !== undefined) overrides.push(`${top}.nfs.port=${args.port}`);
  if (args.portmap) overrides.push(`${top}.rpc.register-with-portmap=on`);
  return { text, file, overrides };
}

export function readVolfile(file: string): string {
  try {
    return textOfBytes(readFileSync(bytesOfText(file)));
  } catch (cause) {
    throw new CliError(`cannot read the volfile ${file}: ${reasonOf(cause)}`, EXIT.USAGE, { cause });
  }
}
