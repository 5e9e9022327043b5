/** What may be mounted, by whom and as whom: the options of nfs/server made into rules. */
import { createHash } from 'node:crypto';
import { shown, VolfileError } from '../../../../volfile/volfile-error.ts';
import type { Layer } from '../../../../graph/xlator.ts';
import { toWire } from '../../../../wire-text.ts';
import { HostRules } from './hosts.ts';
import { PathTree } from '../mount/mount-path.ts';
import type { NfsOptionValues } from '../options.ts';

export type Squash = 'none' | 'root' | 'all';

/**
 * How far writes are answered as more durable than they are: `write` answers UNSTABLE ones as FILE_SYNC, so that the
 * client never asks for a COMMIT; `sync` makes nothing durable at all, and says it has. A power cut loses data that
 * clients believe safe: only for bricks that cannot lose any, or data that may be lost.
 */
export type Trust = 'none' | 'write' | 'sync';

/** A setting, and where it was made: `file:line`, or `default`. */
export interface Rule<T> {
  readonly value: T;
  readonly option: string;
  readonly where: string;
}

/** The rules that hold for a whole volume. */
export interface VolumeRules {
  readonly authNone: Rule<boolean>;
  readonly authSys: Rule<boolean>;
  /** The lists of rejected hosts: the volume's own, and the one for all volumes. */
  readonly rejects: readonly Rule<HostRules>[];
  readonly allow: Rule<HostRules>;
  readonly insecurePorts: Rule<boolean>;
  readonly readOnly: Rule<boolean>;
  readonly squash: Rule<Squash>;
  readonly trust: Trust;
  readonly anonUid: number;
  readonly anonGid: number;
  readonly auxGids: boolean;
}

export interface Export {
  /** Within the volume: 0 for the whole, else made from the directory's path, so that it stays when others come. */
  readonly id: number;
  readonly volume: string;
  /** The directory's names from the volume's root on, latin1; none for the whole volume. */
  readonly dir: readonly string[];
  /** The same as one path, from `/`. */
  readonly path: string;
  /** The paths it is mounted by, latin1. */
  readonly paths: readonly string[];
  /** Who may mount this directory, besides the volume's rules. */
  readonly hosts: Rule<HostRules | undefined>;
  readonly rules: VolumeRules;
  /** The layer below that refuses every change, if one does. */
  readonly readOnlyBy: Layer | undefined;
}

/** Whether an export is only a part of its volume. */
export const isPart = ({ dir }: Export): boolean => dir.length > 0;

export type Origins = ReadonlyMap<string, string>;

/** The names of a path; empty ones and `.` do not count. */
export function namesOf(path: string): string[] {
  return path.split('/').filter(name => name !== '' && name !== '.');
}

/** The lists that decide on a client's address. */
export function hostRulesOf({ hosts, rules }: Export): HostRules[] {
  const lists = [...rules.rejects.map(({ value }) => value), rules.allow.value, hosts.value];
  return lists.filter(list => list !== undefined);
}

/** Whether anything can be changed through an export, which option or layer decides that, and where it is written. */
export interface AccessMode {
  readonly mode: 'read-write' | 'read-only';
  readonly by: string;
  readonly where: string;
}

export function accessOf({ rules, readOnlyBy }: Export): AccessMode {
  const { readOnly } = rules;
  if (readOnly.value || readOnlyBy === undefined) {
    return { mode: readOnly.value ? 'read-only' : 'read-write', by: readOnly.option, where: readOnly.where };
  }
  const { name, type, where } = readOnlyBy;
  return { mode: 'read-only', by: `volume ${shown(name)}, ${type}`, where };
}

/**
 * Maps the paths by which exports are mounted to the exports. @throws {VolfileError} at `where`: two have the same path
 */
export function pathsOf(exports: readonly Export[], where: string): PathTree<Export> {
  const tree = new PathTree<Export>();
  for (const one of exports) {
    for (const path of one.paths) {
      if (!tree.add(path, one)) throw VolfileError.expected(where, 'each path exported once', path);
    }
  }
  return tree;
}

/** What the rules of all volumes are made from. */
interface Source {
  readonly values: NfsOptionValues;
  readonly origins: Origins;
  readonly allowAll: Rule<HostRules | undefined>;
  readonly rejectAll: Rule<HostRules | undefined>;
}

/**
 * All exports of the volumes.
 * @param readOnlyBy the layer that makes a volume read-only, by the volume's name
 * @throws {VolfileError}
 */
export function exportsOf(
  volumes: readonly string[],
  values: NfsOptionValues,
  origins: Origins,
  readOnlyBy: ReadonlyMap<string, Layer | undefined> = new Map(),
): Export[] {
  const list = (option: 'rpc-auth.addr.allow' | 'rpc-auth.addr.reject') =>
    hostList(values[option], option, origins, values);
  const allowAll = list('rpc-auth.addr.allow');
  const source = { values, origins, allowAll, rejectAll: list('rpc-auth.addr.reject') };
  return volumes.flatMap(volume => {
    const exports = volumeExports(volume, source, readOnlyBy.get(volume)); // finds errors of disabled volumes too
    return values['nfs.*.disable'].get(volume) ? [] : exports;
  });
}

