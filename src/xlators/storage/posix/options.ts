import { bool, choice, type ForeignTable, integer, path } from '../../../graph/options.ts';

export const posixOptions = {
  directory: path({ required: true }, 'The directory of this machine that the brick serves.'),
  'sync-metadata': bool(
    { default: false },
    'Makes each change of names and attributes durable before it is answered. Otherwise the changes of the last few ' +
      'seconds may be missing after a power failure, though not after a crash of the server.',
  ),
  index: choice(
    ['auto', 'on', 'off'],
    { default: 'auto' },
    "How the brick finds objects again: by the kernel's file handles (off), by an index in the state directory (on), or " +
      "by the index only where the kernel's file handles cannot be opened or do not last (auto).",
  ),
  descriptors: integer(
    { default: 0, min: 0, max: 1_000_000 },
    'The most descriptors that the brick keeps open in each stage. 0 stands for a share of what the process may open.',
  ),
};

/** Options of GlusterFS that limit the modes of new objects. */
export const posixForeign: ForeignTable = {
  'create-mask': { instead: 'a default ACL on the directory (setfacl -d)' },
  'create-directory-mask': { instead: 'a default ACL on the directory (setfacl -d)' },
};
export type PosixOptions = typeof posixOptions;
