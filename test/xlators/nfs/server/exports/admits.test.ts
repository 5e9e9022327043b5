import t from 'tap';
import { admits } from '#src/xlators/nfs/server/exports/admits.ts';
import type { Export } from '#src/xlators/nfs/server/exports/exports.ts';
import { HostNames } from '#src/xlators/nfs/server/exports/host-names.ts';
import { HostRules } from '#src/xlators/nfs/server/exports/hosts.ts';

/** A resolver that never answers. */
const names = new HostNames({ addressesOf: () => new Promise(() => {}), namesOf: () => new Promise(() => {}) });
const list = (text: string | undefined) => (text === undefined ? undefined : HostRules.parse(text, 'test:1', names));

function exportOf(allow: string, reject?: string, dir?: string): Export {
  const rule = <T>(value: T) => ({ value, option: '', where: '' });
  const rejects = reject === undefined ? [] : [rule(list(reject)!)];
  const rules = { allow: rule(list(allow)!), rejects };
  return { rules, hosts: rule(list(dir)) } as unknown as Export;
}

const ADDRESS = '10.1.2.3';
const cases: [string, boolean, Export[]][] = [
  ['every client may', true, [exportOf('*')]],
  ['its network may', true, [exportOf('10.0.0.0/8')]],
  ['another network may', false, [exportOf('192.168.0.0/16')]],
  ['no client may', false, [exportOf('none')]],
  ['there are no exports', false, []],
  ['one of several exports is for it', true, [exportOf('192.168.0.0/16'), exportOf('10.1.2.3')]],
  ['it is rejected', false, [exportOf('*', '10.1.0.0/16')]],
  ['it is rejected by one export only', true, [exportOf('*', '10.1.0.0/16'), exportOf('*')]],
  ['a directory is for others', false, [exportOf('*', undefined, '192.168.0.1')]],
  ['a directory is for it', true, [exportOf('*', undefined, '10.1.2.3')]],
  ['a name may be its own', true, [exportOf('client.example.org')]],
  ['a pattern of names may be its own', true, [exportOf('*.example.org')]],
  ['a directory is for a name', true, [exportOf('*', undefined, 'client.example.org')]],
  ['a name that may be its own is rejected', true, [exportOf('*', 'client.example.org')]],
  ['a name is allowed, its address rejected', false, [exportOf('client.example.org', '10.0.0.0/8')]],
];

for (const [name, wanted, exports] of cases) {
  t.test(`${name}: ${wanted ? 'admitted' : 'refused'}`, async t => t.equal(admits(exports, ADDRESS), wanted));
}
