/**
 * A file system without free space (ENOSPC) or free inodes, a quota that is reached (EDQUOT), and how writes work again
 * once there is space.
 */
import { constants } from 'node:fs';
import { S_IFIFO } from '#src/sys/constants.ts';
import type { Box } from '../../support/box.ts';
import * as call from '../../support/calls.ts';
import type { Outcome } from '../../support/calls.ts';
import { type Case, group, type Need } from '../../support/case.ts';
import { owner, type Person, root } from '../../support/people.ts';

const { O_CREAT, O_RDWR, O_WRONLY } = constants;
const PIECE = Buffer.alloc(1024 * 1024, 'full');
const PIECES_MAX = 128;
const NAMES_MAX = 5000;
/** A file system may take a moment to give back the space of a removed file. */
const HEALS_WITHIN_S = 20;

/**
 * Writes until a write is refused. Returns the outcome of write, fsync or close, and how many bytes were synced before.
 */
function fill(box: Box, path: string, piece = PIECE): { outcome: Outcome; synced: number } {
  const fd = box.must(call.open(path, O_CREAT | O_WRONLY), 'open');
  let synced = 0;
  let outcome: Outcome = 'OK';
  for (let i = 0; i < PIECES_MAX && outcome === 'OK'; i++) {
    const wrote = call.write(fd, piece);
    if (typeof wrote === 'string') outcome = wrote;
    // After a short write, fsync or the next write tells the reason.
    else outcome = call.fsync(fd);
    if (outcome === 'OK' && typeof wrote === 'number') synced += wrote;
  }
  const closed = call.close(fd);
  return { outcome: outcome === 'OK' ? closed : outcome, synced };
}

/** Fills the file system to its last block: first with large pieces, then with small ones. */
function fillUp(box: Box): { outcome: Outcome; synced: number } {
  const first = fill(box, box.at('large'));
  for (let i = 0; i < 16; i++) {
    if (fill(box, box.at(`small${i}`), PIECE.subarray(0, 4096)).synced === 0) break;
  }
  return first;
}

function checkWhole(box: Box, path: string, synced: number): void {
  const fd = box.open(path, O_RDWR);
  for (let at = 0; at < synced; at += PIECE.length) {
    const length = Math.min(PIECE.length, synced - at);
    const read = box.must(call.pread(fd, length, at));
    if (read !== PIECE.toString('latin1', 0, length)) return box.wrong(`the synced data at ${at} is not there`);
  }
  // A file that is open keeps its blocks after its name is removed.
  box.close(fd);
}

function written(path: string): Outcome {
  const fd = call.open(path, O_CREAT | O_WRONLY);
  if (typeof fd === 'string') return fd;
  const wrote = call.pwrite(fd, 'x'.repeat(65536), 0);
  const synced = typeof wrote === 'string' ? wrote : call.fsync(fd);
  const closed = call.close(fd);
  return synced === 'OK' ? closed : synced;
}

/** Waits until a write works again. */
function heals(box: Box, path: string): void {
  const until = Date.now() + HEALS_WITHIN_S * 1000;
  let outcome: Outcome = 'OK';
  do {
    outcome = written(path);
    if (outcome === 'OK') return;
    box.tick();
  } while (Date.now() < until);
  box.wrong(`${HEALS_WITHIN_S} s after space was freed, a write says ${outcome}`);
}

function* space(need: Need, wanted: Outcome, person: Person): Iterable<Case> {
  const by = `by ${person.name}`;
  yield {
    name: `${wanted}/a write ${by}, and what was there before`,
    needs: [need],
    by: person,
    run: box => {
      const { outcome, synced } = fill(box, box.at('f'));
      box.is(outcome, wanted, 'write, fsync or close');
      if (synced === 0) box.wrong('nothing was written before');
      checkWhole(box, box.at('f'), synced);
      const removed = call.unlink(box.at('f'));
      // A full quota of btrfs, which this may be, can refuse a removal as well, which needs space of its own. Locally,
      // too.
      if (wanted === 'EDQUOT' && removed === 'EDQUOT') return;
      box.is(removed, 'OK', 'unlink');
      heals(box, box.at('g'));
    },
  };
}

