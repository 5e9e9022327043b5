/** All groups, in the order in which they run. */
import { access } from './calls/access.ts';
import { chmod } from './calls/chmod.ts';
import { chown } from './calls/chown.ts';
import { create } from './calls/create.ts';
import { data } from './calls/data.ts';
import { exec } from './calls/exec.ts';
import { full } from './calls/full.ts';
import { link } from './calls/link.ts';
import { mounts } from './calls/mounts.ts';
import { naming } from './calls/names.ts';
import { open } from './calls/open.ts';
import { paths } from './calls/paths.ts';
import { readdir } from './calls/readdir.ts';
import { remove } from './calls/remove.ts';
import { rename } from './calls/rename.ts';
import { search } from './calls/search.ts';
import { stat } from './calls/stat.ts';
import { symlink } from './calls/symlink.ts';
import { marks } from './calls/times.ts';
import { truncate } from './calls/truncate.ts';
import { unlinked } from './calls/unlinked.ts';
import { utimens } from './calls/utimens.ts';
import type { Group } from './case.ts';

export const GROUPS: readonly Group[] = [
  paths,
  search,
  access,
  stat,
  open,
  create,
  link,
  symlink,
  rename,
  remove,
  chmod,
  chown,
  truncate,
  utimens,
  marks,
  naming,
  readdir,
  data,
  unlinked,
  exec,
  mounts,
  full,
];
