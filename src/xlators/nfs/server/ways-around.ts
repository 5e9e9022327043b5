/** Hosts that are named for a directory and keep nobody out, since another export leads to the same directory. */
import { fromWire } from '../../../wire-text.ts';
import { type Export, isPart } from './exports.ts';

/**
 * One line for each directory whose hosts have no effect: whoever may mount an export above it walks down to it. That is
 * said and not prevented: objects have several names and move, so no look at where a handle's object is would be complete.
 */
export function waysAround(exports: readonly Export[]): string[] {
  return exports.flatMap(inner =>
    exports.filter(outer => isWayAround(outer, inner)).map(outer => warning(outer, inner)),
  );
}

function isWayAround(outer: Export, inner: Export): boolean {
  if (inner.hosts.value === undefined || outer === inner || outer.volume !== inner.volume) return false;
  const isAbove = outer.dir.length < inner.dir.length && outer.dir.every((name, i) => name === inner.dir[i]);
  const named = hostsOf(inner);
  return isAbove && !named.some(isEveryone) && !hostsOf(outer).every(word => named.includes(word));
}

const isEveryone = (word: string): boolean => word === '*' || word.toLowerCase() === 'all';

const hostsOf = ({ hosts, rules }: Export): readonly string[] => (hosts.value ?? rules.allow.value).words;

function warning(outer: Export, inner: Export): string {
  const { option, where } = inner.hosts;
  const [way, directory] = [fromWire(outer.paths[0]!), fromWire(`/${inner.dir.join('/')}`)];
  const whole = `nfs3.export-volumes off (and ${option} with each directory that is to be exported)`;
  const remedy = isPart(outer) ? `the hosts of ${directory} for ${fromWire(`/${outer.dir.join('/')}`)} as well` : whole;
  return (
    `${where}: option ${option}: the hosts named for ${directory} keep nobody out, since ${way} is exported to ` +
    `${hostsOf(outer).join()} and leads down to it: expected ${remedy}`
  );
}
