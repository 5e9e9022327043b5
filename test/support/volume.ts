import type { Xlator } from '#src/graph/xlator.ts';
import { InodeTable } from '#src/inode/table.ts';
import { ReaddirAhead } from '#src/master/readdir-ahead/readdir-ahead.ts';
import type { Volume } from '#src/master/volume.ts';
import { WriteVerifiers } from '#src/master/write-verifiers.ts';

/** A volume over `top`, as a master has it, with an inode table of its own. */
export function volumeOver(top: Xlator): Volume {
  const { name } = top;
  const table = new InodeTable({ limit: 100 });
  const ahead = new ReaddirAhead(top, table, 1);
  return { name, top, tree: undefined, table, verifier: new WriteVerifiers().of(name), ahead };
}
