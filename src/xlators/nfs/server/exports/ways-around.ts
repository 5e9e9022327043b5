/** Finds directories whose lists of hosts have no effect, because another export leads to the same directory. */
import { fromWire } from '../../../../wire-text.ts';
import { type Export, isPart } from './exports.ts';

/**
 * Returns one line for each directory whose hosts have no effect, because every client of an export above it can walk
 * down to it. This is reported and not prevented: objects have several names and move, so no check of where the object
 * of a handle is would be complete.
 */
export function waysAround(exports: readonly Export[]): string[] {
  return exports.flatMap(inner =>
    exports.filter(outer => isWayAround(outer, inner)).map(outer => warning(outer, inner)),
  );
}

/** Whether clients that `inner` does not name can reach its directory through `outer`. */
function isWayAround(outer: Export, inner: Export): boolean {
  if (inner.hosts.value === undefined || outer === inner || outer.volume !== inner.volume) return false;
  const isAbove = outer.dir.length < inner.dir.length && outer.dir.every((name, i) => name === inner.dir[i]);
  const named = hostsOf(inner);
  return isAbove && !named.some(isEveryone) && !hostsOf(outer).every(word => named.includes(word));
}

const isEveryone = (word: string): boolean => word === '*' || word.toLowerCase() === 'all';

const hostsOf = ({ hosts, rules }: Export): readonly string[] => (hosts.value ?? rules.allow.value).words;

/** Says which list has no effect, why, and what to change. */
function warning(outer: Export, inner: Export): string {
  const { option, where } = inner.hosts;
  const [way, directory] = [fromWire(outer.paths[0]!), fromWire(`/${inner.dir.join('/')}`)];
  const whole = `nfs3.export-volumes off (and ${option} with each directory that is to be exported)`;
  const remedy = isPart(outer) ? `the hosts of ${directory} for ${fromWire(`/${outer.dir.join('/')}`)} as well` : whole;
  return (
    `${where}: option ${option}: the hosts named for ${directory} keep no other host out, since ${way} is exported to ` +
    `${hostsOf(outer).join()} and leads down to it: expected ${remedy}`
  );
}
