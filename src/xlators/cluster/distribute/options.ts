/** The options of cluster/distribute, as `gluster volume set` writes them. */
import {
  bool,
  choice,
  type ForeignTable,
  integer,
  list,
  live,
  option,
  type OptionValues,
  percent,
  size,
  text,
} from '../../../graph/options.ts';
import { fromPosix } from './layout/munge.ts';

/** How much of a subvolume must stay free: a share of it, or so many bytes. */
export type MinFree = { readonly percent: number } | { readonly bytes: number };

const share = percent({ default: 0 }, '');
const bytes = size({ default: 0, min: 0, max: 2 ** 53 - 1 }, '');

function parseMinFree(value: string): MinFree | undefined {
  // GlusterFS takes a bare number up to 100 for a percentage.
  const parsed = share.parse(value);
  if (parsed !== undefined) return { percent: parsed };
  const count = bytes.parse(value);
  return count === undefined ? undefined : { bytes: count };
}

const showMinFree = (free: MinFree): string => ('percent' in free ? `${free.percent}%` : `${free.bytes}`);

const pattern = (doc: string) =>
  option({ default: undefined }, "a regular expression of POSIX's extended syntax, or none", doc, value =>
    value === 'none' || fromPosix(value) !== undefined ? value : undefined,
  );

export const options = {
  'lookup-optimize': live(
    bool(
      { default: true },
      'A name that is not where it belongs is taken for missing, unless the layout of the directory was changed since the last rebalance. Saves a question to each subvolume.',
    ),
  ),
  'lookup-unhashed': live(
    choice(
      ['on', 'off', 'auto', 'yes', 'no', 'true', 'false', 'enable', 'disable', '1', '0'],
      { default: 'on' },
      'Without `lookup-optimize`: whether a name that is not where it belongs is looked for on all subvolumes.',
    ),
  ),
  'min-free-disk': live(
    option(
      { default: { percent: 10 } as MinFree },
      'a percentage, or a size in bytes such as 10GB',
      'New files go to another subvolume when less than this is free where they belong.',
      parseMinFree,
      showMinFree,
    ),
  ),
  'min-free-inodes': live(percent({ default: 5 }, 'The same for inodes.')),
  'directory-layout-spread': live(
    integer(
      { default: 0, min: 0, max: 0xffff, unset: 'all', aliases: ['subvols-per-directory'] },
      'The files of a new directory are spread over so many subvolumes; 0 for all.',
    ),
  ),
  'decommissioned-bricks': live(
    list(
      text({ required: true }, 'The name of a subvolume.'),
      { default: [] as readonly string[] },
      'Subvolumes that are being emptied: new directories give them nothing.',
    ),
  ),
  'rsync-hash-regex': live(
    pattern('Names that match are placed as the part in parentheses; unset, names of temporary files of rsync are.'),
  ),
  'extra-hash-regex': live(pattern('As `rsync-hash-regex`, and tried before it.')),
  'weighted-rebalance': live(bool({ default: true }, 'Larger subvolumes get more of a new directory.')),
};

export type Settings = OptionValues<typeof options>;

export const foreign: ForeignTable = {
  'unhashed-sticky-bit': { unused: 'files are shown with their own modes' },
  'use-readdirp': { unused: 'attributes are always asked for' },
  'assert-no-child-down': { unused: 'the server goes on without a subvolume' },
  'readdir-optimize': { unused: 'directories are listed where they belong' },
  'xattr-name': { unused: 'the attributes have the names that all clients use' },
  'randomize-hash-range-by-gfid': { unused: 'new directories always begin at a subvolume that their gfid chooses' },
  'rebal-throttle': { unused: 'the rebalance daemon moves files' },
  'rebalance-*': { unused: 'the rebalance daemon moves files' },
  'lock-migration': { unused: 'the rebalance daemon moves files' },
  'force-migration': { unused: 'the rebalance daemon moves files' },
  'ensure-durability': { unused: 'the rebalance daemon moves files' },
  'commit-hash': { unused: 'the rebalance daemon moves files' },
  'node-uuid': { unused: 'the rebalance daemon moves files' },
};
