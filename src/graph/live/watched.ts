import { FsError } from '../../errno.ts';
import { ALL_FOPS, ARITY } from '../fops/arity.ts';
import type { Xlator } from '../xlator.ts';
import type { BrickWatch } from './brick-watch.ts';

type AnyFop = (...args: unknown[]) => unknown;

/**
 * For each fop a function that wraps it in a watched one. Each is compiled separately for the one fop that it calls,
 * since a shared function costs twice as much.
 */
const WATCHED = Object.fromEntries(
  ALL_FOPS.map(fop => {
    const args = Array.from({ length: ARITY[fop] }, (_, i) => `a${i}`).join(', ');
    const source = `return function ${fop}(${args}) {
      if (!watch.enter()) return refuse();
      try {
        return run.call(brick, ${args});
      } finally {
        watch.leave();
      }
    };`;
    // oxlint-disable-next-line typescript/no-implied-eval -- made of our own table
    return [fop, new Function('run', 'brick', 'watch', 'refuse', source)];
  }),
) as Record<string, (run: AnyFop, brick: Xlator, watch: BrickWatch, refuse: () => Promise<never>) => AnyFop>;

/** Wraps the fops of a brick so that their synchronous part is watched. */
export function watched(brick: Xlator, watch: BrickWatch): void {
  const own = brick as unknown as Record<string, AnyFop>;
  const refuse = () => Promise.reject(new FsError('EJUKEBOX', `${brick.name} does not answer`));
  for (const fop of ALL_FOPS) own[fop] = WATCHED[fop]!(own[fop]!, brick, watch, refuse);
  const volumeId = brick.volumeId.bind(brick);
  brick.volumeId = () => (watch.ready && !watch.hangs ? watch.during(volumeId) : refuse());
  const forget = brick.forget.bind(brick);
  brick.forget = inode => watch.during(() => forget(inode));
  const release = brick.release.bind(brick);
  brick.release = fd => watch.during(() => release(fd));
}
