/** All groups of cases, in the order in which they run. */
import { access } from './cases/attributes/access.ts';
import { chmod } from './cases/attributes/chmod.ts';
import { chown } from './cases/attributes/chown.ts';
import { create } from './cases/entries/create.ts';
import { data } from './cases/files/data.ts';
import { exec } from './cases/files/exec.ts';
import { full } from './cases/files/full.ts';
import { link } from './cases/entries/link.ts';
import { mounts } from './cases/entries/mounts.ts';
import { naming } from './cases/entries/names.ts';
import { open } from './cases/files/open.ts';
import { paths } from './cases/entries/paths.ts';
import { readdir } from './cases/entries/readdir.ts';
import { remove } from './cases/entries/remove.ts';
import { rename } from './cases/entries/rename.ts';
import { search } from './cases/entries/search.ts';
import { stat } from './cases/attributes/stat.ts';
import { symlink } from './cases/entries/symlink.ts';
import { marks } from './cases/attributes/times.ts';
import { truncate } from './cases/files/truncate.ts';
import { unlinked } from './cases/files/unlinked.ts';
import { utimens } from './cases/attributes/utimens.ts';
import type { Group } from './support/case.ts';

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
