import { bool, choice, duration, integer, live } from '../../../graph/options.ts';

/** How long nothing must have happened to an inode before its lock is given up, unless another client wants it. */
const timeout = (of: string) =>
  live(duration({ default: 1, min: 1, max: 60 }, `How long the lock on ${of} is kept after the last use.`));

/** The options of `cluster/disperse`. */
export const options = {
  redundancy: integer(
    { required: true, min: 1, max: 15 },
    'How many bricks may be lost. It is less than half of them.',
  ),
  'eager-lock': live(
    bool(
      { default: true },
      'The lock on a file is kept after a call, for the next one, until another client wants it.',
    ),
  ),
  'other-eager-lock': live(bool({ default: true }, 'As eager-lock, for directories and all that is not a file.')),
  'eager-lock-timeout': timeout('a file'),
  'other-eager-lock-timeout': timeout('a directory and all that is not a file'),
  'quorum-count': live(
    integer({ default: 0, min: 0, max: 31 }, 'How many bricks must have a change; 0: as many as hold the data.'),
  ),
  'read-policy': live(
    choice(
      ['gfid-hash', 'round-robin'],
      { default: 'gfid-hash' },
      'Whether each file is read from bricks that its gfid determines, or from all in turn.',
    ),
  ),
  'optimistic-change-log': live(
    bool(
      { default: true },
      'Changes of names and attributes are marked as dirty only after a brick has missed one. Otherwise before each.',
    ),
  ),
  'parallel-writes': live(bool({ default: true }, 'Writes to different parts of a file run at the same time.')),
};
