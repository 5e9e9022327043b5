/** The volfile of a mount: that of its source, with `mount/fuse` on top. */
import { realpath, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Glusterds } from '../../../glusterd/glusterds.ts';
import { GlusterSource } from '../../../glusterd/source.ts';
import { GLUSTERD_VOLUME } from '../../../glusterd/wanted.ts';
import { printVolfile, printWithOrigins } from '../../../volfile/print.ts';
import { GeneratedVolfile, VolfileFile, type VolfileSource } from '../../../volfile/source.ts';
import { parseVolfile, type Stanza } from '../../../volfile/volfile.ts';
import { bytesOfText, textOfBytes } from '../../../wire-text.ts';
import { CliError, EXIT, reasonOf, usageError } from '../../failure.ts';

const TOP = 'mount';
const FUSE = 'mount/fuse';
const NFS = 'nfs/server';
const WHERE = GeneratedVolfile.NAME;

export interface MountSettings {
  readonly source: string;
  readonly mountpoint: string;
  /** Options of `mount/fuse`. */
  readonly fuse: ReadonlyMap<string, string>;
  /** Further hosts whose glusterd knows the volume of HOST:/VOLUME. */
  readonly servers: readonly string[];
}

function stanza(name: string, type: string, options: ReadonlyMap<string, string>, below: readonly string[]): Stanza {
  return {
    name,
    type,
    options: new Map([...options].map(([key, value]) => [key, { value, where: WHERE }])),
    subvolumes: below.map(child => ({ name: child, where: WHERE })),
    where: WHERE,
    typeWhere: WHERE,
  };
}

function fuseStanza({ source, mountpoint, fuse }: MountSettings, below: string, taken: readonly string[]): Stanza {
  const options = new Map([['mountpoint', mountpoint], ['fsname', source], ...fuse]);
  return stanza(taken.includes(TOP) ? `${TOP}-${FUSE}` : TOP, FUSE, options, [below]);
}

/** Gives a volfile of the user a `mount/fuse` in place of the masters that it has. */
class MountedVolfile implements VolfileSource {
  readonly name: string;
  readonly fixed = false;
  readonly #settings: MountSettings;

  constructor(settings: MountSettings) {
    this.name = settings.source;
    this.#settings = settings;
  }

  async read(): Promise<string> {
    const stanzas = parseVolfile(await new VolfileFile(this.name).read(), this.name);
    const top = stanzas.at(-1)!;
    const kept = stanzas.filter(({ type }) => type !== NFS && type !== FUSE);
    const isMaster = top.type === NFS || top.type === FUSE;
    const [below, another] = isMaster ? top.subvolumes.map(({ name }) => name) : [top.name];
    if (below === undefined) throw new CliError(`there is no volume in ${this.name} to mount`, EXIT.USAGE);
    if (another !== undefined) {
      const found = top.subvolumes.map(({ name }) => name).join(', ');
      throw new CliError(`expected one volume to mount below ${top.type} in ${this.name}, found ${found}`, EXIT.USAGE);
    }
    const names = kept.map(({ name }) => name);
    return printWithOrigins([...kept, fuseStanza(this.#settings, below, names)]);
  }
}

function ofDirectory(settings: MountSettings, directory: string): GeneratedVolfile {
  const name = basename(directory).replaceAll(/[\p{Cc}\s]/gu, '_') || 'root';
  const brick = `${name}-posix`;
  return new GeneratedVolfile(
    printVolfile([
      stanza(brick, 'storage/posix', new Map([['directory', directory]]), []),
      stanza(name, 'debug/io-stats', new Map(), [brick]),
      fuseStanza({ ...settings, source: directory }, name, [brick, name]),
    ]),
  );
}

function ofVolume(settings: MountSettings, host: string, volume: string): GeneratedVolfile {
  const options = new Map([
    ['volfile-server', [host, ...settings.servers].join()],
    ['volume-id', volume],
  ]);
  return new GeneratedVolfile(
    printVolfile([stanza(volume, GLUSTERD_VOLUME, options, []), fuseStanza(settings, volume, [volume])]),
  );
}

/** The volfile of what the user wants to be mounted. @throws {CliError} it is nothing that can be */
export async function mountVolfile(settings: MountSettings): Promise<GlusterSource> {
  const base = await baseOf(settings);
  const glusterds = new Glusterds(true, (_, line) => process.stderr.write(`bricknfs: ${line}\n`));
  return new GlusterSource({ base, glusterds, serverFor: name => fuseStanza(settings, name, [name]) });
}

async function baseOf(settings: MountSettings): Promise<VolfileSource> {
  const { source } = settings;
  const path = bytesOfText(resolve(source));
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT')
      throw new CliError(`cannot mount ${source}: ${reasonOf(cause)}`, EXIT.USAGE, { cause });
  });
  if (found?.isDirectory() === true) {
    return ofDirectory(settings, textOfBytes(await realpath(path, { encoding: 'buffer' })));
  }
  if (found?.isFile() === true) return new MountedVolfile(settings);
  const [, host, volume] = /^(\[.+\]|[^/:]+):\/?([\w-]+)$/.exec(source) ?? [];
  if (host !== undefined && volume !== undefined) return ofVolume(settings, host, volume);
  throw usageError(`expected a directory, a volfile or HOST:/VOLUME to mount, found ${source}`);
}
