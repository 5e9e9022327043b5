/** stat(2), lstat(2), fstat(2) and statfs(2). */
import { constants } from 'node:fs';
import * as call from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { BLOCK_DEVICE, CHAR_DEVICE, followed, KINDS, needsOf, TYPE, typeOf } from '../../support/kinds.ts';
import { owner } from '../../support/people.ts';

const { O_NONBLOCK, O_RDONLY } = constants;

function* byKind(): Iterable<Case> {
  for (const kind of KINDS) {
    const target = followed(kind);
    yield {
      name: `a ${kind}`,
      ...needsOf(kind),
      run: box => {
        const path = box.make(kind, 'x');
        const own = box.lstat(path);
        box.is([own.type, own.nlink], [typeOf(kind), kind === 'directory' ? 2 : 1], 'type and links');
        box.is([own.uid, own.gid], [box.by.uid, box.by.gid], 'owner');
        box.is(own.rdev, BigInt(kind === 'block' ? BLOCK_DEVICE : kind === 'char' ? CHAR_DEVICE : 0), 'device number');
        box.is(own.dev, box.lstat(box.dir).dev, 'device');
        if (kind === 'regular') box.is(own.size, 0, 'size');
        const behind = call.stat(path);
        if (target === undefined) return box.is(behind, kind === 'link to itself' ? 'ELOOP' : 'ENOENT', 'stat');
        if (typeof behind === 'string') return box.wrong(`stat: ${behind}`);
        box.is(behind.type, TYPE[target], 'type behind it');
        if (kind !== target) box.is(behind, box.lstat(`${path}.target`), 'what it leads to');
        if (target === 'block' || target === 'socket') return;
        const fd = box.open(path, O_RDONLY | O_NONBLOCK);
        // Opening a fifo may change its atime.
        const { atime: _, ...opened } = box.must(call.fstat(fd));
        const { atime: __, ...found } = behind;
        box.is(opened, found, 'fstat');
      },
    };
    yield {
      name: `inode number of a ${kind}`,
      ...needsOf(kind),
      run: box => {
        const path = box.make(kind, 'x');
        const { ino } = box.lstat(path);
        const other = box.make('regular', 'y');
        box.is(box.lstat(other).ino === ino, false, 'whether another object has the same number');
        box.ok(call.rename(path, box.at('z')), 'rename');
        box.is(box.lstat(box.at('z')).ino, ino, 'after a rename');
      },
    };
  }
}

function* systems(): Iterable<Case> {
  yield {
    name: 'statfs',
    run: box => {
      const found = box.must(call.statfs(box.dir));
      box.is(found.nameMax, 255, 'longest name');
      box.is(
        found.blocks > 0n && found.free <= found.blocks && found.available <= found.free,
        true,
        'whether the blocks add up',
      );
      box.is(found.filesFree <= found.files, true, 'whether the inodes add up');
      for (const kind of ['regular', 'fifo', 'link to directory'] as const) {
        box.is(box.must(call.statfs(box.make(kind))).blocks, found.blocks, `blocks, asked of a ${kind}`);
      }
    },
  };
}

export const stat = group('stat', function* () {
  yield* byBoth(byKind(), owner);
  yield* byBoth(systems(), owner);
});
