/** What the kinds of operations need of the lock. */
import type { Wish } from './lock/events.ts';

const EVERYTHING = { from: 0, to: Infinity };

/** Reads attributes or names, of which the bricks with the present content must be known. */
export const LOOK: Wish = {
  ...EVERYTHING,
  exclusive: false,
  info: true,
  change: 'nothing',
  marks: false,
  flush: false,
};
/** Writes what only this process knows of a file. */
export const FLUSH: Wish = {
  from: 0,
  to: 0,
  exclusive: false,
  info: false,
  change: 'nothing',
  marks: false,
  flush: true,
};
/** Changes names in a directory, whichever. */
export const NAMES: Wish = { ...EVERYTHING, exclusive: true, info: false, change: 'data', marks: false, flush: false };

/** Changes attributes. Only files have a size and a config, by which good bricks are known. */
export const attributes = (isFile: boolean): Wish => ({
  ...EVERYTHING,
  exclusive: true,
  info: isFile,
  change: 'metadata',
  marks: false,
  flush: false,
});

/** Reads bytes of a file. */
export const reading = (from: number, to: number): Wish => ({ ...LOOK, from, to });
/** Changes bytes of a file. */
export const writing = (from: number, to: number): Wish => ({
  from,
  to,
  exclusive: true,
  info: true,
  change: 'data',
  marks: true,
  flush: false,
});

/** Changes one name in a directory. Other names may be changed at the same time: a range stands for those of a hash. */
export function ofName(name: string): Wish {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) >>> 0;
  return { ...NAMES, from: hash, to: hash + 1 };
}
