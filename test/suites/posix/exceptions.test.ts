import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Case } from './support/case.ts';
import { type Exception, EXCEPTIONS } from './exceptions.ts';
import { GROUPS } from './groups.ts';

const DOCS = join(import.meta.dirname, '../../../docs/nfsv3-limits.md');
const EVERYWHERE_MAX = 10;

const all = [
  ...(function* (): Iterable<[id: string, one: Case]> {
    for (const group of GROUPS) for (const one of group.cases()) yield [`${group.name}/${one.name}`, one];
  })(),
];

t.test('the list of exceptions in the docs is the list that the suite uses', t => {
  const [, everywhere = '', gluster = '', fallback = ''] = readFileSync(DOCS, 'utf8').split(/^## .*$/m);
  const rows = (text: string) =>
    text
      .split('\n')
      .filter(line => line.startsWith('| `'))
      .map(line => line.split('|').map(cell => cell.trim()))
      .map(([, id, what, reason]) => ({ id: id!.replaceAll('`', ''), what, reason }));
  const listed = (on: string) =>
    EXCEPTIONS.filter(exception => exception.on === on).map(({ id, what, reason }) => ({ id, what, reason }));
  t.strictSame(rows(everywhere), listed('nfs'));
  t.strictSame(rows(gluster), listed('nfs-gluster'));
  t.strictSame(rows(fallback), listed('nfs-fallback'));
  t.end();
});

t.test('each exception is named by a case and quotes a clause', t => {
  t.ok(EXCEPTIONS.filter(({ on }) => on === 'nfs').length <= EVERYWHERE_MAX, 'entries');
  const named = new Set<string | undefined>(all.map(([, one]) => one.except));
  for (const { id, on, reason } of EXCEPTIONS as readonly Exception[]) {
    t.ok(named.has(id), `a case names ${id}`);
    if (on === 'nfs') t.match(reason, /RFC 1813, \d/, `${id} quotes a clause of RFC 1813`);
  }
  t.end();
});
t.test('each case has an id of its own, and there are more than 9000', t => {
  const seen = new Set<string>();
  t.strictSame(
    all.map(([id]) => id).filter(id => seen.has(id) || !seen.add(id)),
    [],
  );
  t.ok(all.length > 9000, `${all.length} cases`);
  t.end();
});
