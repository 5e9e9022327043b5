/** The volfile of `serve DIR…`: what one would write by hand for these directories. */
import { realpathSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { printVolfile, type Setting, type Stanza } from '../graph/volfile.ts';
import { HostRules } from '../xlators/nfs/server/hosts.ts';
import { usageError } from './failure.ts';

export interface Generated {
  readonly names: readonly string[];
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

/** How the top of the graph is called, for --xlator-option. */
export const TOP = 'nfs-server';

interface Served {
  readonly name: string;
  readonly dir: string;
}

/** @throws {CliError} a directory or a name is none */
export function generateVolfile(dirs: readonly string[], wanted: Generated): string {
  if (wanted.names.length > dirs.length) {
    throw usageError(`expected at most one --name for each directory: ${dirs.length}, found ${wanted.names.length}`);
  }
  for (const list of ['allow', 'reject'] as const) {
    const text = wanted[list];
    if (text !== undefined) HostRules.parse(text, `--${list}`);
  }
  const served = dirs.map((dir, i) => servedOf(dir, wanted.names[i]));
  checkNames(served);
  const stanzas = served.flatMap(({ name, dir }) => [
    stanza(brickOf(name), 'storage/posix', { directory: dir }, []),
    stanza(name, 'debug/io-stats', {}, [brickOf(name)]),
  ]);
  const top = stanza(
    TOP,
    'nfs/server',
    topOptions(served, wanted),
    served.map(({ name }) => name),
  );
  return printVolfile([...stanzas, top]);
}

const brickOf = (name: string) => `${name}-posix`;

function servedOf(given: string, name: string | undefined): Served {
  const dir = directory(given);
  const chosen = name ?? (basename(dir) || 'root');
  const bad = /[\p{Cc}/]/u.test(chosen) || chosen !== chosen.trim() || chosen === '.' || chosen === '..';
  if (bad || chosen === '' || Buffer.byteLength(chosen) > 255) {
    const expected = 'a volume name of 1 to 255 bytes, without slashes, control characters and spaces at its ends';
    throw usageError(`expected ${expected}, found ${JSON.stringify(chosen)}; --name gives another`);
  }
  return { name: chosen, dir };
}

/** Absolute, without symbolic links: the same however it was written. */
function directory(given: string): string {
  let dir: string;
  try {
    if (!statSync(given).isDirectory()) throw usageError(`expected a directory, but ${given} is none`);
    dir = realpathSync(given);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const why = code === 'ENOENT' ? 'there is no such directory' : `it cannot be looked at (${code})`;
    throw usageError(`cannot serve ${given}: ${why}`);
  }
  // A volfile is lines of words: such a path cannot be said in it.
  if (/\p{Cc}/u.test(dir) || dir !== dir.trim()) {
    throw usageError(`cannot serve ${JSON.stringify(dir)}: its path has a control character, or a space at an end`);
  }
  return dir;
}

/** A name tells the volume in file handles, so none is made up: which would be whose may be another after a restart. */
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

function topOptions(served: readonly Served[], wanted: Generated): Record<string, string> {
  const onOff = (is: boolean) => (is ? 'on' : 'off');
  const options: Record<string, string> = {
    'nfs.bind-address': wanted.host,
    'nfs.port': `${wanted.port}`,
    'rpc.register-with-portmap': onOff(wanted.portmap),
    'rpc-auth.ports.insecure': onOff(wanted.insecure),
  };
  if (wanted.allow !== undefined) options['rpc-auth.addr.allow'] = wanted.allow;
  if (wanted.reject !== undefined) options['rpc-auth.addr.reject'] = wanted.reject;
  for (const { name, dir } of served) {
    // A comma would end the path; such a directory is mounted by its name.
    if (!dir.includes(',') && dir !== '/' && dir !== `/${name}`) options[`nfs3.${name}.export-as`] = dir;
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
