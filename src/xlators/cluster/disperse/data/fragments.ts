/** Reads and writes whole stripes of a file, as fragments on the bricks. */
import { type Errno, FsError } from '../../../../errno.ts';
import type { ReadReply, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Iatt } from '../../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { type Bricks, countOf, has, setOf } from '../bricks.ts';
import type { Value } from '../answers/majority.ts';
import { errorWith } from '../answers/iatts.ts';
import { OWN } from '../../../../graph/own-frame.ts';
import type { Held } from '../lock/inode-lock.ts';
import type { Volume } from '../volume.ts';
import { fdAt } from './open-files.ts';

export interface Stripes {
  readonly data: Buffer;
  readonly iatts: readonly Value<Iatt>[];
  readonly xdata: Xdata | undefined;
}

/**
 * Reads stripes of a file from as many good bricks as make the data: `from` and `to` are their first byte and the one
 * after the last. If one fails or answers too little, another is asked in its place.
 */
export async function readStripes(
  volume: Volume,
  frame: Frame,
  fd: Fd,
  held: Held,
  from: number,
  to: number,
  slot: number,
  xdata?: Xdata,
): Promise<Stripes> {
  const { k, codec } = volume;
  const offset = from / k;
  const length = (to - from) / k;
  // How much of the fragment there is: the file ends with a whole stripe.
  const there = Math.min(length, Math.max(0, Math.ceil(held.size / volume.stripe) * (volume.stripe / k) - offset));
  const candidates = volume.readOrder(fd.inode.gfid).filter(index => has(held.good, index));
  const replies: Value<ReadReply>[] = [];
  const errors: { readonly code: Errno; readonly error: unknown }[] = [];
  while (replies.length < k) {
    const next = candidates.splice(0, k - replies.length);
    if (next.length === 0) break;
    const answers = await Promise.all(
      next.map(index =>
        // At the end of the file there is nothing to read, but the attributes are needed.
        volume.askOne(index, child => child.readv(frame, fdAt(fd, slot, index), length, offset, xdata)),
      ),
    );
    for (const answer of answers) {
      if (answer.code !== undefined) errors.push(answer);
      else if (answer.value.data.length < there) errors.push({ code: 'EIO', error: tooShort(volume, answer.brick) });
      else replies.push({ brick: answer.brick, value: answer.value });
    }
  }
  const ordered = replies.toSorted((a, b) => a.brick - b.brick);
  try {
    if (ordered.length < k) throw errorWith(whyOf(volume, errors), held.size);
    const bricks = ordered.map(({ brick }) => brick);
    const fragments = ordered.map(({ value }) => value.data.subarray(0, there));
    return {
      data: there === 0 ? Buffer.alloc(0) : codec.decode(bricks, fragments),
      iatts: ordered.map(({ brick, value }) => ({ brick, value: value.iatt })),
      xdata: ordered[0]!.value.xdata,
    };
  } finally {
    for (const { value } of replies) value.release?.();
  }
}

/**
 * Which of the bricks have these stripes, and whether all of them have the same stripes, whichever. They are compared by
 * all of what they have, since fragments of different data may be equal on single bricks.
 */
export async function whichHave(
  volume: Volume,
  inode: Inode,
  bricks: Bricks,
  from: number,
  stripes: Buffer,
): Promise<{ readonly mine: Bricks; readonly isSame: boolean }> {
  const { k, codec } = volume;
  const length = stripes.length / k;
  const answers = await volume.ask(bricks, child => child.readv(OWN, inode.fd, length, from / k));
  const found = answers.flatMap(({ brick, value }) => {
    if (value === undefined) return [];
    const fragment = Buffer.alloc(length);
    value.data.copy(fragment);
    value.release?.();
    return [{ brick, fragment }];
  });
  const fresh = codec.encode(stripes);
  const mine = setOf(found.filter(({ brick, fragment }) => fragment.equals(fresh[brick]!)).map(({ brick }) => brick));
  const some = found.slice(0, k);
  if (found.length <= k || found.length < countOf(bricks)) return { mine, isSame: false };
  const data = codec.decode(
    some.map(({ brick }) => brick),
    some.map(({ fragment }) => fragment),
  );
  const same = codec.encode(data);
  return { mine, isSame: found.every(({ brick, fragment }) => fragment.equals(same[brick]!)) };
}

function tooShort({ name, children }: Volume, brick: number): FsError {
  return new FsError(
    'EIO',
    `EIO: ${children[brick]!.name} has less of a fragment than the size of the file in ${name}`,
  );
}

/** The error that says most: not that a brick is gone, if another one has refused. */
function whyOf({ k, name }: Volume, errors: readonly { readonly code: Errno; readonly error: unknown }[]): unknown {
  const refusal = errors.find(({ code }) => code !== 'ENOTCONN' && code !== 'EIO');
  if (refusal !== undefined) return refusal.error;
  const isBroken = errors.some(({ code }) => code === 'EIO');
  return isBroken
    ? new FsError('EIO', `EIO: fewer than ${k} bricks of ${name} have the data`)
    : new FsError('ENOTCONN', `ENOTCONN: fewer than ${k} bricks of ${name} with the data are connected`);
}
