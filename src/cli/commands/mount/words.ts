/** The words of `-o`, as mount(8) and mount.glusterfs have them. */
import { didYouMean } from '../../../volfile/did-you-mean.ts';
import { MOUNT_FLAGS, OPTIONS } from '../../../xlators/mount/fuse/options.ts';
import { usageError } from '../../failure.ts';

export interface MountWords {
  /** Options of `mount/fuse` by their names. */
  readonly fuse: ReadonlyMap<string, string>;
  /** NAME.OPTION=VALUE, as --xlator-option has them. */
  readonly overrides: readonly string[];
  readonly logLevel: string | undefined;
  readonly logFile: string | undefined;
  /** Further hosts whose glusterd knows the volume. */
  readonly servers: readonly string[];
}

/** Words that mean what holds anyway, or that are for mount(8) and for what reads /etc/fstab. */
const WITHOUT_EFFECT = new Set(
  [
    'rw suid dev exec async atime diratime relatime norelatime strictatime nostrictatime defaults auto noauto user nouser',
    'users owner group nofail _netdev loud silent default_permissions',
  ].flatMap(words => words.split(' ')),
);
const FOR_OTHERS = /^(?:x-|X-|comment=)/;

/** Words of mount.glusterfs and of FUSE for an option, with the value that a word without one has. */
const OPTION_WORDS: Readonly<Record<string, { readonly option: string; readonly alone?: string }>> = {
  acl: { option: 'acl', alone: 'on' },
  noacl: { option: 'acl', alone: 'off' },
  allow_other: { option: 'allow-other', alone: 'on' },
  'direct-io-mode': { option: 'direct-io-mode' },
  'fopen-keep-cache': { option: 'fopen-keep-cache', alone: 'on' },
  'entry-timeout': { option: 'entry-timeout' },
  'negative-timeout': { option: 'negative-timeout' },
  'attribute-timeout': { option: 'attribute-timeout' },
  selinux: { option: 'selinux', alone: 'on' },
  'use-readdirp': { option: 'use-readdirp' },
  'background-qlen': { option: 'background-qlen' },
  'congestion-threshold': { option: 'congestion-threshold' },
  fsname: { option: 'fsname' },
};

const OTHER_WORDS = [
  'log-level',
  'log-file',
  'xlator-option',
  'backup-volfile-servers',
  'backupvolfile-server',
] as const;

/** Reads what -o was given, once or several times. @throws {CliError} */
export function mountWords(given: readonly string[]): MountWords {
  const fuse = new Map<string, string>();
  const flags: string[] = [];
  const others = new Map<string, string[]>(OTHER_WORDS.map(word => [word, []]));
  for (const word of given.flatMap(one => one.split(',')).filter(one => one !== '')) {
    const at = word.indexOf('=');
    const key = at < 0 ? word : word.slice(0, at);
    const value = at < 0 ? undefined : word.slice(at + 1);
    if (WITHOUT_EFFECT.has(word) || FOR_OTHERS.test(word)) continue;
    if (Object.hasOwn(MOUNT_FLAGS, word)) flags.push(word);
    else if (Object.hasOwn(OPTION_WORDS, key)) setOption(fuse, key, value);
    else if (others.has(key)) others.get(key)!.push(needed(key, value));
    else throw unknown(key);
  }
  if (flags.length > 0) fuse.set('mount-flags', flags.join());
  return {
    fuse,
    overrides: others.get('xlator-option')!,
    logLevel: others.get('log-level')!.at(-1),
    logFile: others.get('log-file')!.at(-1),
    servers: [...others.get('backup-volfile-servers')!, ...others.get('backupvolfile-server')!].flatMap(list =>
      list.split(':'),
    ),
  };
}

function setOption(fuse: Map<string, string>, key: string, value: string | undefined): void {
  const { option, alone } = OPTION_WORDS[key]!;
  const text = value ?? alone;
  if (text === undefined || text === '') throw usageError(`expected a value for -o ${key}, found nothing`);
  const declared = OPTIONS[option as keyof typeof OPTIONS];
  if (declared.parse(text) === undefined)
    throw usageError(`expected ${declared.expected} for -o ${key}, found "${text}"`);
  fuse.set(option, text);
}

function needed(key: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw usageError(`expected a value for -o ${key}, found nothing`);
}

function unknown(key: string) {
  const known = [...WITHOUT_EFFECT, ...Object.keys(MOUNT_FLAGS), ...Object.keys(OPTION_WORDS), ...OTHER_WORDS];
  return usageError(`unknown word -o ${key}${didYouMean(key, known)}`);
}
