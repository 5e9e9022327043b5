import { ACCESS3, nfsstat3 } from '#protocols/nfs3/constants.ts';
import { ACCESS3args, ACCESS3res } from '#protocols/nfs3/object.ts';
import { Access } from '#src/graph/fops.ts';
import { FileType, isStored } from '#src/graph/iatt.ts';
import { nfs3Actor } from '../actor.ts';
import { postOpAfter, toFattr3 } from '../attributes.ts';

const { READ, WRITE, EXECUTE } = Access;

/** For each bit of ACCESS3, what access(2) must grant. */
type Needs = readonly (readonly [bit: number, mask: number])[];

/** RFC 1813, 3.3.4. Entries can be changed only by a caller that may also search the directory. */
const OF_DIRECTORIES: Needs = [
  [ACCESS3.READ, READ],
  [ACCESS3.LOOKUP, EXECUTE],
  [ACCESS3.MODIFY, WRITE | EXECUTE],
  [ACCESS3.EXTEND, WRITE | EXECUTE],
  [ACCESS3.DELETE, WRITE | EXECUTE],
];
const OF_OTHERS: Needs = [
  [ACCESS3.READ, READ],
  [ACCESS3.MODIFY, WRITE],
  [ACCESS3.EXTEND, WRITE],
  [ACCESS3.EXECUTE, EXECUTE],
];
/** The bits that a read-only export does not grant. */
const CHANGES = ACCESS3.MODIFY | ACCESS3.EXTEND | ACCESS3.DELETE;

export const access = nfs3Actor({
  name: 'ACCESS',
  args: ACCESS3args,
  res: ACCESS3res,
  idempotent: true,
  changes: false,
  handle: args => args.object,

  async run(nfs, at, args) {
    const asked = at.readOnly && isStored(at.inode.type) ? args.access & ~CHANGES : args.access;
    const needs = at.inode.type === FileType.DIR ? OF_DIRECTORIES : OF_OTHERS;
    let mask = 0;
    for (const [bit, need] of needs) if (asked & bit) mask |= need;
    const { granted, iatt } = await at.volume.top.access(at.frame, at.inode, mask);
    let allowed = 0;
    for (const [bit, need] of needs) if (asked & bit && (granted & need) === need) allowed |= bit;
    return { status: nfsstat3.NFS3_OK, obj_attributes: iatt && toFattr3(nfs, iatt), access: allowed };
  },

  async failed(nfs, status, at, error) {
    return { status, obj_attributes: await postOpAfter(nfs, at, error) };
  },
});
