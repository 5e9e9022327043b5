/** How results are printed: a line for each failure, or TAP. */
import type { Printer } from './ledger.ts';

const escape = (character: string): string => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' | ').replaceAll(/[^ -~…]/g, escape);

export const linePrinter = (verbose: boolean): Printer => ({
  passed: id => {
    if (verbose) console.log(`ok ${oneLine(id)}`);
  },
  failed: (id, problems) => console.log(`FAIL ${oneLine(id)}: ${oneLine(problems.join('; '))}`),
  excepted: (id, exception, problems) => {
    if (verbose) console.log(`excepted ${oneLine(id)} [${exception}]: ${oneLine(problems.join('; '))}`);
  },
  skipped: (id, why) => {
    if (verbose) console.log(`skipped ${oneLine(id)}: ${why}`);
  },
  note: text => console.log(`# ${oneLine(text)}`),
  end: summary => console.log(`posix: ${summary}`),
});

export const tapPrinter = (): Printer => {
  let number = 0;
  const line = (ok: string, id: string, more = ''): void =>
    console.log(`${ok} ${++number} - ${oneLine(id).replaceAll('#', '\\#')}${more}`);
  console.log('TAP version 14');
  return {
    passed: id => line('ok', id),
    failed: (id, problems) => {
      line('not ok', id);
      console.log(`  ---\n  problems: ${JSON.stringify(problems)}\n  ...`);
    },
    // An excepted case is not a TAP "todo": it ran, and went as the list of exceptions says.
    excepted: (id, exception) => line('ok', `${id}: excepted, ${exception}`),
    skipped: (id, why) => line('ok', id, ` # SKIP ${why}`),
    note: text => console.log(`# ${oneLine(text)}`),
    end: summary => console.log(`1..${number}\n# posix: ${summary}`),
  };
};
