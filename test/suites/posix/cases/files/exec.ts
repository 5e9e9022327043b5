/** Programs: which users may execute them, and what may be done to a running one (ETXTBSY). */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { constants, readFileSync } from 'node:fs';
import { errnoOf } from '#src/errno.ts';
import type { Box } from '../../support/box.ts';
import * as call from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { modesFor } from '../../support/modes.ts';
import { as, owner, self } from '../../support/people.ts';

const { O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;
const EXECUTE = 1;
const READ = 4;

/** Copies the content alone. Owner and mode stay as they are. */
function copy(from: string, path: string): void {
  const fd = call.creat(path);
  if (typeof fd !== 'number') throw new Error(`creat ${path}: ${fd}`);
  const bytes = readFileSync(from);
  const wrote = call.write(fd, bytes);
  if (wrote !== bytes.length) throw new Error(`write ${path}: ${wrote}`);
  call.close(fd);
}

/** Runs a program to its end. Returns `OK`, or why it could not be run. */
function run(path: string): call.Outcome {
  const { error, status } = spawnSync(path, { stdio: 'ignore' });
  if (error !== undefined) return errnoOf(error) ?? 'EIO';
  return status === 0 ? 'OK' : 'ECHILD';
}

function* rights(): Iterable<Case> {
  for (const { person, bits, mode, uid, gid } of modesFor(0o7)) {
    const allowed = person.uid === 0 ? (mode & 0o111) !== 0 : (bits & EXECUTE) !== 0;
    yield {
      name: `by ${person.name} with ${bits.toString(8)}`,
      by: person,
      run: box => {
        const path = box.make('regular', 'x', { mode: 0o777, uid, gid });
        as(self, () => {
          copy('/bin/true', path);
          box.ok(call.chmod(path, mode), 'chmod');
        });
        box.is(run(path), allowed ? 'OK' : 'EACCES', 'execve');
        // A program that may only be executed may not be read, although the system must read it to run it.
        const mayRead = person.uid === 0 || (bits & READ) !== 0;
        box.is(call.tryOpen(path, O_RDONLY), mayRead ? 'OK' : 'EACCES', 'open');
      },
    };
  }
}

const BUSY: readonly { name: string; run: (path: string) => call.Outcome; outcome: call.Outcome }[] = [
  { name: 'open to write', run: path => call.tryOpen(path, O_WRONLY), outcome: 'ETXTBSY' },
  { name: 'open to read and write', run: path => call.tryOpen(path, O_RDWR), outcome: 'ETXTBSY' },
  { name: 'open O_TRUNC', run: path => call.tryOpen(path, O_WRONLY | O_TRUNC), outcome: 'ETXTBSY' },
  { name: 'truncate', run: path => call.truncate(path, 0), outcome: 'ETXTBSY' },
  { name: 'open to read', run: path => call.tryOpen(path, O_RDONLY), outcome: 'OK' },
  { name: 'chmod', run: path => call.chmod(path, 0o700), outcome: 'OK' },
  { name: 'rename', run: path => call.rename(path, `${path}2`), outcome: 'OK' },
  { name: 'unlink', run: path => call.unlink(path), outcome: 'OK' },
];

/** Starts a program that runs until it is told to end. */
function running(box: Box): { path: string; child: ChildProcess } {
  const path = box.at('sleep');
  copy('/bin/sleep', path);
  box.ok(call.chmod(path, 0o755), 'chmod');
  const child = spawn(path, ['60'], { stdio: 'ignore' });
  child.on('error', () => {});
  if (child.pid === undefined) box.wrong('the program does not run');
  return { path, child };
}

function* busy(): Iterable<Case> {
  for (const { name, run, outcome } of BUSY) {
    yield {
      name: `a running program/${name}`,
      run: box => {
        const { path, child } = running(box);
        try {
          box.is(run(path), outcome, name);
          const rest = [path, `${path}2`].find(path => typeof call.lstat(path) !== 'string');
          if (rest !== undefined)
            box.is(readFileSync(rest).equals(readFileSync('/bin/sleep')), true, 'whether the program is whole');
        } finally {
          child.kill('SIGKILL');
        }
      },
    };
  }
  yield {
    name: 'a program that is open for writing',
    run: box => {
      const path = box.at('x');
      copy('/bin/true', path);
      box.ok(call.chmod(path, 0o755), 'chmod');
      const fd = box.open(path, O_RDWR);
      box.is(run(path), 'ETXTBSY', 'execve');
      box.close(fd);
      box.ok(run(path), 'execve afterwards');
    },
  };
}

export const exec = group('exec', function* () {
  yield* rights();
  yield* byBoth(busy(), owner);
});
