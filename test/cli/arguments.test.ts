/** A wrong command line is answered with one line on standard error and exit code 2. */
import { join } from 'node:path';
import t from 'tap';
import { COMMANDS } from '#src/cli/commands/commands.ts';
import { bricknfs, folders } from './harness.ts';
import { refused } from './in-process.ts';

const { data, state } = folders(t, 'data', 'state');

const bad: readonly (readonly [args: readonly string[], line: string])[] = [
  [[], 'bricknfs: expected a command: serve, mount, check, exports, mounts, status, explain, options (or --help)'],
  [
    ['sreve'],
    'bricknfs: expected a command (serve, mount, check, exports, mounts, status, explain, options), found "sreve" (did you mean "serve"?)',
  ],
  [['serve', '--prot', '1'], 'bricknfs: unknown option --prot (did you mean "--port"?); --help lists all options'],
  [['check', 'x.vol'], 'bricknfs: check takes no argument "x.vol"; see --help'],
  [['serve', '--port', '70000'], 'bricknfs: expected a whole number from 0 to 65535 for --port, found "70000"'],
  [['serve', '-P', '1', '-P', '2'], 'bricknfs: expected --port once, found it 2 times'],
  [['serve', '--squash', 'some'], 'bricknfs: expected one of none, root, all for --squash, found "some"'],
  [['serve', '--state-dir'], 'bricknfs: expected a value for --state-dir, found nothing'],
  [
    ['serve', '-L', 'loud'],
    'bricknfs: expected one of trace, debug, info, warn, warning, error, fatal, critical, none for --log-level, found "loud"',
  ],
  [['serve', `${data}/none`], `bricknfs: cannot serve ${data}/none: there is no such directory`],
  [['serve', import.meta.filename], `bricknfs: expected a directory, but ${import.meta.filename} is not one`],
  [
    ['serve', data, data],
    `bricknfs: ${data} and ${data} would both be called "data"; name the directories with --name`,
  ],
  [
    ['serve', '--name', '..', data],
    'bricknfs: expected a volume name of 1 to 255 bytes, without slashes, control characters and spaces at its ends, found ".."; --name gives another',
  ],
  [['serve', '-f', `${data}/x.vol`], `bricknfs: cannot read the volfile ${data}/x.vol: it does not exist (ENOENT)`],
  [
    ['serve', '-f', join(import.meta.dirname, '../volfile/grammar.vol'), '--squash', 'all'],
    'bricknfs: expected no --squash with a volfile: set option nfs3.VOLUME.squash of nfs/server in it',
  ],
  [['serve', '-s', 'gnode'], 'bricknfs: expected --volfile-id VOLUME with -s gnode'],
  [
    ['serve', '--volfile-id', 'data'],
    'bricknfs: expected -s HOST with --volfile-id data: the host whose glusterd knows the volume',
  ],
  [
    ['serve', '-s', 'gnode', '--volfile-id', 'a', data],
    `bricknfs: expected DIRs, -f VOLFILE or -s HOST, found DIRs (${data}) and -s gnode`,
  ],
  [
    ['serve', '-s', 'gnode', '--volfile-id', 'a,a'],
    'bricknfs: two volumes would be called "a"; name the volumes with --name',
  ],
  [['check', '-s', 'gnode', '-f', 'x.vol', '--volfile-id', 'a'], 'bricknfs: expected one of -f and -s, found both'],
  [
    ['check', '-s', 'g@node', '--volfile-id', 'a'],
    '(generated volfile):3: expected a list, separated by commas, each a host, HOST:PORT or [IPV6]:PORT for option volfile-server, found "g@node"',
  ],
  [
    ['serve', '--xlator-option', 'none.port=1', data, '--state-dir', state],
    '--xlator-option none.port=1: expected a volume of the volfile (data-posix, data, nfs-server), found "none.port"',
  ],
  [
    ['serve', '--allow', 'a[b', data],
    '--allow: expected an address (10.0.0.1, fd00::1), a network (10.0.0.0/8), a pattern (192.168.*, *.example.org), a host name or *, found "a[b"',
  ],
  [
    ['explain', '--client', 'here', '--path', '/', '--uid', '0'],
    'bricknfs: expected an IP address for --client, found "here"',
  ],
];

t.test('a wrong command line is refused in one line', async t => {
  for (const [args, line] of bad) {
    t.strictSame(await refused(t, args), { code: 2, stderr: `${line}\n` }, args.join(' '));
  }
});

t.test('it is refused in a process of its own as well', async t => {
  const [args, line] = bad[0]!;
  t.strictSame(await bricknfs(args), { code: 2, stdout: '', stderr: `${line}\n` });
});

t.test('--help has examples for each command', async t => {
  await Promise.all(
    ['serve', 'explain'].map(async command => {
      const { code, stdout } = await bricknfs([command, '--help']);
      t.equal(code, 0);
      t.match(stdout, new RegExp(`Examples:\\s+bricknfs ${command}`));
    }),
  );
  for (const entry of COMMANDS) t.ok((await entry.load()).examples.length > 0, entry.usage);
});

t.test('commands say if there is no server to ask', async t => {
  const { code, stderr } = await bricknfs(['status', '--state-dir', state]);
  t.equal(code, 1);
  t.equal(
    stderr,
    `bricknfs: no server is running with the state directory ${state}; name another with --state-dir or --control\n`,
  );
});
