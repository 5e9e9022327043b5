/** The options of cluster/replicate, as `gluster volume set` writes them. */
import {
  bool,
  choice,
  duration,
  type ForeignTable,
  integer,
  list,
  live,
  option,
  type OptionValues,
  text,
} from '../../../graph/options.ts';

export const options = {
  'afr-pending-xattr': list(
    text({ default: '' }, 'A name.'),
    { default: [], unset: 'the names of the subvolumes' },
    'The name of each subvolume in the extended attributes that count failures (`trusted.afr.NAME`), in their order.',
  ),
  'arbiter-count': integer(
    { default: 0, min: 0, max: 1 },
    'Whether the last subvolume is an arbiter, which has the names and the counts of failures, but no data.',
  ),
  'quorum-type': live(
    choice(
      ['none', 'auto', 'fixed'],
      { default: undefined, unset: 'auto with more than two subvolumes, else none' },
      'How many subvolumes must be up, and must have done a fop: more than half, or exactly half with the first one (auto); `quorum-count` (fixed); any (none).',
    ),
  ),
  'quorum-count': live(
    integer({ default: undefined, min: 1, max: 30, unset: 'auto' }, 'How many subvolumes are a quorum of type fixed.'),
  ),
  'eager-lock': live(
    bool(
      { default: true },
      'The lock on the data of a file is kept for the writes that follow within `post-op-delay-secs`, and that on the names of a directory for the changes that follow at once, while no other client wants it.',
    ),
  ),
  'post-op-delay-secs': live(
    duration(
      { default: 1, min: 0, max: 2_147_483 },
      'How long the lock on the data of a file is kept after a write. Another client that wants it gets it at once, if the bricks tell of it.',
    ),
  ),
  'ensure-durability': live(
    bool(
      { default: true },
      'Writes that nothing has made durable are made so before the mark is taken away by which a brick that lost them would be found.',
    ),
  ),
  'granular-entry-heal': live(
    bool({ default: true, aliases: ['entry-heal-granular'] }, 'Failures in a directory are recorded by name.'),
  ),
  'choose-local': live(
    bool(
      { default: true },
      'Bricks of this machine, which are reached at an address of its own, are read in preference to others.',
    ),
  ),
  'read-subvolume': live(
    text({ default: undefined, unset: 'none' }, 'The subvolume that is read in preference to others.'),
  ),
  'read-subvolume-index': live(
    integer({ default: -1, min: -1, max: 30, unset: 'none' }, 'The same by its number, from 0; -1 for none.'),
  ),
  'read-hash-mode': live(
    option(
      { default: 1 },
      'a number from 0 to 5',
      'Which subvolume is read: the first that can be (0), or one that the gfid of the file determines (any other).',
      value => (/^[0-5]$/.test(value) ? Number(value) : undefined),
    ),
  ),
};

export type ReplicateOptions = OptionValues<typeof options>;

const byDaemon = 'the self-heal daemon of GlusterFS heals, and clients leave it to that';
const always = 'there is one way to do it here';

export const foreign: ForeignTable = {
  'thin-arbiter': { instead: 'a volume without thin arbiter' },
  'volume-id': { unused: 'the bricks tell to which volume they belong' },
  'use-compound-fops': { unused: always },
  'use-anonymous-inode': { unused: byDaemon },
  'quorum-reads': { unused: 'without a quorum nothing is read' },
  'full-lock': { unused: always },
  'locking-scheme': { unused: always },
  'readdir-failover': { unused: 'a listing goes on at the child where it began' },
  'strict-readdir': { unused: 'a listing goes on at the child where it began' },
  'data-change-log': { unused: 'failures are always recorded' },
  'metadata-change-log': { unused: 'failures are always recorded' },
  'entry-change-log': { unused: 'failures are always recorded' },
  'optimistic-change-log': { unused: always },
  'pre-op-compat': { unused: always },
  '*-self-heal': { unused: byDaemon },
  '*-self-heal-*': { unused: byDaemon },
  'background-self-heal-count': { unused: byDaemon },
  'heal-*': { unused: byDaemon },
  'self-heal-*': { unused: byDaemon },
  'shd-*': { unused: byDaemon },
  'iam-*': { unused: byDaemon },
  'node-uuid': { unused: byDaemon },
  'favorite-child-policy': { unused: 'a split brain is resolved by `gluster volume heal VOL split-brain`' },
  'metadata-splitbrain-forced-heal': { unused: byDaemon },
  'consistent-*': { unused: 'attributes are of a subvolume that is not blamed' },
  'halo-*': { unused: 'all subvolumes of a file are written at the same time' },
  '*-trace': { unused: 'debug/trace shows locks' },
  'afr-dirty-xattr': { unused: 'it is always trusted.afr.dirty' },
};
