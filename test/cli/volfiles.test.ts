/** Both `check` and `serve` refuse an invalid volfile with `file:line: expected …` and exit code 2. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Explanation } from '#src/server/control/explain.ts';
import { bricknfs, folders } from './harness.ts';
import { refused } from './in-process.ts';

const { data, vol } = folders(t, 'data', 'vol');

const brick = `volume brick\n type storage/posix\n option directory ${data}\nend-volume\n`; // Lines 1 to 4.
const top = (more = '') => `volume nfs\n type nfs/server\n subvolumes brick\n${more}end-volume\n`; // Lines 5 to 8.

const bad: Record<string, readonly [text: string, line: string]> = {
  empty: ['', ':1: expected `volume NAME`: the file declares none, found the end of the file'],
  'no-end': [
    brick + 'volume nfs\n type nfs/server\n subvolumes brick\n',
    ':7: expected `end-volume` for volume "nfs" (',
  ],
  'no-type': ['volume a\n subvolumes b\nend-volume\n', ':2: expected `type` first in volume "a" ('],
  'unknown-type': ['volume a\n type storage/posixx\nend-volume\n', ':2: expected a type that is known ('],
  cycle: [
    'volume a\n type debug/trace\n subvolumes b\nend-volume\nvolume b\n type debug/trace\n subvolumes a\nend-volume\n',
    ':3: expected no volume under itself, found a cycle: a -> b -> a',
  ],
  'no-subvolume': [
    'volume nfs\n type nfs/server\n subvolumes brick\nend-volume\n',
    ':3: expected a volume declared above, found "brick", which no volume here is called',
  ],
  'no-child': [
    'volume nfs\n type nfs/server\nend-volume\n',
    ':1: expected at least 1 subvolumes for nfs/server in volume "nfs", found none',
  ],
  range: [
    brick + top(' option nfs.port 99999\n'),
    ':8: expected a whole number from 0 to 65535 for option nfs.port, found "99999"',
  ],
  required: [
    'volume brick\n type storage/posix\nend-volume\n',
    ':1: expected option directory (an absolute path, such as /srv/data), found volume "brick" without it',
  ],
  'no-directory': [
    brick.replace(data, `${data}/none`) + top(),
    `:3: expected a directory, found nothing at "${data}/none"`,
  ],
  'no-top': [brick, ':1: expected nfs/server as the last volume, the top of the graph, found storage/posix'],
  hosts: [brick + top(' option rpc-auth.addr.allow a[b\n'), ':8: expected an address (10.0.0.1, fd00::1), '],
};

t.test('invalid volfiles are refused', async t => {
  for (const [name, [text, line]] of Object.entries(bad)) {
    const file = join(vol, `${name}.vol`);
    writeFileSync(file, text);
    const { code, stderr } = await refused(t, ['check', '-f', file]);
    t.equal(code, 2, name);
    t.ok(stderr.startsWith(file + line), `${name}: ${stderr}`);
    t.equal(stderr.split('\n').length, 2, 'one line');
    t.strictSame(await refused(t, ['serve', '-f', file]), { code, stderr }, 'serve refuses it with the same words');
  }
});

t.test('invalid volfiles are refused in processes of their own as well', async t => {
  const file = join(vol, 'range.vol');
  const [checked, served] = await Promise.all([bricknfs(['check', '-f', file]), bricknfs(['serve', '-f', file])]);
  t.strictSame(checked, { code: 2, stdout: '', stderr: `${file}${bad['range']![1]}\n` });
  t.strictSame(served, checked);
});

t.test('check prints the effective graph, the exports, and what is ignored', async t => {
  const file = join(vol, 'good.vol');
  writeFileSync(file, brick + top(' option nfs3.brick.squash root\n option nfs.acl on\n'));
  const { code, stdout, stderr } = await bricknfs(['check', '-f', file, '--xlator-option', 'nfs.nfs.port=3049']);
  t.equal(code, 0);
  t.match(stdout, '    option nfs.port 3049\n');
  t.match(stdout, /^\/brick +read-write +root to 65534:65534 +\* /m);
  const why = 'the kernel enforces ACLs, and clients can neither read nor set them';
  t.equal(stderr, `${file}:9: volume "nfs": option nfs.acl has no effect here: ${why}\n`);

  const words = ['explain', '-f', file, '--client', '10.0.0.1', '--path', '/brick/x', '--uid', '0', '--json'];
  const [explained, byPort] = await Promise.all([bricknfs(words), bricknfs([...words, '--port', '4000'])]);
  t.match(JSON.parse(explained.stdout) as Explanation, {
    allowed: true,
    identity: { uid: 65_534, gid: 65_534, groups: [] },
    squash: { mode: 'root', applied: true, where: `${file}:8` },
  });
  t.match(JSON.parse(byPort.stdout) as Explanation, {
    allowed: false,
    rule: 'rpc-auth.ports.insecure',
    where: 'default',
  });
});

t.test('check --json prints volumes, exports and warnings, and --strict refuses warnings', async t => {
  const file = join(vol, 'warned.vol');
  writeFileSync(file, brick + top(' option nfs.acl on\n'));
  const { code, stdout } = await bricknfs(['check', '-f', file, '--json']);
  t.equal(code, 0);
  const { volumes, exports, warnings } = JSON.parse(stdout) as Record<string, unknown[]>;
  t.match(volumes, [
    { name: 'brick', type: 'storage/posix', options: { directory: data }, subvolumes: [] },
    { name: 'nfs', type: 'nfs/server', options: { 'nfs.acl': 'on' }, subvolumes: ['brick'] },
  ]);
  t.match(exports, [{ volume: 'brick', access: 'read-write' }]);
  t.equal(warnings!.length, 1);
  const strict = await bricknfs(['check', '-f', file, '--json', '--strict']);
  t.match(strict, { code: 2, stdout, stderr: 'expected no warnings (--strict), found 1' });
});
