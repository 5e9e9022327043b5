/** Runs cases, each in a directory of its own. */
import { Box, Broken, type Places } from './support/box.ts';
import * as call from './support/calls.ts';
import type { Case, Group, Need } from './support/case.ts';
import type { ExceptionId } from './exceptions.ts';
import { as, isRoot, self } from './support/people.ts';

export interface Result {
  readonly id: string;
  /** The problems that were found. Undefined if the case did not run. */
  readonly problems?: readonly string[];
  /** Why the case did not run. */
  readonly lacks?: string;
  readonly except?: ExceptionId;
}

export interface Settings {
  /** The directory in which the cases' own directories are made. */
  readonly dir: string;
  readonly places: Places;
  /** Whether the directories stay afterwards. */
  readonly keep: boolean;
  /** Which of `count` equal parts of the cases is run, counted from 0. */
  readonly part: readonly [index: number, count: number];
}

export class Runner {
  readonly #settings: Settings;
  /** The number of cases so far, whether run by this process or not. */
  #number = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Runs the cases of the group that `wanted` accepts. */
  *run(group: Group, wanted: (id: string) => boolean): Iterable<Result> {
    const [index, count] = this.#settings.part;
    for (const one of group.cases()) {
      const id = `${group.name}/${one.name}`;
      if (!wanted(id)) continue;
      this.#number++;
      // A case that fills a file system must run there alone, so all of these belong to the same part.
      const fills = one.needs?.some(need => need === 'small' || need === 'quota') ?? false;
      if ((fills ? 0 : this.#number % count) !== index) continue;
      const lacks = this.#lacks(one);
      const except = one.except === undefined ? {} : { except: one.except };
      if (lacks !== undefined) yield { id, lacks };
      else yield { id, problems: this.#try(one), ...except };
    }
  }

  #lacks(one: Case): string | undefined {
    const { places } = this.#settings;
    const given: Record<Need, boolean> = {
      root: isRoot,
      other: places.other !== undefined,
      'read-only': places.readOnly !== undefined,
      small: places.small !== undefined,
      quota: places.quota !== undefined,
    };
    const lacking = (one.needs ?? []).filter(need => !given[need]);
    if (one.by !== undefined && one.by !== self && !isRoot && !lacking.includes('root')) lacking.push('root');
    return lacking.length === 0 ? undefined : `needs ${lacking.join(', ')}`;
  }

  #try(one: Case): readonly string[] {
    const { dir, places, keep } = this.#settings;
    const where = one.needs?.includes('small') ? places.small! : one.needs?.includes('quota') ? places.quota! : dir;
    const box = new Box(`${where}/c${this.#number}-${process.pid}`, places);
    try {
      box.must(call.mkdir(box.dir, 0o755), 'mkdir of the case');
      if (one.by !== undefined && isRoot) {
        box.by = one.by;
        if (one.by.uid !== self.uid) box.must(call.chown(box.dir, one.by.uid, one.by.gid), 'chown of the case');
      }
      as(one.by ?? self, () => one.run(box));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      box.wrong(error instanceof Broken ? error.message : (error.stack ?? error.message));
    }
    box.end();
    if (!keep || where !== dir) {
      const left = remove(box.dir);
      if (left !== 'OK') box.wrong(`cannot be removed: ${left}`);
    }
    return box.problems;
  }
}

/** Removes a whole tree, whatever the modes of its directories. */
function remove(path: string): call.Outcome {
  const first = call.rmdir(path);
  if (first === 'ENOTDIR') return call.unlink(path);
  if (first !== 'ENOTEMPTY') return first;
  let names = call.readdir(path);
  if (names === 'EACCES') {
    call.chmod(path, 0o700);
    names = call.readdir(path);
  }
  if (typeof names === 'string') return names;
  for (const name of names) {
    if (name === '.' || name === '..') continue;
    const child = `${path}/${name}`;
    let result = call.unlink(child);
    if (result === 'EACCES') {
      call.chmod(path, 0o700);
      result = call.unlink(child);
    }
    if (result === 'EISDIR') result = remove(child);
    if (result !== 'OK') return result;
  }
  return call.rmdir(path);
}
