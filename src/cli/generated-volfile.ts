/** The volfiles of `serve DIR…` and `serve -s`: what one would write by hand for them. */
import { realpathSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type Setting, type Stanza } from '../volfile/volfile.ts';
import { printVolfile } from '../volfile/print.ts';
import { HostRules } from '../xlators/nfs/server/exports/hosts.ts';
import { bytesOfText, textOfBytes } from '../wire-text.ts';
import { GLUSTERD_VOLUME } from '../glusterd/wanted.ts';
import { usageError } from './failure.ts';

/** How the server is to serve its volumes. */
export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly squash: 'none' | 'root' | 'all';
  readonly anonuid: number | undefined;
  readonly anongid: number | undefined;
  readonly readOnly: boolean;
  readonly insecure: boolean;
  readonly allow: string | undefined;
  readonly reject: string | undefined;
  readonly portmap: boolean;
}

export interface Generated extends ServerSettings {
  readonly names: readonly string[];
}

/** The name of the volume at the top of the graph, for --xlator-option. */
const TOP = 'nfs-server';

interface Volume {
  readonly name: string;
  /**
   * Further paths besides `/NAME` by which clients can mount the directory: its own path, and the name and path of a
   * symbolic link to it.
   */
  readonly also: readonly string[];
}

interface Served extends Volume {
  /** Absolute, without symbolic links. */
  readonly dir: string;
}

/** @throws {CliError} a directory or a name cannot be used */
export function generateVolfile(dirs: readonly string[], wanted: Generated): string {
  if (wanted.names.length > dirs.length) {
    throw usageError(`expected at most one --name for each directory: ${dirs.length}, found ${wanted.names.length}`);
  }
  const served = dirs.map((dir, i) => servedOf(dir, wanted.names[i]));
  checkNames(served);
  shareAliases(served);
  const stanzas = served.flatMap(({ name, dir }) => [
    stanza(brickOf(name), 'storage/posix', { directory: dir }, []),
    stanza(name, 'debug/io-stats', {}, [brickOf(name)]),
  ]);
  return printVolfile([...stanzas, serverStanza(served, wanted)]);
}

/**
 * The volfile of `serve -s`: the volumes that glusterd on one of `servers` knows, each under the name at the same place
 * in `names`, or else its own.
 * @throws {CliError}
 */
