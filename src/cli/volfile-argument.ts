/** The volfile that a command is given: its flags, its text, and its plan. */
import { GlusterdError } from '../glusterd/error.ts';
import { Glusterds } from '../glusterd/glusterds.ts';
import { GlusterSource } from '../glusterd/source.ts';
import { type Planned, planServer } from '../server/plan.ts';
import { GeneratedVolfile, VolfileFile, type VolfileSource } from '../volfile/source.ts';
import { VolfileError } from '../volfile/volfile-error.ts';
import { CliError, EXIT, reasonOf, usageError } from './failure.ts';
import { textOf, textsOf } from './flag-values.ts';
import { generateGlusterVolfile, type Generated, serverStanza, type ServerSettings } from './generated-volfile.ts';

/** The flags that name GlusterFS volumes. */
export const GLUSTER_OPTIONS = {
  'volfile-server': {
    type: 'string',
    alias: 's',
    coerce: textOf('--volfile-server'),
    describe: 'serve GlusterFS volumes: the hosts whose glusterd knows them, separated by commas',
  },
  'volfile-id': {
    type: 'string',
    coerce: textOf('--volfile-id'),
    describe: 'the GlusterFS volumes to serve, separated by commas',
  },
} as const;

/** The flags of commands that read a volfile without serving it. */
export const VOLFILE_OPTIONS = {
  volfile: { type: 'string', alias: 'f', coerce: textOf('--volfile'), describe: 'the volfile' },
  ...GLUSTER_OPTIONS,
  'xlator-option': {
    type: 'string',
    array: true,
    coerce: textsOf('--xlator-option'),
    describe: 'NAME.OPTION=VALUE sets an option of a volume; may be repeated',
  },
} as const;

/** The volumes of `-s HOST --volfile-id VOL` as a volfile. @throws {CliError} */
export function glusterVolfile(servers: string, volumes: string | undefined, wanted: Generated): GeneratedVolfile {
  if (volumes === undefined) throw usageError(`expected --volfile-id VOLUME with -s ${servers}`);
  return new GeneratedVolfile(generateGlusterVolfile(servers, volumes.split(','), wanted));
}

/** The volfile with what glusterd gives in it. `waits` tells whether a glusterd that does not answer is waited for. */
export function withGluster(base: VolfileSource, settings: ServerSettings, waits: boolean): GlusterSource {
  const glusterds = new Glusterds(waits, (_, message) => process.stderr.write(`bricknfs: ${message}\n`));
  return new GlusterSource({ base, glusterds, serverFor: name => serverStanza([{ name, also: [] }], settings) });
}

/** @throws {CliError} the volfile cannot be read @throws {VolfileError} glusterd's volfile is wrong */
export async function readVolfile(source: VolfileSource): Promise<string> {
  try {
    return await source.read();
  } catch (cause) {
    if (cause instanceof VolfileError || cause instanceof CliError) throw cause;
    if (cause instanceof GlusterdError) {
      const isWrong = cause.code === 'NO_VOLUME' || cause.code === 'NO_HOST';
      throw new CliError(cause.message, isWrong ? EXIT.USAGE : EXIT.FAILED, { cause });
    }
    throw new CliError(`cannot read the volfile ${source.name}: ${reasonOf(cause)}`, EXIT.USAGE, { cause });
  }
}

/** What the server of a command that serves nothing would be like. */
const UNSERVED: Generated = {
  names: [],
  host: '127.0.0.1',
  port: 2049,
  squash: 'none',
  anonuid: undefined,
  anongid: undefined,
  readOnly: false,
  insecure: false,
  allow: undefined,
  reject: undefined,
  portmap: false,
};

/** The flags of {@link VOLFILE_OPTIONS} with their values. */
export interface VolfileArguments {
  readonly volfile?: string | undefined;
  readonly 'volfile-server'?: string | undefined;
  readonly 'volfile-id'?: string | undefined;
  readonly 'xlator-option'?: readonly string[] | undefined;
}

/** Whether the flags name a volfile, or volumes of GlusterFS. */
export const namesVolfile = (args: VolfileArguments): boolean =>
  args.volfile !== undefined || args['volfile-server'] !== undefined;

/** Checks the volfile and returns what a server would serve. @throws {VolfileError} {CliError} */
export async function planVolfile(args: VolfileArguments): Promise<Planned> {
  const { volfile, 'volfile-server': servers, 'volfile-id': volumes, 'xlator-option': overrides = [] } = args;
  if (volfile !== undefined && servers !== undefined) throw usageError('expected one of -f and -s, found both');
  const base = servers === undefined ? new VolfileFile(volfile!) : glusterVolfile(servers, volumes, UNSERVED);
  await using source = withGluster(base, UNSERVED, false);
  return await planServer({ text: await readVolfile(source), file: source.name, overrides });
}
