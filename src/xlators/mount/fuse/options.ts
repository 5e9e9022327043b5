import { bool, duration, integer, list, option, type OptionValues, path, text } from '../../../graph/options.ts';
import {
  MS_DIRSYNC,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_SYNCHRONOUS,
} from '../../../sys/files/mounts.ts';

/** The flags of mount(2) by their words. */
export const MOUNT_FLAGS: Readonly<Record<string, number>> = {
  ro: MS_RDONLY,
  nosuid: MS_NOSUID,
  nodev: MS_NODEV,
  noexec: MS_NOEXEC,
  sync: MS_SYNCHRONOUS,
  dirsync: MS_DIRSYNC,
  noatime: MS_NOATIME,
  nodiratime: MS_NODIRATIME,
};

const HOUR = 3600;

export const OPTIONS = {
  mountpoint: path({ required: true }, 'The directory on which the volume is mounted.'),
  fsname: text({ default: undefined, unset: 'the name of the volume' }, 'What mount(8) and df(1) show as the source.'),
  'mount-flags': list(
    option<string>({ required: true }, `one of ${Object.keys(MOUNT_FLAGS).join(', ')}`, '', word =>
      Object.hasOwn(MOUNT_FLAGS, word) ? word : undefined,
    ),
    { default: [], max: 16 },
    'Flags of the mount, as mount(8) has them.',
  ),
  'allow-other': bool(
    { default: undefined, unset: 'on for root, off for other users' },
    'Whether other users than the one that mounts may use the mount. For plain users, /etc/fuse.conf must allow it.',
  ),
  'read-only': bool({ default: false }, 'Mounts read-only, so that the kernel refuses every change.'),
  'entry-timeout': duration(
    { default: 1, min: 0, max: HOUR },
    'How long the kernel takes it for granted that a name leads to the same object.',
  ),
  'negative-timeout': duration(
    { default: 0, min: 0, max: HOUR },
    'How long the kernel takes it for granted that a name does not exist.',
  ),
  'attribute-timeout': duration(
    { default: 1, min: 0, max: HOUR },
    'How long the kernel takes it for granted that attributes have not changed.',
  ),
  'direct-io-mode': bool({ default: false }, 'Whether reads and writes pass by the page cache of the kernel.'),
  'fopen-keep-cache': bool(
    { default: false },
    'Whether what the kernel has cached of a file stays cached when the file is opened again.',
  ),
  acl: bool({ default: true }, 'Whether POSIX ACLs can be read and set, and hold.'),
  selinux: bool(
    { default: false },
    'Whether SELinux labels can be read and set. Without them the kernel asks for none of the objects that are listed.',
  ),
  'use-readdirp': bool({ default: true }, 'Whether listings tell the attributes of entries with their names.'),
  'background-qlen': integer(
    { default: 64, min: 1, max: 65_535 },
    'How many requests of the kernel that no program waits for (reading ahead, writing back) may be under way.',
  ),
  'congestion-threshold': integer(
    { default: 48, min: 1, max: 65_535 },
    'From how many such requests on the kernel takes the mount for congested.',
  ),
};

export type FuseOptions = OptionValues<typeof OPTIONS>;

/** What the kernel is told once, when it mounts. */
export const FIXED_OPTIONS: readonly (keyof FuseOptions)[] = [
  'fsname',
  'mount-flags',
  'allow-other',
  'read-only',
  'acl',
  'use-readdirp',
  'background-qlen',
  'congestion-threshold',
];
