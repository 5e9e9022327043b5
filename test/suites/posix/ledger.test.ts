import t from 'tap';
import { Ledger, type Printer } from './ledger.ts';

function recorder(): { printer: Printer; said: string[] } {
  const said: string[] = [];
  const printer: Printer = {
    passed: id => said.push(`passed ${id}`),
    failed: (id, problems) => said.push(`failed ${id}: ${problems.join()}`),
    excepted: (id, exception) => said.push(`excepted ${id} by ${exception}`),
    skipped: (id, why) => said.push(`skipped ${id}: ${why}`),
    note: () => {},
    end: summary => said.push(summary),
  };
  return { printer, said };
}

const results = [
  { id: 'g/good', problems: [] },
  { id: 'g/bad', problems: ['wrong'] },
  { id: 'g/lacking', lacks: 'needs root' },
  { id: 'g/early', problems: ['1970'], except: 'times' },
  { id: 'g/late', problems: [], except: 'times' },
] as const;

t.test('on a local file system no failure is excepted', t => {
  const { printer, said } = recorder();
  const ledger = new Ledger('local', printer);
  for (const result of results) ledger.take(result);
  ledger.end();
  t.strictSame(said, [
    'passed g/good',
    'failed g/bad: wrong',
    'skipped g/lacking: needs root',
    'failed g/early: 1970',
    'passed g/late',
    '2 passed, 2 failed, 0 excepted, 1 skipped',
  ]);
  t.end();
});

t.test('over NFS the exceptions of the list are excepted', t => {
  const { printer, said } = recorder();
  const ledger = new Ledger('nfs', printer);
  for (const result of results) ledger.take(result);
  ledger.end();
  t.strictSame(said.slice(3), [
    'excepted g/early by times',
    'passed g/late',
    '2 passed, 1 failed, 1 excepted, 1 skipped',
  ]);
  t.end();
});

t.test('an exception whose cases all pass is a failure', t => {
  const { printer, said } = recorder();
  const ledger = new Ledger('nfs', printer);
  ledger.take(results[4]);
  ledger.end();
  t.strictSame(said, [
    'passed g/late',
    'failed exceptions/times: all its cases pass: g/late',
    '1 passed, 1 failed, 0 excepted, 0 skipped',
  ]);
  t.end();
});
