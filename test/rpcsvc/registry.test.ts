import t from 'tap';
import { ProgramRegistry } from '#src/rpcsvc/registry.ts';
import { echo } from '../support/rpc/echo.ts';

t.test('a program is found by number and version; otherwise the registry says what is missing', async t => {
  const three = { ...echo, version: 5 };
  const registry = new ProgramRegistry([echo, three]);
  t.equal(registry.find(echo.number, 2), echo);
  t.equal(registry.find(echo.number, 5), three);
  t.strictSame(registry.find(echo.number, 3), { missing: 'version', low: 2, high: 5 });
  t.strictSame(registry.find(1, 2), { missing: 'program' });
  t.strictSame([...registry], [echo, three]);
  t.throws(() => registry.add(echo), /ECHO version 2 is registered already/);
});