export function generateGlusterVolfile(servers: string, volumes: readonly string[], wanted: Generated): string {
  if (wanted.names.length > volumes.length) {
    throw usageError(`expected at most one --name for each volume: ${volumes.length}, found ${wanted.names.length}`);
  }
  const served = volumes.map((volume, i) => ({ name: wanted.names[i] ?? volume.replace(/^\//, ''), volume, also: [] }));
  const names = served.map(({ name }) => name);
  const twice = [...names, TOP].find((name, i, all) => all.indexOf(name) !== i);
  if (twice !== undefined) {
    throw usageError(`two volumes would be called "${twice}"; name the volumes with --name`);
  }
  const stanzas = served.map(({ name, volume }) =>
    stanza(name, GLUSTERD_VOLUME, { 'volfile-server': servers, 'volume-id': volume }, []),
  );
  return printVolfile([...stanzas, serverStanza(served, wanted)]);
}

/** The top of the graph. @throws {CliError} a list of hosts is wrong */
export function serverStanza(volumes: readonly Volume[], wanted: ServerSettings): Stanza {
  for (const list of ['allow', 'reject'] as const) {
    const text = wanted[list];
    if (text !== undefined) HostRules.parse(text, `--${list}`);
  }
  const names = volumes.map(({ name }) => name);
  return stanza(TOP, 'nfs/server', topOptions(volumes, wanted), names);
}

const brickOf = (name: string) => `${name}-posix`;

function servedOf(given: string, name: string | undefined): Served {
  const dir = directory(given);
  const chosen = name ?? (basename(dir) || 'root');
  const bad = /[\p{Cc}/]/u.test(chosen) || chosen !== chosen.trim() || chosen === '.' || chosen === '..';
  if (bad || chosen === '' || bytesOfText(chosen).length > 255) {
    const expected = 'a volume name of 1 to 255 bytes, without slashes, control characters and spaces at its ends';
    throw usageError(`expected ${expected}, found ${JSON.stringify(chosen)}; --name gives another`);
  }
  const link = linkPath(given, dir);
  const names = name === undefined && link !== undefined ? [`/${basename(link)}`] : [];
  const also = [dir, ...names, ...(link === undefined ? [] : [link])].filter(path => canExportAs(path, chosen));
  return { name: chosen, dir, also: [...new Set(also)] };
}

/**
 * Whether the path can be written in the volfile as an export. A comma would end it there, and control characters and
 * spaces at an end cannot be written.
 */
const canExportAs = (path: string, name: string): boolean =>
  path !== '/' && path !== `/${name}` && !/[,\p{Cc}]/u.test(path) && path === path.trim();

/**
 * Returns the absolute path given by the user if it leads to `dir` through symbolic links. Clients are then shown
 * `/srv/current`, not the release that it points to today.
 */
function linkPath(given: string, dir: string): string | undefined {
  const path = resolve(given);
  // The kernel resolves `..` after a link differently from `resolve`, which only edits the text.
  return path === dir || realDirectory(path) !== dir ? undefined : path;
}

function realDirectory(path: string): string | undefined {
  try {
    return textOfBytes(realpathSync.native(bytesOfText(path), 'buffer'));
  } catch {
    return undefined;
  }
}

/** Absolute, without symbolic links: the same however it was written. */
function directory(given: string): string {
  let dir: string;
  try {
    const bytes = bytesOfText(given);
    if (!statSync(bytes).isDirectory()) throw usageError(`expected a directory, but ${given} is not one`);
    dir = textOfBytes(realpathSync.native(bytes, 'buffer'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw usageError(`cannot serve ${given}: ${whyNot(code, given)}`);
  }
  // Such a path cannot be written in a volfile, which consists of lines of words.
  if (/\p{Cc}/u.test(dir) || dir !== dir.trim()) {
    throw usageError(`cannot serve ${JSON.stringify(dir)}: its path has a control character, or a space at an end`);
  }
  return dir;
}

function whyNot(code: string, given: string): string {
  if (code !== 'ENOENT') return `it cannot be examined (${code})`;
  if (!given.includes('\ufffd')) return 'there is no such directory';
  return 'there is no such directory; npm garbles names that are not UTF-8, so call bin/bricknfs itself';
}

/**
 * Drops aliases by which two directories would be mounted, and those that are the name of another directory. A
 * directory always keeps its own path.
 */
function shareAliases(served: Served[]): void {
  const wanted = new Map<string, number>();
  for (const { also } of served) for (const path of also) wanted.set(path, (wanted.get(path) ?? 0) + 1);
  const own = new Set(served.map(({ name }) => `/${name}`));
  for (const [i, one] of served.entries()) {
    const also = one.also.filter(path => path === one.dir || (wanted.get(path) === 1 && !own.has(path)));
    served[i] = { ...one, also };
  }
}

/** Refuses equal names. None is made up: it identifies a volume in file handles, so it must stay the same. */
function checkNames(served: readonly Served[]): void {
  const taken = new Map([[TOP, 'the server itself']]);
  for (const { name, dir } of served) {
    for (const volume of [name, brickOf(name)]) {
      const other = taken.get(volume);
      if (other !== undefined) {
        throw usageError(`${dir} and ${other} would both be called "${volume}"; name the directories with --name`);
      }
      taken.set(volume, dir);
    }
  }
}

function topOptions(served: readonly Volume[], wanted: ServerSettings): Record<string, string> {
  const onOff = (is: boolean) => (is ? 'on' : 'off');
  const options: Record<string, string> = {
    'nfs.bind-address': wanted.host,
    'nfs.port': `${wanted.port}`,
    'rpc.register-with-portmap': onOff(wanted.portmap),
    'rpc-auth.ports.insecure': onOff(wanted.insecure),
  };
  if (wanted.allow !== undefined) options['rpc-auth.addr.allow'] = wanted.allow;
  if (wanted.reject !== undefined) options['rpc-auth.addr.reject'] = wanted.reject;
  for (const { name, also } of served) {
    if (also.length > 0) options[`nfs3.${name}.export-as`] = also.join();
    if (wanted.readOnly) options[`nfs3.${name}.volume-access`] = 'read-only';
    if (wanted.squash !== 'none') options[`nfs3.${name}.squash`] = wanted.squash;
    if (wanted.anonuid !== undefined) options[`nfs3.${name}.anonuid`] = `${wanted.anonuid}`;
    if (wanted.anongid !== undefined) options[`nfs3.${name}.anongid`] = `${wanted.anongid}`;
  }
  return options;
}

function stanza(name: string, type: string, options: Record<string, string>, below: readonly string[]): Stanza {
  const where = 'generated';
  const settings = Object.entries(options).map(([key, value]): [string, Setting] => [key, { value, where }]);
  const subvolumes = below.map(child => ({ name: child, where }));
  return { name, type, options: new Map(settings), subvolumes, where, typeWhere: where };
}