/** A write over existing blocks needs no space, except on a file system that never writes in place. */
function* inPlace(person: Person): Iterable<Case> {
  yield {
    name: `ENOSPC/writing over existing data and truncating it by ${person.name}`,
    needs: ['small'],
    by: person,
    run: box => {
      box.is(fill(box, box.at('f')).outcome, 'ENOSPC', 'write, fsync or close');
      const fd = box.open(box.at('f'), O_RDWR);
      box.is(call.pwrite(fd, 'FULL', 0), 4, 'pwrite over existing data');
      box.ok(call.fsync(fd), 'fsync');
      box.close(fd);
      box.ok(call.truncate(box.at('f'), 4096), 'truncate');
      heals(box, box.at('g'));
    },
  };
}

/** Without a free block, calls that need one are refused, and nothing half-made is left. */
function* withoutBlocks(): Iterable<Case> {
  const CALLS: readonly { name: string; run: (path: string) => Outcome; outcome: Outcome }[] = [
    { name: 'mkdir', run: path => call.mkdir(path), outcome: 'ENOSPC' },
    { name: 'a symlink of 1,000 bytes', run: path => call.symlink('x'.repeat(1000), path), outcome: 'ENOSPC' },
    { name: 'a short symlink', run: path => call.symlink('x', path), outcome: 'OK' },
    { name: 'creat', run: path => call.tryOpen(path, O_CREAT | O_WRONLY), outcome: 'OK' },
    { name: 'mkfifo', run: path => call.mknod(path, S_IFIFO | 0o600), outcome: 'OK' },
  ];
  yield {
    name: 'ENOSPC/calls that need a block are refused, others are not',
    except: 'space-of-bricks',
    needs: ['small'],
    run: box => {
      box.is(fillUp(box).outcome, 'ENOSPC', 'write, fsync or close');
      for (const { name, run, outcome } of CALLS) {
        box.is(run(box.at(name)), outcome, name);
        if (outcome === 'OK') box.exists(box.at(name));
        else box.gone(box.at(name));
      }
      box.ok(call.link(box.at('creat'), box.at('link')), 'link');
      box.ok(call.rename(box.at('link'), box.at('renamed')), 'rename');
      box.ok(call.chmod(box.at('creat'), 0o600), 'chmod');
      box.ok(call.truncate(box.at('creat'), 100_000), 'truncate to more, which is a hole');
      box.ok(call.unlink(box.at('large')), 'unlink');
      heals(box, box.at('g'));
      box.ok(call.mkdir(box.at('d')), 'mkdir afterwards');
    },
  };
}

function* withoutInodes(): Iterable<Case> {
  const CALLS: readonly { name: string; run: (path: string) => Outcome }[] = [
    { name: 'creat', run: path => call.tryOpen(path, O_CREAT | O_WRONLY) },
    { name: 'mkdir', run: path => call.mkdir(path) },
    { name: 'mkfifo', run: path => call.mknod(path, S_IFIFO | 0o600) },
    { name: 'symlink', run: path => call.symlink('x', path) },
  ];
  yield {
    name: 'ENOSPC/without inodes',
    except: 'space-of-bricks',
    needs: ['small'],
    run: box => {
      let made = 0;
      while (made < NAMES_MAX && call.symlink('x', box.at(`l${made}`)) === 'OK') made++;
      for (const { name, run } of CALLS) {
        box.is(run(box.at(name)), 'ENOSPC', name);
        box.gone(box.at(name));
      }
      box.ok(call.link(box.at('l0'), box.at('link')), 'link');
      box.ok(call.rename(box.at('l1'), box.at('renamed')), 'rename');
      const statfs = box.must(call.statfs(box.dir));
      box.is(statfs.filesFree, 0n, 'free inodes by statfs');
      box.ok(call.unlink(box.at('l2')), 'unlink');
      box.ok(call.mkdir(box.at('d')), 'mkdir afterwards');
    },
  };
}

export const full = group('full', function* () {
  yield* space('small', 'ENOSPC', root);
  yield* space('small', 'ENOSPC', owner);
  yield* inPlace(root);
  yield* inPlace(owner);
  yield* withoutBlocks();
  yield* withoutInodes();
  yield* space('quota', 'EDQUOT', root);
  yield* space('quota', 'EDQUOT', owner);
});
