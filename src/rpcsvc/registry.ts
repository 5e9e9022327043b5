import type { Program } from './actor.ts';

/** Why a call finds no actor (RFC 5531, 9). */
export type Missing =
  { readonly missing: 'program' } | { readonly missing: 'version'; readonly low: number; readonly high: number };

/** The programs of a service, by number and version. */
export class ProgramRegistry {
  readonly #programs = new Map<number, Map<number, Program>>();

  constructor(programs: Iterable<Program> = []) {
    for (const program of programs) this.add(program);
  }

  add(program: Program): void {
    const versions = this.#programs.get(program.number) ?? new Map<number, Program>();
    if (versions.has(program.version))
      throw new Error(`${program.name} version ${program.version} is registered already`);
    versions.set(program.version, program);
    this.#programs.set(program.number, versions);
  }

  find(number: number, version: number): Program | Missing {
    const versions = this.#programs.get(number);
    if (versions === undefined) return { missing: 'program' };
    const program = versions.get(version);
    if (program !== undefined) return program;
    const known = [...versions.keys()];
    return { missing: 'version', low: Math.min(...known), high: Math.max(...known) };
  }

  *[Symbol.iterator](): Iterator<Program> {
    for (const versions of this.#programs.values()) yield* versions.values();
  }
}

/** Whether {@link ProgramRegistry.find} found nothing. */
export function isMissing(found: Program | Missing): found is Missing {
  return 'missing' in found;
}
