/** Makes the attributes of an object of those that bricks answer: of its fragments, with clocks of their own. */
import { FopError } from '../../../../graph/fops.ts';
import { FileType, type Iatt, type Wcc, isLater } from '../../../../graph/iatt.ts';
import type { Note } from '../../../../graph/note.ts';
import type { Volume } from '../volume.ts';
import type { Value } from './majority.ts';

/**
 * The attributes of the object. Only the bricks that it is read from first count, however many have answered: with the
 * others now and then, its times would change to and fro.
 * @param size of a file; an object of any other type has the size that the bricks say
 */
export function mergedIatt(volume: Volume, values: readonly Value<Iatt>[], size: number): Iatt {
  const order = volume.order(values[0]!.value.gfid);
  const byOrder = values.toSorted((a, b) => order.indexOf(a.brick) - order.indexOf(b.brick)).slice(0, volume.k);
  const [first] = byOrder;
  let { atime, atimeNsec, mtime, mtimeNsec, ctime, ctimeNsec, used } = first!.value;
  for (const { value } of byOrder.slice(1)) {
    if (isLater(value.atime, value.atimeNsec, atime, atimeNsec)) ({ atime, atimeNsec } = value);
    if (isLater(value.mtime, value.mtimeNsec, mtime, mtimeNsec)) ({ mtime, mtimeNsec } = value);
    if (isLater(value.ctime, value.ctimeNsec, ctime, ctimeNsec)) ({ ctime, ctimeNsec } = value);
    used += value.used;
  }
  const { memo: _memo, notes: _notes, ...iatt } = first!.value;
  const notes = joinedNotes(values.map(({ value }) => value.notes));
  return {
    ...iatt,
    atime,
    atimeNsec,
    mtime,
    mtimeNsec,
    ctime,
    ctimeNsec,
    size: iatt.type === FileType.REG ? size : iatt.size,
    used: Math.ceil((used * volume.k) / byOrder.length),
    ...(notes && { notes }),
  };
}

/** The notes of several children in one list. */
export function joinedNotes(lists: readonly (Note | undefined)[]): Note | undefined {
  let joined: Note | undefined;
  for (const list of lists) {
    for (let note = list; note !== undefined; note = note.next) {
      joined = { slot: note.slot, value: note.value, next: joined };
    }
  }
  return joined;
}

/** The attributes before and after a change; sizes are those of a file. */
export function mergedWcc(volume: Volume, values: readonly Value<Wcc>[], before: number, after: number): Wcc {
  const of = (part: 'before' | 'after', size: number): Iatt | undefined => {
    const known = values.flatMap(({ brick, value }) => {
      const iatt = value[part];
      return iatt === undefined ? [] : [{ brick, value: iatt }];
    });
    return known.length === 0 ? undefined : mergedIatt(volume, known, size);
  };
  return { before: of('before', before), after: of('after', after) };
}

/** The error of a brick, for those above: attributes in it say the size of the file, which has not changed. */
export function errorWith(error: unknown, size: number): unknown {
  if (!(error instanceof FopError)) return error;
  const sized = (iatt: Iatt | undefined): Iatt | undefined => (iatt?.type === FileType.REG ? { ...iatt, size } : iatt);
  const wcc = ({ before, after }: Wcc): Wcc => ({ before: sized(before), after: sized(after) });
  return new FopError(error.code, error.message, wcc(error.wcc), error.toWcc && wcc(error.toWcc), error.xdata);
}
