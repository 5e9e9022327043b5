/** Judges results by the list of exceptions, counts them and prints them. */
import { EXCEPTIONS, type Expect, holds } from './exceptions.ts';
import type { Result } from './runner.ts';

export interface Printer {
  readonly passed: (id: string) => void;
  readonly failed: (id: string, problems: readonly string[]) => void;
  /** The case failed in a way that NFSv3 cannot avoid. */
  readonly excepted: (id: string, exception: string, problems: readonly string[]) => void;
  readonly skipped: (id: string, why: string) => void;
  readonly note: (text: string) => void;
  readonly end: (summary: string) => void;
}

const LISTED_MAX = 5;
const count = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

export class Ledger {
  passed = 0;
  failed = 0;
  excepted = 0;
  skipped = 0;
  readonly #expect: Expect;
  readonly #printer: Printer;
  readonly #skippedBecause = new Map<string, number>();
  /** For each exception, how many of its cases failed, and which passed. */
  readonly #seen = new Map<string, { failed: number; passed: string[] }>();
  /** For each group, how many of its cases ran. */
  readonly #ran = new Map<string, number>();

  constructor(expect: Expect, printer: Printer) {
    this.#expect = expect;
    this.#printer = printer;
  }

  take({ id, problems, lacks, except }: Result): void {
    if (problems === undefined) {
      this.skipped++;
      count(this.#skippedBecause, lacks ?? 'no reason');
      return this.#printer.skipped(id, lacks ?? 'no reason');
    }
    count(this.#ran, id.slice(0, id.indexOf('/')));
    const exception = EXCEPTIONS.find(exception => exception.id === except);
    if (exception === undefined || !holds(exception, this.#expect)) return this.#plain(id, problems);
    let seen = this.#seen.get(exception.id);
    if (seen === undefined) this.#seen.set(exception.id, (seen = { failed: 0, passed: [] }));
    if (problems.length === 0) {
      seen.passed.push(id);
      return this.#plain(id, problems);
    }
    seen.failed++;
    this.excepted++;
    this.#printer.excepted(id, exception.id, problems);
  }

  #plain(id: string, problems: readonly string[]): void {
    if (problems.length === 0) {
      this.passed++;
      this.#printer.passed(id);
    } else {
      this.failed++;
      this.#printer.failed(id, problems);
    }
  }

  note(text: string): void {
    this.#printer.note(text);
  }

  /** Prints the sums. An exception whose cases all pass is a failure, so that it is taken off the list. */
  end(): void {
    for (const [id, { failed, passed }] of this.#seen) {
      const names = passed.slice(0, LISTED_MAX).join(', ');
      if (failed === 0) this.#plain(`exceptions/${id}`, [`all its cases pass: ${names}`]);
      else if (passed.length > 0) this.note(`exception ${id}: ${passed.length} of its cases pass: ${names}`);
    }
    this.note([...this.#ran].map(([name, ran]) => `${name} ${ran}`).join(', '));
    for (const [id, { failed }] of this.#seen) this.note(`excepted ${failed}: ${id}`);
    for (const [why, number] of this.#skippedBecause) this.note(`skipped ${number}: ${why}`);
    this.#printer.end(
      `${this.passed} passed, ${this.failed} failed, ${this.excepted} excepted, ${this.skipped} skipped`,
    );
  }

  get ran(): number {
    return this.passed + this.failed + this.excepted;
  }
}