function hostList(
  text: string | undefined,
  option: string,
  origins: Origins,
  values: NfsOptionValues,
): Rule<HostRules | undefined> {
  const where = origins.get(option) ?? 'default';
  const value = text === undefined ? undefined : HostRules.parse(text, where);
  if (value !== undefined) checkNames(value, values);
  return { value, option, where };
}

function checkNames({ hasNames, words, where }: HostRules, values: NfsOptionValues): void {
  if (!hasNames || values['rpc-auth.addr.namelookup']) return;
  const expected = 'addresses and networks only, since rpc-auth.addr.namelookup is off';
  throw VolfileError.expected(where, expected, shown(words.join()));
}

function volumeExports(volume: string, source: Source, readOnlyBy: Layer | undefined): Export[] {
  const { values, origins } = source;
  const rules = rulesOf(volume, source);
  const exports: Export[] = [];
  const anywhere: Rule<HostRules | undefined> = { value: undefined, option: 'nfs3.*.export-dir', where: 'default' };
  const also = (values['nfs3.*.export-as'].get(volume) ?? []).map(toWire);
  const own = `/${toWire(volume)}`;
  if (values['nfs3.export-volumes']) {
    exports.push({ id: 0, volume, dir: [], path: '/', paths: [own, ...also], hosts: anywhere, rules, readOnlyBy });
  }
  const option = `nfs3.${volume}.export-dir`;
  const where = origins.get(option) ?? 'default';
  const dirs = values['nfs3.*.export-dir'].get(volume);
  for (const { dir, hosts } of dirs ? HostRules.parseDirs(dirs, where) : []) {
    if (hosts) checkNames(hosts, values);
    const names = namesOf(toWire(dir));
    const id = dirId(names);
    const paths = [own, ...also].map(path => [path, ...names].join('/'));
    if (exports.some(other => other.id === id)) throw VolfileError.expected(where, 'each directory once', dir);
    const named = { value: hosts, option, where };
    exports.push({ id, volume, dir: names, path: `/${names.join('/')}`, paths, hosts: named, rules, readOnlyBy });
  }
  return exports;
}

function dirId(names: readonly string[]): number {
  const hash = createHash('sha256').update(names.join('/'), 'latin1').digest();
  return Math.max(1, hash.readUInt16BE());
}

const isSet = <T>(rule: Rule<T | undefined>): rule is Rule<T> => rule.value !== undefined;

function rulesOf(volume: string, { values, origins, allowAll, rejectAll }: Source): VolumeRules {
  const rule = <T>(value: T, ...options: string[]): Rule<T> => {
    const option = options.find(name => origins.has(name)) ?? options.at(-1)!;
    return { value, option, where: origins.get(option) ?? 'default' };
  };
  const hosts = (option: 'allow' | 'reject'): Rule<HostRules | undefined> => {
    const text = values[`rpc-auth.addr.*.${option}`].get(volume);
    return hostList(text, `rpc-auth.addr.${volume}.${option}`, origins, values);
  };
  const own = (option: 'auth-null' | 'auth-unix') =>
    rule(
      values[`rpc-auth.${option}.*`].get(volume) ?? values[`rpc-auth.${option}`],
      `rpc-auth.${option}.${volume}`,
      `rpc-auth.${option}.${volume}.allow`,
      `rpc-auth.${option}`,
    );
  const allow = [hosts('allow'), allowAll].find(isSet);
  return {
    authNone: own('auth-null'),
    authSys: own('auth-unix'),
    rejects: [hosts('reject'), rejectAll].filter(isSet),
    allow: allow!, // the general option has a default
    insecurePorts: rule(
      values['rpc-auth.ports.*.insecure'].get(volume) ?? values['rpc-auth.ports.insecure'],
      `rpc-auth.ports.${volume}.insecure`,
      'rpc-auth.ports.insecure',
    ),
    readOnly: rule(values['nfs3.*.volume-access'].get(volume) === 'read-only', `nfs3.${volume}.volume-access`),
    squash: rule(values['nfs3.*.squash'].get(volume) ?? 'none', `nfs3.${volume}.squash`),
    trust: trustOf(volume, values),
    anonUid: values['nfs3.*.anonuid'].get(volume) ?? 65_534,
    anonGid: values['nfs3.*.anongid'].get(volume) ?? 65_534,
    auxGids: values['nfs.server-aux-gids'],
  };
}

function trustOf(volume: string, values: NfsOptionValues): Trust {
  if (values['nfs3.*.trusted-sync'].get(volume)) return 'sync';
  return values['nfs3.*.trusted-write'].get(volume) ? 'write' : 'none';
}
