/** bin/bricknfs finds a Node.js that can run the program, or says in one line what is missing. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { folders } from './cli/harness.ts';

const LAUNCHER = join(import.meta.dirname, '../bin/bricknfs');

interface Machine {
  /** A shell script in place of the Node.js of the packages. Undefined if npm ci has not run. */
  readonly own?: string;
  /** A shell script in place of the Node.js in PATH. */
  readonly inPath?: string;
  readonly installed?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

const good = (name: string) => `[ "$1" = --version ] && echo v26.10.0 && exit; echo ${name} "$@"`;
const version = (text: string) => `echo ${text}`;
// The messages of the loaders of glibc and musl.
const NO_LIBRARY =
  'echo "node: error while loading shared libraries: libatomic.so.1: cannot open shared object file: No such file or directory" >&2; exit 127';
const OLD_LIBC = `echo "node: /lib/libc.so.6: version 'GLIBC_2.28' not found (required by node)" >&2; exit 1`;

function launch(t: Test, { own, inPath, installed = true, env = {} }: Machine) {
  const { app, path } = folders(t, 'app', 'path');
  for (const folder of ['bin', 'node_modules/.bin', ...(installed ? ['node_modules/koffi'] : [])]) {
    mkdirSync(join(app, folder), { recursive: true });
  }
  const make = (file: string, script: string) => {
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  };
  copyFileSync(LAUNCHER, join(app, 'bin/bricknfs'));
  if (own !== undefined) make(join(app, 'node_modules/.bin/node'), own);
  if (inPath !== undefined) make(join(path, 'node'), inPath);
  for (const tool of ['readlink', 'sh']) symlinkSync(`/bin/${tool}`, join(path, tool));
  symlinkSync(join(app, 'bin/bricknfs'), join(path, 'bricknfs'));
  const { status, stdout, stderr } = spawnSync(join(path, 'bricknfs'), ['status', '--json', 'a b'], {
    env: { PATH: path, ...env },
    encoding: 'utf8',
  });
  return {
    status,
    stdout: stdout.replaceAll(app, 'APP'),
    stderr: stderr.replaceAll(app, 'APP').replaceAll(path, 'PATH'),
  };
}

const runs = (name: string) => ({
  status: 0,
  stdout: `${name} --disable-sigusr1 APP/src/main.ts status --json a b\n`,
  stderr: '',
});
const refuses = (line: string, status = 1) => ({ status, stdout: '', stderr: `bricknfs: ${line}\n` });
const cannot = (why: string) => refuses(`Node.js cannot be used: ${why}`);

const cases: Readonly<Record<string, readonly [Machine, object]>> = {
  'the packages bring one': [{ own: good('own'), inPath: good('other') }, runs('own')],
  'a container without it': [{ inPath: good('other') }, runs('other')],
  'the one in PATH, where its own cannot run': [{ own: NO_LIBRARY, inPath: good('other') }, runs('other')],
  'npm ci has not run': [
    { installed: false, inPath: good('other') },
    refuses('its packages are not installed; run npm ci in APP'),
  ],
  'a library is missing': [
    { own: NO_LIBRARY, inPath: version('v18.20.4') },
    cannot(
      'it needs libatomic.so.1, which is not installed; on Debian and Ubuntu: apt-get install libatomic1 (APP/node_modules/.bin/node)',
    ),
  ],
  'an old C library': [
    { own: OLD_LIBC },
    cannot(
      "it does not run (node: /lib/libc.so.6: version 'GLIBC_2.28' not found (required by node)) (APP/node_modules/.bin/node)",
    ),
  ],
  'an old one in PATH': [
    { inPath: version('v18.20.4') },
    cannot('it is v18.20.4, and 24.12 or later is needed; run npm ci in APP, which brings it (PATH/node)'),
  ],
  'one that is nearly new enough': [
    { inPath: version('v24.11.1') },
    cannot('it is v24.11.1, and 24.12 or later is needed; run npm ci in APP, which brings it (PATH/node)'),
  ],
  none: [{}, cannot('there is none; install one of 24.12 or later')],
  'a debugger that NODE_OPTIONS asks for': [
    { own: good('own'), env: { NODE_OPTIONS: '--no-warnings --inspect-brk=0.0.0.0:9229' } },
    refuses(
      'NODE_OPTIONS tells Node.js to open a debugger (--no-warnings --inspect-brk=0.0.0.0:9229): start it without --inspect',
      2,
    ),
  ],
};

for (const [title, [machine, expected]] of Object.entries(cases)) {
  t.test(title, async t => {
    t.strictSame(launch(t, machine), expected);
  });
}

t.test('the real launcher runs the program', async t => {
  const { status, stdout, stderr } = spawnSync(LAUNCHER, ['--version'], { encoding: 'utf8' });
  t.strictSame({ status, stderr }, { status: 0, stderr: '' });
  t.match(stdout, /^\d+\.\d+\.\d+\n$/);
});
