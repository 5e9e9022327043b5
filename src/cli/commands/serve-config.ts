/** Makes the configuration of a server from the flags of `serve`. */
import { availableParallelism } from 'node:os';
import type { ServerConfig } from '../../server/config.ts';
import { LIMITS } from '../../server/limits.ts';
import type { GlusterSource } from '../../glusterd/source.ts';
import { generateVolfile, type Generated } from '../generated-volfile.ts';
import { parseVolfile } from '../../volfile/volfile.ts';
import { CliError, usageError } from '../failure.ts';
import { logOptions } from '../log-options.ts';
import { glusterVolfile, readVolfile, withGluster } from '../volfile-argument.ts';
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
  /** Where a reload reads the volfile. It belongs to the caller. */
  readonly source: GlusterSource;
  /** The volfile as it was written or made, without what glusterd gives. */
  readonly base: VolfileSource;
  /** What the operator should know, a line each. */
  readonly notes: readonly string[];
}

/** @throws {CliError} {VolfileError} {GlusterdError} */
export async function serveConfig(args: ServeArguments, dirs: readonly string[]): Promise<ServeConfig> {
  if (args.daemon && args['no-daemon']) throw usageError('expected one of --daemon and --no-daemon, found both');
  const wanted = wantedBy(args);
  const base = baseOf(args, dirs, wanted);
  const source = withGluster(base, wanted, true);
  try {
    const text = await readVolfile(source);
    const isOwn = base instanceof VolfileFile && !source.serverMade; // the user has written the server's stanza
    if (isOwn) refuseFlags(args);
    checkStarted(args, source);
    const mounts = parseVolfile(text, source.name).some(({ type }) => type === 'mount/fuse');
    const graceMs = (args.grace ?? 10) * 1000;
    const config = {
      text,
      file: source.name,
      overrides: isOwn ? overridesOf(args, text, source.name) : (args['xlator-option'] ?? []),
      log: logOptions(args),
      stages: args.stages ?? (source.hasClients || mounts ? 1 : Math.min(STAGES_MAX, availableParallelism())),
      graceMs: Math.max(0, graceMs - STOP_RESERVE_MS),
      limits: LIMITS,
      portmapperPort: args.portmapper,
    };
    return { config, source, base, notes: notesOn(config.stages, mounts, source) };
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

/** What the flags say of the server, and of the names of its volumes. */
function wantedBy(args: ServeArguments): Generated {
  return {
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
  };
}

function baseOf(args: ServeArguments, dirs: readonly string[], wanted: Generated): VolfileSource {
  const { volfile, 'volfile-server': servers, 'volfile-id': volumes } = args;
  const sources = [
    ...(dirs.length > 0 ? [`DIRs (${dirs[0]})`] : []),
    ...(volfile === undefined ? [] : [`-f ${volfile}`]),
    ...(servers === undefined ? [] : [`-s ${servers}`]),
  ];
  if (sources.length > 1) throw usageError(`expected DIRs, -f VOLFILE or -s HOST, found ${sources.join(' and ')}`);
  if (volumes !== undefined && servers === undefined) {
    throw usageError(`expected -s HOST with --volfile-id ${volumes}: the host whose glusterd knows the volume`);
  }
  if (servers !== undefined) return glusterVolfile(servers, volumes, wanted);
  return volfile === undefined ? new GeneratedVolfile(generateVolfile(dirs, wanted)) : new VolfileFile(volfile);
}

/** @throws {CliError} a flag is set that the volfile of the user sets itself */
function refuseFlags(args: ServeArguments): void {
  for (const [name, instead] of Object.entries(ONLY_FOR_DIRS)) {
    const value = args[name as keyof typeof ONLY_FOR_DIRS];
    const given = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
    if (given) throw usageError(`expected no --${name} with a volfile: ${instead}`);
  }
}

/** @throws {CliError} all volumes of the command line have been stopped, so that there is nothing to serve */
function checkStarted(args: ServeArguments, { stopped }: GlusterSource): void {
  if (args['volfile-server'] === undefined || stopped.length === 0) return;
  const named = args['volfile-id']!.split(',');
  if (named.length > stopped.length) return;
  const are = stopped.length === 1 ? `volume ${stopped[0]} is` : `the volumes ${stopped.join(', ')} are`;
  throw new CliError(`${are} stopped; start it with "gluster volume start ${stopped[0]}"`);
}

function notesOn(stages: number, mounts: boolean, { hasClients, stopped }: GlusterSource): string[] {
  const own = `each of the ${stages} stages is a client of the bricks of its own, and they wait for the locks of each other`;
  return [
    ...(hasClients && stages > 1 ? [`${own}; without --stages there is one`] : []),
    ...(mounts && stages > 1
      ? [
          `the first of the ${stages} stages serves the mounts, and the kernel learns what NFS clients of the others change ` +
            'after entry-timeout and attribute-timeout only; without --stages there is one',
        ]
      : []),
    ...stopped.map(
      name => `volume ${name} is stopped; its clients wait until it is started with "gluster volume start ${name}"`,
    ),
  ];
}

/** The overrides for a volfile that the user wrote, with those that stand for other flags. */
function overridesOf(args: ServeArguments, text: string, file: string): string[] {
  const stanzas = parseVolfile(text, file);
  const top = (stanzas.findLast(({ type }) => type === 'nfs/server') ?? stanzas.at(-1)!).name;
  const overrides = [...(args['xlator-option'] ?? [])];
  if (args.host !== undefined) overrides.push(`${top}.nfs.bind-address=${args.host}`);
  if (args.port !== undefined) overrides.push(`${top}.nfs.port=${args.port}`);
  if (args.portmap) overrides.push(`${top}.rpc.register-with-portmap=on`);
  return overrides;
}
