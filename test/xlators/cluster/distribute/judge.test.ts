import t from 'tap';
import { FsError, type Errno } from '#src/errno.ts';
import { FileType } from '#src/graph/iatt.ts';
import type { Answer } from '#src/xlators/cluster/distribute/directories/copies.ts';
import { judge } from '#src/xlators/cluster/distribute/names/judge.ts';
import { gfidOf, iattOf } from '../../../support/iatt.ts';

const file = (gfid = 7): Answer => ({ found: { iatt: iattOf({ gfid: gfidOf(gfid) }) } });
const dir: Answer = { found: { iatt: iattOf({ type: FileType.DIR }) } };
const linkto = (to: number, gfid = 7): Answer => ({
  found: {
    iatt: iattOf({ gfid: gfidOf(gfid), mode: 0o1000 }),
    xdata: new Map([['trusted.glusterfs.dht.linkto', Buffer.from(`b${to}\0`)]]),
  },
});
const no = (code: Errno): Answer => ({ error: new FsError(code) });
const none = no('ENOENT');
const down = no('ENOTCONN');

const named = (name: string | undefined) => ['b0', 'b1', 'b2'].indexOf(name ?? '');
const fine = { stale: [], lacksLinkto: false, shadowed: [] };

for (const [title, answers, verdict, repair] of [
  ['nothing anywhere', [none, none, none], { kind: 'nothing' }, {}],
  ['a directory', [dir, dir, none], { kind: 'directory' }, {}],
  ['a directory and a file', [dir, file(), none], { kind: 'conflict' }, {}],
  ['a directory and a linkto file', [dir, linkto(2), none], { kind: 'directory' }, {}],
  ['a file where it belongs', [file(), none, none], { kind: 'file', at: 0 }, {}],
  ['a file elsewhere, pointed to', [linkto(1), file(), none], { kind: 'file', at: 1 }, {}],
  ['a file elsewhere, not pointed to', [none, file(), none], { kind: 'file', at: 1 }, { lacksLinkto: true }],
  [
    'a linkto file to another object',
    [linkto(1, 8), file(), none],
    { kind: 'file', at: 1 },
    { stale: [0], lacksLinkto: true },
  ],
  [
    'a linkto file to another child',
    [linkto(2), file(), none],
    { kind: 'file', at: 1 },
    { stale: [0], lacksLinkto: true },
  ],
  ['a linkto file to a child that is down', [linkto(2), none, down], { kind: 'nothing' }, {}],
  ['a linkto file to a child that is down, and a file', [linkto(2), file(), down], { kind: 'file', at: 1 }, {}],
  ['linkto files alone', [linkto(1), linkto(0), none], { kind: 'nothing' }, { stale: [0, 1] }],
  ['a linkto file to no child', [linkto(9), none, none], { kind: 'nothing' }, { stale: [0] }],
  ['a linkto file where it does not belong', [file(), linkto(0), none], { kind: 'file', at: 0 }, { stale: [1] }],
  ['two files', [file(), file(8), none], { kind: 'file', at: 0 }, { shadowed: [1] }],
  ['two files, one pointed to', [linkto(2), file(8), file()], { kind: 'file', at: 2 }, { shadowed: [1] }],
] as const satisfies readonly (readonly [string, readonly Answer[], object, object])[]) {
  t.test(title, async t => {
    t.strictSame(judge(answers, 0, named), { verdict, repair: { ...fine, ...repair } });
  });
}

t.test('without a range for the name no linkto file is missing', async t => {
  t.strictSame(judge([none, file(), none], -1, named).repair, fine);
});
