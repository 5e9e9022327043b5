/** Makes the configuration of a server from the flags of `serve`. */
import { availableParallelism } from 'node:os';
import type { ServerConfig } from '../../server/config.ts';
import { LIMITS } from '../../server/limits.ts';
import { generateVolfile } from '../generated-volfile.ts';
import { parseVolfile } from '../../volfile/volfile.ts';
import { usageError } from '../failure.ts';
import { logOptions } from '../log-options.ts';
import { readVolfile } from '../volfile-argument.ts';
import { GeneratedVolfile, VolfileFile, type VolfileSource } from '../../volfile/source.ts';
import { type ServeArguments, STAGES_MAX } from './serve-options.ts';

/** What is left of --grace for the rest of the stop, so that the process ends within it. See serve.ts. */
const STOP_RESERVE_MS = 500;

/** Flags that only directories take, and how a volfile sets the same. */
const ONLY_FOR_DIRS = {
  name: 'it names its volumes itself',
  squash: 'set option nfs3.VOLUME.squash of nfs/server in it',
  anonuid: 'set option nfs3.VOLUME.anonuid of nfs/server in it',
  anongid: 'set option nfs3.VOLUME.anongid of nfs/server in it',
  'read-only': 'set option nfs3.VOLUME.volume-access of nfs/server in it',
  insecure: 'set option rpc-auth.ports.insecure of nfs/server in it',
  allow: 'set option rpc-auth.addr.allow of nfs/server in it',
  reject: 'set option rpc-auth.addr.reject of nfs/server in it',
  'print-volfile': 'it exists already',
} as const satisfies Partial<Record<keyof ServeArguments, string>>;

export interface ServeConfig {
  readonly config: Omit<ServerConfig, 'stateDir'>;
  /** Where a reload reads the volfile. */
  readonly source: VolfileSource;
}

/** @throws {CliError} {VolfileError} */
export async function serveConfig(args: ServeArguments, dirs: readonly string[]): Promise<ServeConfig> {
  if (args.daemon && args['no-daemon']) throw usageError('expected one of --daemon and --no-daemon, found both');
  const graceMs = (args.grace ?? 10) * 1000;
  const source = args.volfile === undefined ? generated(args, dirs) : fileOf(args, args.volfile, dirs);
  const text = await readVolfile(source);
  const config = {
    text,
    file: source.name,
    overrides: source.fixed ? (args['xlator-option'] ?? []) : overridesOf(args, text, source.name),
    log: logOptions(args),
    stages: args.stages ?? Math.min(STAGES_MAX, availableParallelism()),
    graceMs: Math.max(0, graceMs - STOP_RESERVE_MS),
    limits: LIMITS,
    portmapperPort: args.portmapper,
  };
  return { config, source };
}

function generated(args: ServeArguments, dirs: readonly string[]): GeneratedVolfile {
  const text = generateVolfile(dirs, {
    names: args.name ?? [],
    host: args.host ?? '127.0.0.1',
    port: args.port ?? 2049,
    squash: args.squash ?? 'none',
    anonuid: args.anonuid,
    anongid: args.anongid,
    readOnly: args['read-only'],
    // If the server does not run as root, all callers act as its own user, so ports protect nothing.
    insecure: args.insecure || process.geteuid?.() !== 0,
    allow: args.allow,
    reject: args.reject,
    portmap: args.portmap,
  });
  return new GeneratedVolfile(text);
}

function fileOf(args: ServeArguments, file: string, dirs: readonly string[]): VolfileFile {
  if (dirs.length > 0) throw usageError(`expected DIRs or -f VOLFILE, found both (${dirs[0]}, ${file})`);
  for (const [name, instead] of Object.entries(ONLY_FOR_DIRS)) {
    const value = args[name as keyof typeof ONLY_FOR_DIRS];
    const given = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
    if (given) throw usageError(`expected no --${name} with a volfile: ${instead}`);
  }
  return new VolfileFile(file);
}

/** The overrides for a volfile that the user wrote, with those that stand for other flags. */
function overridesOf(args: ServeArguments, text: string, file: string): string[] {
  const top = parseVolfile(text, file).at(-1)!.name;
  const overrides = [...(args['xlator-option'] ?? [])];
  if (args.host !== undefined) overrides.push(`${top}.nfs.bind-address=${args.host}`);
  if (args.port !== undefined) overrides.push(`${top}.nfs.port=${args.port}`);
  if (args.portmap) overrides.push(`${top}.rpc.register-with-portmap=on`);
  return overrides;
}
