/** Makes the options of `nfs/server` into exports, both where they are served and where a volfile is only examined. */
import { createHash } from 'node:crypto';
import { shown, VolfileError } from '../../../../volfile/volfile-error.ts';
import { toWire } from '../../../../wire-text.ts';
import { PathTree } from '../mount/mount-path.ts';
import { NOBODY, type NfsOptionValues } from '../options.ts';
import type { Export, ExportedVolume, Rule, Trust, VolumeRules } from './exports.ts';
import { HostRules } from './hosts.ts';

/** The options of `nfs/server`, where each of them was set, and where the volfile declares the layer. */
export interface ExportSettings {
  readonly options: NfsOptionValues;
  readonly origins: ReadonlyMap<string, string>;
  readonly where: string;
}

export interface ExportPlan<V extends ExportedVolume = ExportedVolume> {
  readonly exports: readonly Export<V>[];
  /** The exports by the paths they are mounted by. */
  readonly paths: PathTree<Export<V>>;
}

/** What the rules of all volumes are made from. */
interface Source extends ExportSettings {
  readonly allowAll: Rule<HostRules | undefined>;
  readonly rejectAll: Rule<HostRules | undefined>;
}

/**
 * Makes the options of `nfs/server` into the exports of its volumes.
 * @throws {VolfileError} an option cannot be used, or two exports have the same path
 */
export function planExports<V extends ExportedVolume>(volumes: readonly V[], settings: ExportSettings): ExportPlan<V> {
  const { options, where } = settings;
  const allowAll = hostList(options['rpc-auth.addr.allow'], 'rpc-auth.addr.allow', settings);
  const rejectAll = hostList(options['rpc-auth.addr.reject'], 'rpc-auth.addr.reject', settings);
  const exports = volumes.flatMap(volume => {
    const ofVolume = volumeExports(volume, { ...settings, allowAll, rejectAll }); // finds errors of disabled volumes too
    return options['nfs.*.disable'].get(volume.name) ? [] : ofVolume;
  });
  const paths = new PathTree<Export<V>>();
  for (const one of exports) {
    for (const path of one.paths) {
      if (!paths.add(path, one)) throw VolfileError.expected(where, 'each path exported once', path);
    }
  }
  return { exports, paths };
}

function hostList(
  text: string | undefined,
  option: string,
  { options, origins }: ExportSettings,
): Rule<HostRules | undefined> {
  const where = origins.get(option) ?? 'default';
  const value = text === undefined ? undefined : HostRules.parse(text, where);
  if (value !== undefined) checkNames(value, options);
  return { value, option, where };
}

/** Refuses host names in a list if names are not looked up. */
function checkNames({ hasNames, words, where }: HostRules, options: NfsOptionValues): void {
  if (!hasNames || options['rpc-auth.addr.namelookup']) return;
  const expected = 'addresses and networks only, since rpc-auth.addr.namelookup is off';
  throw VolfileError.expected(where, expected, shown(words.join()));
}

/** Makes the exports of one volume: the whole of it, and its directories that are exported on their own. */
function volumeExports<V extends ExportedVolume>(volume: V, source: Source): Export<V>[] {
  const { name } = volume;
  const { options, origins } = source;
  const rules = rulesOf(name, source);
  const exports: Export<V>[] = [];
  const anywhere: Rule<HostRules | undefined> = { value: undefined, option: 'nfs3.*.export-dir', where: 'default' };
  const also = (options['nfs3.*.export-as'].get(name) ?? []).map(toWire);
  const own = `/${toWire(name)}`;
  if (options['nfs3.export-volumes']) {
    exports.push({ id: 0, volume, dir: [], path: '/', paths: [own, ...also], hosts: anywhere, rules });
  }
  const option = `nfs3.${name}.export-dir`;
  const where = origins.get(option) ?? 'default';
  const dirs = options['nfs3.*.export-dir'].get(name);
  for (const { dir, hosts } of dirs ? HostRules.parseDirs(dirs, where) : []) {
    if (hosts) checkNames(hosts, options);
    const names = namesOf(toWire(dir));
    const id = dirId(names);
    const paths = [own, ...also].map(path => [path, ...names].join('/'));
    const other = exports.find(one => one.id === id);
    if (other !== undefined) throw sameId(where, other.path, dir, names);
    const named = { value: hosts, option, where };
    exports.push({ id, volume, dir: names, path: `/${names.join('/')}`, paths, hosts: named, rules });
  }
  return exports;
}

/** The error for two exports with one id: the same directory twice or, seldom, two whose ids are equal by chance. */
function sameId(where: string, path: string, dir: string, names: readonly string[]): VolfileError {
  if (path === `/${names.join('/')}`) return VolfileError.expected(where, 'each directory once', dir);
  // An id is part of all handles of its export, so that none of the two can get another one.
  const expected = 'directories whose ids in file handles differ (rename one, or export it as a volume of its own)';
  return VolfileError.expected(where, expected, `${path} and ${dir}, which have the same`);
}

/** Makes the id of an exported directory (`Export.id`) from its path. It is never 0, which is the whole volume's id. */
function dirId(names: readonly string[]): number {
  const hash = createHash('sha256').update(names.join('/'), 'latin1').digest();
  return Math.max(1, hash.readUInt16BE());
}

/** Splits a path into names, without empty ones and `.`. */
function namesOf(path: string): string[] {
  return path.split('/').filter(name => name !== '' && name !== '.');
}

const isSet = <T>(rule: Rule<T | undefined>): rule is Rule<T> => rule.value !== undefined;

/** Makes the rules of a volume, each from the volume's own option or, if that is not set, from the general one. */
function rulesOf(volume: string, source: Source): VolumeRules {
  const { options: values, origins, allowAll, rejectAll } = source;
  const rule = <T>(value: T, ...options: string[]): Rule<T> => {
    const option = options.find(name => origins.has(name)) ?? options.at(-1)!;
    return { value, option, where: origins.get(option) ?? 'default' };
  };
  const hosts = (option: 'allow' | 'reject'): Rule<HostRules | undefined> => {
    const text = values[`rpc-auth.addr.*.${option}`].get(volume);
    return hostList(text, `rpc-auth.addr.${volume}.${option}`, source);
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
    anonUid: values['nfs3.*.anonuid'].get(volume) ?? NOBODY,
    anonGid: values['nfs3.*.anongid'].get(volume) ?? NOBODY,
    auxGids: values['nfs.server-aux-gids'],
  };
}

function trustOf(volume: string, values: NfsOptionValues): Trust {
  if (values['nfs3.*.trusted-sync'].get(volume)) return 'sync';
  return values['nfs3.*.trusted-write'].get(volume) ? 'write' : 'none';
}
